import { FolderUp, PenLine, X } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { Person } from '../../../../services/contracts/person.ts';
import { FilePicker } from '../../components/FilePicker.tsx';
import { Button, IconButton } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import type { CollectedFile } from '../../lib/file-list.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useLanguage } from '../../messages/language.tsx';
import { forgetOffering, offer, offering } from './direct-sends.ts';
import { useNames } from './names.ts';
import { tileOfFirst } from './PeopleList.tsx';
import { TextComposer } from './TextComposer.tsx';
import { unsentText } from './unsent-text.ts';
import { useOfferFault } from './use-offer-fault.ts';

/** A text that is being written. */
export interface Writing {
  readonly to: readonly Person[];
  /** What it begins with: pasted while somebody was chosen. */
  readonly text: string;
}

/** What is sent to those who are chosen. Under the thumb on a phone, under the people on a desk. */
export function SendBar({
  chosen,
  writing,
  onWrite,
  onPick,
  onClear,
}: {
  readonly chosen: readonly Person[];
  readonly writing: Writing | null;
  readonly onWrite: (writing: Writing | null) => void;
  readonly onPick: (to: readonly Person[], files: readonly CollectedFile[]) => void;
  readonly onClear: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.people.send;
  const names = useNames();
  const [said, setSaid] = useState('');
  const state = useStore(offering);
  const open = useRef(writing);
  open.current = writing;
  const close = () => onWrite(null);
  const sent = (its: Writing, text: string) => {
    setSaid(words.textSent(names(its.to)));
    const now = open.current;
    // On a slow line another sheet may be open by now, and is not done with; unless it shows the same text again.
    const isAgain = now !== null && now.text === '' && unsentText.of(now.to) === text;
    if (now !== its && !isAgain) return;
    close();
    onClear();
  };
  // While its sheet is open, that says so, and why.
  const notSent = (its: Writing) => {
    if (open.current !== its) setSaid(words.textNotSent(names(its.to)));
  };
  return (
    <>
      <Refused />
      {chosen.length > 0 && (
        <Ways
          chosen={chosen}
          isOpening={state.name === 'opening'}
          onWrite={onWrite}
          onPick={onPick}
          onClear={onClear}
        />
      )}
      {writing && (
        <TextComposer
          to={writing.to}
          initial={writing.text}
          onFile={(file) => {
            close();
            onPick(writing.to, [file]);
          }}
          onClose={close}
          onSent={(text) => sent(writing, text)}
          onNotSent={() => notSent(writing)}
        />
      )}
      <p role="status" className={said === '' ? 'sr-only' : 'text-ink-soft'}>
        {state.name === 'opening' ? words.offering : said}
      </p>
    </>
  );
}

/** Gone again, it leaves the focus with the first of those it was for. */
function Ways({
  chosen,
  isOpening,
  onWrite,
  onPick,
  onClear,
}: {
  readonly chosen: readonly Person[];
  readonly isOpening: boolean;
  readonly onWrite: (writing: Writing) => void;
  readonly onPick: (to: readonly Person[], files: readonly CollectedFile[]) => void;
  readonly onClear: () => void;
}) {
  const { messages } = useLanguage();
  const words = messages.people.send;
  const names = useNames();
  const bar = useFocusHome<HTMLElement>(() => tileOfFirst(chosen));
  const pick = (files: readonly CollectedFile[]) => onPick(chosen, files);
  // On a phone it comes up where the person may be who was just chosen.
  // biome-ignore lint/correctness/useExhaustiveDependencies: when it appears, and not with each who is added
  useEffect(() => {
    // In braces: in some browsers it answers a promise, which is nothing that an effect may return.
    tileOfFirst(chosen)?.scrollIntoView({ block: 'nearest' });
  }, []);
  return (
    <section
      ref={bar}
      aria-label={words.to(names(chosen))}
      className="animate-rise sticky z-20 flex flex-col gap-3 rounded-md border border-hairline bg-sheet p-4 shadow-float max-sm:bottom-0 max-sm:-mx-5 max-sm:mt-auto max-sm:rounded-b-none max-sm:pb-[max(16px,env(safe-area-inset-bottom))] sm:bottom-4 sm:flex-row sm:items-center sm:justify-between"
    >
      <div className="flex min-w-0 items-center justify-between gap-2 sm:flex-row-reverse sm:justify-end">
        <p className="min-w-0 truncate font-medium">{words.to(names(chosen))}</p>
        <IconButton label={words.clear} className="-my-2 max-sm:-me-3 sm:-ms-3" onClick={onClear}>
          <X aria-hidden className="size-5" strokeWidth={1.5} />
        </IconButton>
      </div>
      <div className="flex flex-wrap gap-2 sm:flex-row-reverse">
        <FilePicker
          label={isOpening ? words.offering : words.files}
          variant="primary"
          className="max-sm:w-full"
          onPick={pick}
        />
        <FilePicker
          label={words.folder}
          picksFolder
          className="max-sm:flex-1 max-sm:px-2!"
          icon={<FolderUp aria-hidden className="size-5" strokeWidth={1.5} />}
          onPick={pick}
        />
        <Button className="max-sm:flex-1 max-sm:px-2!" onClick={() => onWrite({ to: chosen, text: '' })}>
          <PenLine aria-hidden className="size-5" strokeWidth={1.5} />
          {words.text}
        </Button>
      </div>
    </section>
  );
}

function Refused() {
  const { messages } = useLanguage();
  const words = messages.people.send;
  const state = useStore(offering);
  const explain = useOfferFault();
  if (state.name !== 'failed') return null;
  const { title, advice } = explain(state.fault);
  return (
    <Notice
      tone="loss"
      title={title}
      action={
        <div className="flex gap-2">
          <Button onClick={() => void offer(state.to, state.files, state.idempotencyKey)}>
            {messages.people.room.tryAgain}
          </Button>
          <IconButton label={messages.app.close} onClick={forgetOffering}>
            <X aria-hidden className="size-5" strokeWidth={1.5} />
          </IconButton>
        </div>
      }
    >
      {advice || words.failed}
    </Notice>
  );
}
