import { Download } from 'lucide-react';
import { useEffect, useState } from 'react';
import type { FileSummary, ShareResponse } from '../../../../services/contracts/http.ts';
import { DigestProof, ProofOfMany } from '../../components/DigestProof.tsx';
import { Pace } from '../../components/Pace.tsx';
import { ChunkStrip } from '../../components/strip/ChunkStrip.tsx';
import { DigestRuler } from '../../components/strip/DigestRuler.tsx';
import { buttonClass } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { downloadAddress } from '../../lib/api.ts';
import { type LiveStrip, leadingBytes } from '../../lib/share-strip.ts';
import { useRate } from '../../lib/use-rate.ts';
import { useTitle } from '../../lib/use-title.ts';
import { useLanguage } from '../../messages/language.tsx';
import { leftMsAt } from '../../transfer-engine/rate-meter.ts';
import { hasBegunHere, noteBegun } from './begun.ts';
import { GonePage } from './GonePage.tsx';
import { SaveAs } from './SaveAs.tsx';
import { SharedFiles } from './SharedFiles.tsx';
import type { ShareRight } from './share-right.ts';

/** After this long without a new chunk the sender is taken to be away. */
const SENDER_AWAY_MS = 20_000;
/** The server counts a download when it begins: look again then. */
const LOOK_AGAIN_MS = 2_000;

/** Whose hand writes it. */
type BegunBy = 'browser' | 'page';

/** The only file of a share that has no other. */
function singleOf({ files }: ShareResponse): FileSummary | null {
  return files.length === 1 ? (files[0] ?? null) : null;
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

export function ReadyShare({
  shareId,
  answer,
  strip,
  right,
  onBegun,
}: {
  readonly shareId: string;
  readonly answer: ShareResponse;
  readonly strip: LiveStrip;
  readonly right: ShareRight;
  readonly onBegun: () => void;
}) {
  const { messages, format } = useLanguage();
  const [begunBy, setBegunBy] = useState<BegunBy | null>(null);
  const { files } = answer;
  const single = singleOf(answer);
  const title = single ? nameOf(single.path) : messages.app.files(files.length, format.count(files.length));
  useTitle(messages.app.titlePage(title));
  const isUsedUp = answer.remainingDownloads === 0;
  // Whoever came in time keeps the page, also after a reload: their own download may be the one that used it up, and
  // the server lets it go on, with every file of the share.
  if (isUsedUp && begunBy === null && !hasBegunHere(shareId))
    return <GonePage reason="used_up" fault={null} onRetry={onBegun} />;
  const begin = (by: BegunBy) => {
    setBegunBy(by);
    noteBegun(shareId);
    if (answer.remainingDownloads !== null) setTimeout(onBegun, LOOK_AGAIN_MS);
  };
  return (
    <section className="animate-rise flex flex-1 flex-col justify-center gap-10 pt-8 pb-4 sm:gap-12">
      <div className="flex flex-col gap-6">
        <Heading answer={answer} title={title} />
        <Ways
          shareId={shareId}
          answer={answer}
          title={title}
          strip={strip}
          right={right}
          begunBy={begunBy}
          onBegin={begin}
        />
      </div>
      {isUsedUp && (
        <Notice tone="news" title={messages.receive.lastTaken}>
          {messages.receive.lastTakenText}
        </Notice>
      )}
      <Arrival answer={answer} strip={strip} />
      {single ? null : (
        <SharedFiles
          shareId={shareId}
          files={files}
          addressGrant={right.addressGrant}
          onBegun={() => begin('browser')}
        />
      )}
    </section>
  );
}

function Heading({ answer, title }: { readonly answer: ShareResponse; readonly title: string }) {
  const { messages } = useLanguage();
  const { share } = answer;
  return (
    <div className="flex flex-col gap-2">
      <p className="text-lg text-ink-soft">
        {share.senderName ? messages.receive.from(share.senderName) : messages.receive.someone}
      </p>
      <h1
        dir="auto"
        className="name-start text-3xl font-semibold tracking-[-0.03em] text-balance [overflow-wrap:anywhere] sm:text-4xl lg:text-5xl"
      >
        {title}
      </h1>
      <Facts answer={answer} />
    </div>
  );
}

/** How it can be had: by the browser's own download, and where the browser lets pages write, by the page's own hand. */
function Ways({
  shareId,
  answer,
  title,
  strip,
  right,
  begunBy,
  onBegin,
}: {
  readonly shareId: string;
  readonly answer: ShareResponse;
  readonly title: string;
  readonly strip: LiveStrip;
  readonly right: ShareRight;
  readonly begunBy: BegunBy | null;
  readonly onBegin: (by: BegunBy) => void;
}) {
  const { messages } = useLanguage();
  const { share } = answer;
  const single = singleOf(answer);
  return (
    <div className="flex flex-wrap items-center gap-x-6 gap-y-3">
      {/* A plain link: the browser streams it to disk, of any size, and can go on with it after a break. */}
      <a
        href={downloadAddress(shareId, single ? single.index : 'zip', right.addressGrant)}
        download
        onClick={() => onBegin('browser')}
        className={`${buttonClass('primary', 'lg')} max-sm:w-full`}
      >
        <Download aria-hidden className="size-6" strokeWidth={1.5} />
        {single ? messages.receive.download : messages.receive.downloadAll}
      </a>
      {single && single.sizeBytes !== null && (
        <SaveAs
          name={title}
          onBegun={() => onBegin('page')}
          readyBytes={leadingBytes(answer, strip.cells)}
          file={{ index: single.index, sizeBytes: single.sizeBytes }}
          share={{
            shareId,
            isTiedToOrigin: share.maxDownloads !== null || (right.grant !== null && right.nodeGrant === null),
            homeNodeId: answer.homeNodeId,
            ...(right.nodeGrant === null
              ? {}
              : { addressGrant: () => right.nodeGrant ?? '', renewRight: () => right.renew() }),
          }}
        />
      )}
      <p role="status" className="text-ink-soft max-sm:w-full max-sm:text-center max-sm:empty:hidden">
        {begunBy === 'browser' ? messages.receive.begun : single ? '' : messages.receive.zip}
      </p>
    </div>
  );
}

function Facts({ answer }: { readonly answer: ShareResponse }) {
  const { messages, format } = useLanguage();
  const { share, remainingDownloads } = answer;
  const expiresMs = Date.parse(share.expiresAt);
  const facts = [
    share.totalBytes === null ? messages.receive.sizeUnknown : format.size(share.totalBytes),
    // What is used up ends before that.
    ...(remainingDownloads === 0 ? [] : [messages.receive.until(format.moment(expiresMs))]),
    ...(remainingDownloads === null
      ? []
      : [messages.receive.remaining(remainingDownloads, format.count(remainingDownloads))]),
  ];
  return (
    <ul className="tabular flex flex-wrap gap-x-5 text-lg text-ink-soft">
      {facts.map((fact) => (
        <li key={fact}>{fact}</li>
      ))}
    </ul>
  );
}

/** The same strip the sender sees, and at the end the proof. */
function Arrival({ answer, strip }: { readonly answer: ShareResponse; readonly strip: LiveStrip }) {
  const { messages, format } = useLanguage();
  const { share, files } = answer;
  const isSealed = share.state === 'sealed';
  const [only] = files;
  const digest = files.length === 1 ? (only?.digest ?? null) : null;
  const isAway = useIsAway(strip.revision, !isSealed);
  const rate = useRate(strip.committedBytes, !isSealed);
  return (
    <div className="flex flex-col gap-3">
      <ChunkStrip cells={strip.cells} revision={strip.revision} isSealed={isSealed} className="h-12 sm:h-16" />
      {isSealed && only && digest && (
        <>
          <DigestRuler digest={digest} className="text-ink-soft max-sm:hidden" />
          <DigestProof name={nameOf(only.path)} digest={digest} />
        </>
      )}
      {isSealed && files.length > 1 && <ProofOfMany fileCount={files.length} />}
      {!isSealed && (
        <div className="flex flex-wrap justify-between gap-x-8 gap-y-2">
          <p className="max-w-[60ch] text-ink-soft">
            {isAway ? messages.receive.waitingForSender : messages.receive.arrivingHint}
          </p>
          <ul className="tabular flex flex-wrap gap-x-5 text-ink-soft">
            {share.totalBytes !== null && share.totalBytes > 0 && (
              <li>{messages.receive.arriving(format.percent(strip.committedBytes / share.totalBytes))}</li>
            )}
            <Pace bytesPerSecond={rate} leftMs={leftMsAt(rate, strip.committedBytes, share.totalBytes)} />
          </ul>
        </div>
      )}
    </div>
  );
}

function useIsAway(revision: number, isWatching: boolean): boolean {
  const [awayAt, setAwayAt] = useState(-1);
  useEffect(() => {
    if (!isWatching) return;
    const timer = setTimeout(() => setAwayAt(revision), SENDER_AWAY_MS);
    return () => clearTimeout(timer);
  }, [revision, isWatching]);
  return isWatching && awayAt === revision;
}
