import { type FormEvent, type RefObject, useRef, useState } from 'react';
import { MAX_TEXT_BYTES } from '../../../../services/contracts/limits.ts';
import type { Person } from '../../../../services/contracts/person.ts';
import { Button } from '../../components/ui/Button.tsx';
import { FIELD_CLASS } from '../../components/ui/Field.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { Sheet } from '../../components/ui/Sheet.tsx';
import { textFile } from '../../lib/collect-files.ts';
import type { CollectedFile } from '../../lib/file-list.ts';
import { peopleApi } from '../../lib/people-api.ts';
import { randomId } from '../../lib/random-id.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { useNames } from './names.ts';
import { sendableText } from './text-parts.ts';
import { unsentText } from './unsent-text.ts';
import { useOfferFault } from './use-offer-fault.ts';

/** A text for those who are chosen; what is too long for one goes as a file. */
export function TextComposer({
  to,
  initial,
  onFile,
  onClose,
  onSent,
  onNotSent,
}: {
  readonly to: readonly Person[];
  readonly initial: string;
  readonly onFile: (file: CollectedFile) => void;
  readonly onClose: () => void;
  /** Both may come after this sheet was closed, while another one is open. */
  readonly onSent: (text: string) => void;
  readonly onNotSent: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.people.send;
  const names = useNames();
  const field = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(() => initial || unsentText.of(to));
  const { isSending, fault, send } = useTextSending(to);
  const write = (written: string) => {
    setText(written);
    unsentText.keep(to, written);
  };

  const clean = sendableText(text);
  const isEmpty = clean.trim() === '';
  const isTooLong = new TextEncoder().encode(clean).length > MAX_TEXT_BYTES;
  const submit = async (event: FormEvent) => {
    event.preventDefault();
    if (isEmpty || isTooLong || isSending) return;
    if (!(await send(clean))) {
      onNotSent();
      return;
    }
    onSent(text);
    unsentText.sent(to, text);
  };
  const asFile = () => {
    unsentText.keep(to, '');
    for (const file of textFile(text, words.pastedName)) onFile(file);
  };
  return (
    <Sheet title={words.textTitle(names(to))} onClose={onClose} initialFocus={field}>
      <form onSubmit={submit} className="flex flex-col gap-4">
        <TextField ref={field} value={text} onChange={write} />
        {isTooLong && <TooLong onFile={asFile} />}
        {fault && <NotSent fault={fault} />}
        <Button type="submit" variant="primary" size="lg" isBusy={isSending} disabled={isTooLong || isEmpty}>
          {isSending ? words.textSending : words.textSend}
        </Button>
      </form>
    </Sheet>
  );
}

/** Control or Command with Enter sends it. */
function TextField({
  ref,
  value,
  onChange,
}: {
  readonly ref: RefObject<HTMLTextAreaElement | null>;
  readonly value: string;
  readonly onChange: (text: string) => void;
}) {
  const { messages } = useLanguage();
  return (
    <textarea
      ref={ref}
      aria-label={messages.people.send.textLabel}
      dir="auto"
      rows={6}
      value={value}
      onChange={(event) => onChange(event.target.value)}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
      }}
      className={`${FIELD_CLASS} h-auto! max-h-[40dvh] resize-y py-2`}
    />
  );
}

function TooLong({ onFile }: { readonly onFile: () => void }) {
  const { messages, format } = useLanguage();
  const words = messages.people.send;
  return (
    <Notice
      tone="waiting"
      title={words.textTooLong(format.size(MAX_TEXT_BYTES))}
      action={<Button onClick={onFile}>{words.asFile}</Button>}
    />
  );
}

function NotSent({ fault }: { readonly fault: Fault }) {
  const { title, advice } = useOfferFault()(fault);
  return (
    <Notice tone="loss" title={title}>
      {advice}
    </Notice>
  );
}

function useTextSending(to: readonly Person[]) {
  const [isSending, setIsSending] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  // The same text to the same people is sent once, however often it is tried.
  const attempt = useRef({ text: '', key: '' });
  /** Answers whether the server took it. */
  const send = async (text: string) => {
    if (attempt.current.text !== text) attempt.current = { text, key: randomId() };
    setIsSending(true);
    const answer = await peopleApi.text({ to: to.map((one) => one.id), text }, attempt.current.key);
    setIsSending(false);
    if (!answer.ok) setFault(answer.fault);
    return answer.ok;
  };
  return { isSending, fault, send };
}
