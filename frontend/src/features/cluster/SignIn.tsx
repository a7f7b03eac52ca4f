import { type FormEvent, useEffect, useRef, useState } from 'react';
import { Button } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { SecretField } from '../../components/ui/Field.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { Answered } from '../../transfer-engine/transport.ts';

/** Longer than any token: what is pasted by mistake need not be sent. */
const MAX_TOKEN_LENGTH = 512;

type OnSignIn = (token: string) => Promise<Answered<null>>;

export function SignIn({
  isOver,
  onSignIn,
}: {
  /** The browser was signed in, and the server ended it. */
  readonly isOver: boolean;
  readonly onSignIn: OnSignIn;
}) {
  const { messages } = useLanguage();
  const words = messages.cluster.signIn;
  const { isBusy, fault, field, submit } = useSignIn(onSignIn);
  const page = useFocusHome<HTMLElement>();
  const isWrong = isRefused(fault);
  return (
    <section ref={page} className="animate-rise flex flex-1 flex-col justify-center gap-8 pb-16">
      <div className="flex flex-col gap-3">
        <h1 className="text-3xl font-semibold tracking-[-0.03em] sm:text-4xl">{messages.cluster.title}</h1>
        <p className="max-w-[52ch] text-lg text-ink-soft">{words.lead}</p>
      </div>
      {isOver && fault === null && <Notice tone="waiting" title={words.over} />}
      <form onSubmit={submit} className="flex max-w-md flex-col gap-4">
        <SecretField
          ref={field}
          label={words.label}
          wrong={isWrong ? words.wrong : null}
          maxLength={MAX_TOKEN_LENGTH}
          className="font-mono"
        />
        {fault && !isWrong && <OtherFault fault={fault} />}
        <Button type="submit" variant="primary" size="lg" className="self-start max-sm:w-full" isBusy={isBusy}>
          {words.submit}
        </Button>
      </form>
      <WhereTokenIs />
    </section>
  );
}

/** The field has the focus; after a token that was refused, all of it is chosen. */
function useSignIn(onSignIn: OnSignIn) {
  const [isBusy, setIsBusy] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    const token = field.current?.value.trim() ?? '';
    if (token === '' || isBusy) return;
    setIsBusy(true);
    const answer = await onSignIn(token);
    // Signed in, this form is gone.
    if (answer.ok) return;
    setIsBusy(false);
    setFault(answer.fault);
    field.current?.select();
  };
  return { isBusy, fault, field, submit };
}

function WhereTokenIs() {
  const { messages } = useLanguage();
  const words = messages.cluster.signIn;
  return (
    <div className="flex max-w-[60ch] flex-col gap-2 text-sm text-ink-soft">
      <p>{words.where}</p>
      <p className="flex flex-wrap items-center gap-x-4">
        <code dir="ltr" className="font-mono text-ink">
          {words.command}
        </code>
        <CopyButton variant="quiet" text={words.command} label={words.copyCommand} className="px-0!" />
      </p>
    </div>
  );
}

/** The token is not the one: too short, too long or another. */
function isRefused(fault: Fault | null): boolean {
  return fault?.kind === 'problem' && ['bad_token', 'forbidden', 'bad_request', 'bad_password'].includes(fault.type);
}

function OtherFault({ fault }: { readonly fault: Fault }) {
  const { messages, format } = useLanguage();
  if (fault.kind === 'problem' && fault.type === 'rate_limited') {
    const wait = format.duration(fault.retryAfterMs ?? 60_000);
    return <Notice tone="waiting" title={messages.cluster.signIn.tooOften(wait)} />;
  }
  const { title, advice } = explainFault(fault, messages, format);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}
