import { useCallback, useEffect, useRef, useState } from 'react';
import { Link } from '../../components/Link.tsx';
import { Button, buttonClass } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { UndoToast } from '../../components/ui/UndoToast.tsx';
import { Waiting } from '../../components/Waiting.tsx';
import { config } from '../../config/env.ts';
import { api } from '../../lib/api.ts';
import { type ListedTransfer, nameOfTransfer } from '../../lib/listed-transfer.ts';
import { removing } from '../../lib/removing.ts';
import { askAgainInMs } from '../../lib/retry.ts';
import { session } from '../../lib/session.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import { useTitle } from '../../lib/use-title.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { ExtendSheet } from './ExtendSheet.tsx';
import { ShareRow } from './ShareRow.tsx';

type ListState =
  | { readonly name: 'loading' }
  | { readonly name: 'ready'; readonly transfers: readonly ListedTransfer[] }
  | { readonly name: 'failed'; readonly fault: Fault };

/** What grows changes under one's eyes; what is done is looked at again now and then. */
const REFRESH_MS = 5_000;

export function SharesPage() {
  const { messages, format } = useLanguage();
  const [list, setList] = useState<ListState>({ name: 'loading' });
  const [extending, setExtending] = useState<ListedTransfer | null>(null);
  /** What other tabs of this browser are sending. */
  const [elsewhere, setElsewhere] = useState<ReadonlySet<string>>(new Set());
  useTitle(messages.app.titlePage(messages.mine.title));

  const load = useCallback(async () => {
    void uploads.yieldToOthers().then(setElsewhere);
    const answer = await session.within(api.transfers);
    setList((before) => {
      if (answer.ok) return { name: 'ready', transfers: answer.value.transfers };
      // What passes takes no list away; what does not must not leave one there that is not true any more.
      if (before.name === 'ready' && askAgainInMs(answer.fault) !== null) return before;
      return { name: 'failed', fault: answer.fault };
    });
  }, []);
  const { deleting, isByKey, isHidden, remove, undo, finish } = useUndoableDelete(load);
  useEffect(() => {
    void load();
    void uploads.restore(config.backendUrl, uploadPace);
    const timer = setInterval(() => document.visibilityState === 'visible' && void load(), REFRESH_MS);
    return () => clearInterval(timer);
  }, [load]);

  const shown = list.name === 'ready' ? list.transfers.filter(({ id }) => !isHidden(id)) : [];
  const explanation = list.name === 'failed' ? explainFault(list.fault, messages, format) : null;
  return (
    <section className="flex flex-1 flex-col gap-8 pt-8">
      <div>
        <h1 className="text-3xl font-semibold tracking-[-0.03em] sm:text-4xl">{messages.mine.title}</h1>
        <p className="text-ink-soft">{messages.mine.lead}</p>
      </div>
      {list.name === 'loading' && <Waiting rowCount={3} />}
      {explanation && (
        <Notice
          tone="loss"
          title={messages.mine.loadFailed}
          action={<Button onClick={() => void load()}>{messages.mine.tryAgain}</Button>}
        >
          {explanation.title}. {explanation.advice}
        </Notice>
      )}
      {list.name === 'ready' && shown.length === 0 && <Empty />}
      {shown.length > 0 && (
        <ul aria-label={messages.mine.listLabel} className="flex flex-col gap-7">
          {shown.map((transfer) => (
            <ShareRow
              key={transfer.id}
              transfer={transfer}
              isSentElsewhere={elsewhere.has(transfer.id)}
              onExtend={() => setExtending(transfer)}
              onRemove={() => remove(transfer)}
            />
          ))}
        </ul>
      )}
      {extending && (
        <ExtendSheet
          transfer={extending}
          onClose={() => setExtending(null)}
          onSaved={() => {
            setExtending(null);
            void load();
          }}
        />
      )}
      {deleting && (
        <UndoToast
          key={deleting.id}
          text={messages.mine.removed(nameOfTransfer(deleting))}
          takesFocus={isByKey}
          onUndo={undo}
          onDone={finish}
        />
      )}
    </section>
  );
}

function Empty() {
  const { messages } = useLanguage();
  return (
    <div className="flex flex-1 flex-col items-start justify-center gap-4 pb-24">
      <p className="text-xl font-medium">{messages.mine.emptyTitle}</p>
      <p className="text-ink-soft">{messages.mine.emptyText}</p>
      <Link href="/" className={buttonClass('primary', 'lg')}>
        {messages.app.toStart}
      </Link>
    </div>
  );
}

/** Deleting waits a few seconds for a second thought; leaving the page is none, and neither is deleting another one. */
function useUndoableDelete(reload: () => Promise<void>) {
  const [deleting, setDeleting] = useState<ListedTransfer | null>(null);
  const [isByKey, setIsByKey] = useState(false);
  /** Being deleted: none of them may be seen again before the list has been looked at anew. */
  const [goingIds, setGoingIds] = useState<ReadonlySet<string>>(new Set());
  const pending = useRef<ListedTransfer | null>(null);

  const carryOut = useCallback(
    async (outlivesPage: boolean) => {
      const transfer = pending.current;
      pending.current = null;
      if (!transfer) return;
      const { id: transferId } = transfer;
      setGoingIds((before) => new Set(before).add(transferId));
      await removing.remove({ transferId, name: nameOfTransfer(transfer) }, { outlivesPage });
      await reload();
      setGoingIds((before) => new Set([...before].filter((id) => id !== transferId)));
    },
    [reload],
  );
  useEffect(() => {
    const leave = () => void carryOut(true);
    window.addEventListener('pagehide', leave);
    return () => {
      window.removeEventListener('pagehide', leave);
      leave();
    };
  }, [carryOut]);

  return {
    deleting,
    isByKey,
    isHidden: (transferId: string) => transferId === deleting?.id || goingIds.has(transferId),
    remove: (transfer: ListedTransfer) => {
      void carryOut(false);
      pending.current = transfer;
      setDeleting(transfer);
      setIsByKey(document.activeElement?.matches(':focus-visible') ?? false);
    },
    undo: () => {
      pending.current = null;
      setDeleting(null);
    },
    finish: () => {
      setDeleting(null);
      void carryOut(false);
    },
  };
}
