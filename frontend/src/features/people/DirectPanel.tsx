import { X } from 'lucide-react';
import { type RefObject, useState } from 'react';
import type { Recipient } from '../../../../services/contracts/person.ts';
import { FileAgain } from '../../components/FileAgain.tsx';
import { TransferName } from '../../components/FileName.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { StripLegend } from '../../components/strip/StripLegend.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { ConfirmSheet } from '../../components/ui/ConfirmSheet.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { nameOf } from '../../lib/file-list.ts';
import { useStore } from '../../lib/store.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useTitle } from '../../lib/use-title.ts';
import type { Messages } from '../../messages/en.ts';
import { explainUpload } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { type UploadView, unreadableFileOf } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { cancelDirect, directNews, newsOf } from './direct-sends.ts';
import { type DirectStage, isOverStage, shareOfAll, stageOf } from './direct-view.ts';
import { useNames } from './names.ts';
import { tileOfFirst } from './PeopleList.tsx';
import { RecipientRow } from './RecipientRow.tsx';
import { UnfinishedDirect } from './UnfinishedDirect.tsx';

/** What goes to somebody directly, as its sender sees it: how far each of them is. */
export function DirectPanel({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const names = useNames();
  const news = newsOf(useStore(directNews), view);
  const { recipients } = news;
  const stage = stageOf(recipients, view.phase, news.endReason);
  const isOver = isOverStage(stage);
  const share = isOver && stage !== 'received' && stage !== 'partly' ? 0 : shareOfAll(recipients, view.totalBytes);
  const percent = format.percent(share);
  const words = messages.people.direct;
  const name = nameOf(view.files[0]?.path ?? '');
  const said = useStageText(stage, recipients);
  const panel = useFocusHome<HTMLElement>(() => tileOfFirst(recipients));
  useTitle(stage === 'moving' ? messages.app.titleProgress(percent, name) : null);
  return (
    <section
      ref={panel}
      aria-label={words.region(name, names(recipients))}
      className="animate-rise flex flex-col gap-4 border-b border-hairline pb-8"
    >
      <div className="flex flex-wrap items-baseline justify-between gap-x-6">
        <h3 className="min-w-0 text-lg font-medium">
          <TransferName name={name} fileCount={view.files.length} />
        </h3>
        <p className="tabular text-ink-soft">{format.size(view.totalBytes)}</p>
      </div>
      {!isOver && (
        <div className="flex flex-col gap-2">
          <ChunkStrip
            cells={view.cells}
            revision={view.revision}
            isSealed={view.phase.name === 'sealed'}
            className="h-10"
          />
          {stage === 'moving' && view.phase.name !== 'sealed' && <StripLegend />}
        </div>
      )}
      <ul className="flex flex-col gap-3">
        {recipients.map((recipient) => (
          <RecipientRow
            key={recipient.id}
            recipient={recipient}
            view={view}
            bytesPerSecond={news.bytesPerSecond.get(recipient.id) ?? null}
          />
        ))}
      </ul>
      <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-4">
        <div className="min-w-0">
          {stage === 'moving' && <p className="tabular text-3xl font-semibold tracking-[-0.03em]">{percent}</p>}
          <p className={isOver ? 'text-lg font-medium' : 'text-ink-soft'}>{said}</p>
          {!isOver && <Where view={view} />}
        </div>
        {isOver ? (
          <Button onClick={() => uploads.drop(view.transferId)}>{words.close}</Button>
        ) : (
          <Controls view={view} panel={panel} />
        )}
      </div>
      <Trouble view={view} isOver={isOver} />
      <p role="status" className="sr-only">
        {words.announce(said, format.percent(Math.floor(share * 4) / 4))}
      </p>
    </section>
  );
}

function useStageText(stage: DirectStage, recipients: readonly Recipient[]): string {
  const { messages, format } = useLanguage();
  const names = useNames();
  const words: Messages['people']['direct']['stage'] = messages.people.direct.stage;
  const isSingle = recipients.length === 1;
  const inState = (...states: readonly Recipient['state'][]) =>
    recipients.filter(({ state }) => states.includes(state));
  switch (stage) {
    case 'waiting': {
      const asked = inState('offered');
      return asked.length > 2
        ? words.waitingForMany(asked.length, format.count(asked.length))
        : words.waitingFor(names(asked));
    }
    case 'moving': {
      const takers = inState('accepted');
      return takers.length > 1
        ? words.movingMany(takers.length, format.count(takers.length))
        : words.moving(names(takers));
    }
    case 'received':
      return isSingle ? words.received(names(recipients)) : words.receivedMany;
    case 'declined':
      return isSingle ? words.declined(names(recipients)) : words.declinedMany;
    case 'left':
      return isSingle ? words.left(names(recipients)) : words.leftMany;
    case 'expired':
      return isSingle ? words.expired(names(recipients)) : words.expiredMany;
    case 'partly':
    case 'cancelled':
    case 'failed':
      return words[stage];
  }
}

/** Whether this page is still needed. */
function Where({ view }: { readonly view: UploadView }) {
  const { messages } = useLanguage();
  const words = messages.people.direct;
  const { phase } = view;
  if (phase.name === 'sealed') return <p className="text-sm text-ink-soft">{words.stored}</p>;
  if (phase.name === 'asking' || phase.name === 'sending' || phase.name === 'checking') {
    return <p className="text-sm text-ink-soft">{words.keepOpen}</p>;
  }
  if (phase.name === 'needs_files') return null;
  return (
    <p className={phase.name === 'offline' ? 'text-sm font-medium text-amber-ink' : 'text-sm text-ink-soft'}>
      {messages.upload.phase[phase.name]}
    </p>
  );
}

/** When it is over, one button takes their place, and the focus. */
function Controls({ view, panel }: { readonly view: UploadView; readonly panel: RefObject<HTMLElement | null> }) {
  const { messages } = useLanguage();
  const words = messages.people.direct;
  const [isAsking, setIsAsking] = useState(false);
  const row = useFocusHome<HTMLDivElement>(() => panel.current?.querySelector('button') ?? null);
  const isStopped = view.phase.name === 'stalled' || view.phase.name === 'paused';
  const isUnreadable = unreadableFileOf(view) !== null;
  return (
    <div ref={row} className="flex flex-wrap gap-2 max-sm:w-full sm:justify-end">
      {isUnreadable && <FileAgain view={view} />}
      {isStopped && (
        <Button
          variant={isUnreadable ? 'secondary' : 'primary'}
          className="max-sm:flex-1"
          onClick={() => uploads.tell(view.transferId, { type: 'resume' })}
        >
          {messages.upload.tryAgain}
        </Button>
      )}
      <Button variant="danger" className="max-sm:flex-1" onClick={() => setIsAsking(true)}>
        <X aria-hidden className="size-5" strokeWidth={1.5} />
        {words.cancel}
      </Button>
      {isAsking && (
        <ConfirmSheet
          title={words.cancelTitle}
          text={words.cancelText}
          yes={words.cancelYes}
          no={words.cancelNo}
          onYes={() => {
            setIsAsking(false);
            cancelDirect(view);
          }}
          onClose={() => setIsAsking(false)}
          successor={() => tileOfFirst(view.recipients ?? [])}
        />
      )}
    </div>
  );
}

function Trouble({ view, isOver }: { readonly view: UploadView; readonly isOver: boolean }) {
  const { messages, format } = useLanguage();
  const { phase } = view;
  if (isOver && phase.name !== 'failed') return null;
  if (phase.name === 'needs_files') return <UnfinishedDirect view={view} />;
  if (phase.name !== 'waiting' && phase.name !== 'stalled' && phase.name !== 'failed') return null;
  const { title, advice } = explainUpload(phase.fault, view.files, messages, format, phase.name === 'waiting');
  return (
    <Notice tone={phase.name === 'waiting' ? 'waiting' : 'loss'} title={title}>
      {advice}
    </Notice>
  );
}
