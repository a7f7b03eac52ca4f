import { type FormEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/ui/Button.tsx';
import { SecretField } from '../../components/ui/Field.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';

export function PasswordForm({
  senderName,
  isWrong,
  fault,
  onSubmit,
}: {
  readonly senderName: string | null;
  readonly isWrong: boolean;
  readonly fault: Fault | null;
  readonly onSubmit: (password: string) => Promise<void>;
}) {
  const { messages, format } = useLanguage();
  const [isBusy, setIsBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  const page = useFocusHome<HTMLElement>();
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const password = field.current?.value ?? '';
    if (password === '' || isBusy) return;
    setIsBusy(true);
    await onSubmit(password);
    setIsBusy(false);
    field.current?.select();
  };
  const explanation = fault ? explainFault(fault, messages, format) : null;
  return (
    <section ref={page} className="animate-rise flex flex-1 flex-col justify-center gap-6 pb-16">
      <div className="flex flex-col gap-3">
        <h1 className="text-3xl font-semibold tracking-[-0.03em] text-balance sm:text-4xl">
          {messages.receive.passwordTitle}
        </h1>
        <p className="text-lg text-ink-soft">
          {senderName ? messages.receive.passwordFrom(senderName) : messages.receive.passwordText}
        </p>
      </div>
      <form onSubmit={submit} className="flex max-w-md flex-col gap-4">
        <SecretField
          ref={field}
          label={messages.receive.passwordLabel}
          wrong={isWrong ? messages.receive.passwordWrong : null}
        />
        {explanation && (
          <Notice tone="loss" title={explanation.title}>
            {explanation.advice}
          </Notice>
        )}
        <Button type="submit" variant="primary" size="lg" className="self-start max-sm:w-full" isBusy={isBusy}>
          {messages.receive.passwordSubmit}
        </Button>
      </form>
    </section>
  );
}
