import { useState } from 'react';
import { Link } from '../../components/Link.tsx';
import { Button, buttonClass } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { UndoToast } from '../../components/ui/UndoToast.tsx';
import { Waiting } from '../../components/Waiting.tsx';
import { type ListedTransfer, nameOfTransfer } from '../../lib/listed-transfer.ts';
import { useTitle } from '../../lib/use-title.ts';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { ExtendSheet } from './ExtendSheet.tsx';
import { ShareRow } from './ShareRow.tsx';
import { useOwnTransfers } from './use-own-transfers.ts';
import { useUndoableDelete } from './use-undoable-delete.ts';

export function SharesPage() {
  const { messages, format } = useLanguage();
  const { list, elsewhere, reload } = useOwnTransfers();
  const [extending, setExtending] = useState<ListedTransfer | null>(null);
  const { deleting, isByKey, isHidden, remove, undo, finish } = useUndoableDelete(reload);
  useTitle(messages.app.titlePage(messages.mine.title));

  const shown = list.name === 'ready' ? list.transfers.filter(({ id }) => !isHidden(id)) : [];
  const explanation = list.name === 'failed' ? explainFault(list.fault, messages, format) : null;
  return (
    <section className="flex flex-1 flex-col gap-8 pt-8">
      <div className="flex flex-col gap-2">
        <h1 className="text-3xl font-semibold tracking-[-0.03em] sm:text-4xl">{messages.mine.title}</h1>
        <p className="text-ink-soft">{messages.mine.lead}</p>
      </div>
      {list.name === 'loading' && <Waiting rowCount={3} />}
      {explanation && (
        <Notice
          tone="loss"
          title={messages.mine.loadFailed}
          action={<Button onClick={() => void reload()}>{messages.mine.tryAgain}</Button>}
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
            void reload();
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
