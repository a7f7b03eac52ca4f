import { Pause, Play, X } from 'lucide-react';
import { useId, useState } from 'react';
import { ProofOfMany } from '../../components/DigestProof.tsx';
import { FileAgain } from '../../components/FileAgain.tsx';
import { FileName } from '../../components/FileName.tsx';
import { LaterPart, usePartAtHand } from '../../components/LaterPart.tsx';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { DigestRuler } from '../../components/strip/DigestRuler.tsx';
import { StripLegend } from '../../components/strip/StripLegend.tsx';
import { Button } from '../../components/ui/Button.tsx';
import { CopyButton } from '../../components/ui/CopyButton.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { nameOf } from '../../lib/file-list.ts';
import { later } from '../../lib/later.ts';
import { removing } from '../../lib/removing.ts';
import { useFocusHome } from '../../lib/use-focus-home.ts';
import { useTitle } from '../../lib/use-title.ts';
import { explainUpload } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { isActive, shareMoved, type UploadView, unreadableFileOf } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { showUpload } from './draft-store.ts';
import { ShareLink } from './ShareLink.tsx';
import { UploadFiles } from './UploadFiles.tsx';
import { useLiveUpload } from './use-live-upload.ts';

/** Asks before an upload is deleted. */
export const confirmSheet = later(async () => (await import('../../components/ui/ConfirmSheet.tsx')).ConfirmSheet);

export function titleOf(view: UploadView): string {
  return nameOf(view.files[0]?.path ?? '');
}

export function UploadPanel({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const recipients = useLiveUpload(view);
  const percent = format.percent(shareMoved(view));
  const isSealed = view.phase.name === 'sealed';
  const isGone = view.phase.name === 'ended' || view.phase.name === 'failed' || view.phase.name === 'cancelled';
  const isHeld = ['paused', 'stalled', 'offline', 'waiting'].includes(view.phase.name);
  const heading = messages.send.listTitle(
    view.files.length,
    format.count(view.files.length),
    format.size(view.totalBytes),
  );
  useTitle(
    isSealed || isGone
      ? messages.app.titlePage(messages.upload.phase[view.phase.name])
      : messages.app.titleProgress(percent, titleOf(view)),
  );
  return (
    <section aria-label={messages.upload.region(titleOf(view))} className="animate-rise flex flex-col gap-10 pt-8">
      <div className="flex flex-col gap-4">
        <div className="flex flex-wrap items-baseline justify-between gap-x-6 text-ink-soft">
          <h1 className="flex min-w-0 gap-x-3">
            {view.files.length === 1 ? (
              <>
                <FileName path={titleOf(view)} /> <span className="shrink-0">{format.size(view.totalBytes)}</span>
              </>
            ) : (
              heading
            )}
          </h1>
          {!isGone && !isSealed && <p>{isHeld ? messages.upload.linkHeld : messages.upload.linkReady}</p>}
        </div>
        {!isGone && <ShareLink link={view.link} />}
      </div>
      <div className="flex flex-col gap-3">
        <ChunkStrip
          cells={view.cells}
          revision={view.revision}
          isSealed={isSealed}
          isPaused={view.phase.name === 'paused'}
          className="h-12 sm:h-16"
        />
        {/* The place of what comes at the seal is kept free from the start: nothing moves then. */}
        <div className={view.files.length === 1 ? 'min-h-[92px] md:min-h-[72px]' : 'min-h-[68px] sm:min-h-11'}>
          <UnderStrip view={view} />
        </div>
      </div>
      <Explanation view={view} />
      <Figures view={view} percent={percent} recipients={recipients} />
      <UploadFiles view={view} />
      <Announcement view={view} />
    </section>
  );
}

/** At the seal the digest takes its place under the line; of several files each has its own in the list. */
function UnderStrip({ view }: { readonly view: UploadView }) {
  const { messages } = useLanguage();
  const digest = view.files.length === 1 ? view.digests[0] : null;
  if (view.phase.name !== 'sealed') return <StripLegend />;
  if (!digest) return <ProofOfMany fileCount={view.files.length} />;
  return (
    <div className="animate-rise flex flex-col gap-2">
      <DigestRuler digest={digest} label={messages.upload.digestTitle} />
      <div className="flex flex-wrap items-center justify-between gap-2">
        <p className="text-sm text-ink-soft">{messages.digest.verified}</p>
        <CopyButton variant="quiet" text={digest} label={messages.upload.copyDigest} className="px-0! text-sm!" />
      </div>
    </div>
  );
}

function Explanation({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const { phase } = view;
  const fault =
    phase.name === 'waiting' || phase.name === 'stalled' || phase.name === 'failed' || phase.name === 'ended'
      ? phase.fault
      : null;
  if (phase.name === 'ended' && !fault) {
    return (
      <Notice tone="loss" title={messages.fault.ended.title}>
        {messages.fault.ended.advice}
      </Notice>
    );
  }
  if (!fault) return null;
  const { title, advice } = explainUpload(fault, view.files, messages, format, phase.name === 'waiting');
  return (
    <Notice tone={phase.name === 'waiting' ? 'waiting' : 'loss'} title={title}>
      {advice}
    </Notice>
  );
}

function Figures({
  view,
  percent,
  recipients,
}: {
  readonly view: UploadView;
  readonly percent: string;
  readonly recipients: number;
}) {
  const { messages, format } = useLanguage();
  const { phase } = view;
  const doneId = useId();
  const isRunning = isActive(view) || phase.name === 'paused' || phase.name === 'stalled';
  const isSealed = phase.name === 'sealed';
  return (
    <div className="flex flex-wrap items-end justify-between gap-x-8 gap-y-5">
      <div className="min-w-0">
        {isSealed ? (
          <p className="text-2xl font-semibold tracking-[-0.03em] sm:text-3xl">{messages.upload.phase.sealed}</p>
        ) : (
          <>
            <p className="tabular text-4xl font-semibold tracking-[-0.03em] sm:text-5xl">{percent}</p>
            <p className={phase.name === 'offline' ? 'font-medium text-amber-ink' : 'text-ink-soft'}>
              {messages.upload.phase[phase.name]}
            </p>
          </>
        )}
        <ul className="tabular flex flex-wrap gap-x-5 text-ink-soft">
          <li>
            {isSealed
              ? messages.upload.keptUntil(format.moment(Date.parse(view.expiresAt)))
              : messages.upload.ofTotal(format.size(view.movedBytes), format.size(view.totalBytes))}
          </li>
          <Pace bytesPerSecond={view.bytesPerSecond} leftMs={view.remainingMs} />
          {recipients > 0 && <li>{messages.upload.receiving(recipients, format.count(recipients))}</li>}
        </ul>
      </div>
      {isRunning ? <Controls view={view} doneId={doneId} /> : <Finished view={view} id={doneId} />}
    </div>
  );
}

/** When it is over, one button takes their place, and the focus. */
function Controls({ view, doneId }: { readonly view: UploadView; readonly doneId: string }) {
  const { messages } = useLanguage();
  const row = useFocusHome<HTMLDivElement>(() => document.getElementById(doneId));
  const [isAsking, setIsAsking] = useState(false);
  usePartAtHand(confirmSheet);
  const isStopped = view.phase.name === 'paused' || view.phase.name === 'stalled';
  const cancel = () => {
    setIsAsking(false);
    showUpload(null);
    void removing.remove({ transferId: view.transferId, name: titleOf(view), uploadToken: view.uploadToken });
  };
  const isUnreadable = unreadableFileOf(view) !== null;
  return (
    <div ref={row} className="flex flex-wrap gap-2 max-sm:w-full sm:justify-end">
      {isUnreadable && <FileAgain view={view} />}
      {isStopped ? (
        <Button
          variant={isUnreadable ? 'secondary' : 'primary'}
          className="max-sm:flex-1"
          onClick={() => uploads.tell(view.transferId, { type: 'resume' })}
        >
          <Play aria-hidden className="size-5" strokeWidth={1.5} />
          {view.phase.name === 'stalled' ? messages.upload.tryAgain : messages.upload.resume}
        </Button>
      ) : (
        <Button className="max-sm:flex-1" onClick={() => uploads.tell(view.transferId, { type: 'pause' })}>
          <Pause aria-hidden className="size-5" strokeWidth={1.5} />
          {messages.upload.pause}
        </Button>
      )}
      <Button variant="danger" className="max-sm:flex-1" onClick={() => setIsAsking(true)}>
        <X aria-hidden className="size-5" strokeWidth={1.5} />
        {messages.upload.cancel}
      </Button>
      {isAsking && (
        <LaterPart part={confirmSheet}>
          {(ConfirmSheet) => (
            <ConfirmSheet
              title={messages.upload.cancelTitle}
              text={messages.upload.cancelText}
              yes={messages.upload.cancelYes}
              no={messages.upload.cancelNo}
              onYes={cancel}
              onClose={() => setIsAsking(false)}
            />
          )}
        </LaterPart>
      )}
    </div>
  );
}

function Finished({ view, id }: { readonly view: UploadView; readonly id: string }) {
  const { messages } = useLanguage();
  const isSealed = view.phase.name === 'sealed';
  const button = useFocusHome<HTMLButtonElement>();
  const close = () => {
    showUpload(null);
    uploads.drop(view.transferId);
  };
  return (
    <Button ref={button} id={id} variant={isSealed ? 'secondary' : 'primary'} onClick={close}>
      {messages.upload.sendMore}
    </Button>
  );
}

/** For screen readers: each change of phase, and every quarter of the way; not every byte. */
function Announcement({ view }: { readonly view: UploadView }) {
  const { messages, format } = useLanguage();
  const quarter = Math.floor(shareMoved(view) * 4) / 4;
  return (
    <p role="status" className="sr-only">
      {messages.upload.announce(messages.upload.phase[view.phase.name], format.percent(quarter))}
    </p>
  );
}
