/** The worker's entry: one session per upload. Everything that touches bytes happens here, away from the page. */
import { fingerprintOf } from './fingerprint.ts';
import { NodeBook } from './node-book.ts';
import { httpScout, NodeScout } from './node-scout.ts';
import { httpTransport } from './transport.ts';
import { UploadSession } from './upload-session.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

/** A short upload is over before anyone could reload: only longer ones are worth the extra reads. */
const FINGERPRINT_AFTER_MS = 1_000;
const FINGERPRINT_BATCH = 64;

const sessions = new Map<string, UploadSession>();
const now = () => performance.now();
const book = new NodeBook(now);
const scout = new NodeScout(book, {
  now,
  ...httpScout(() => book.ownAddress),
  onNews: (cluster) => tell({ type: 'cluster', cluster }),
});

function tell(message: FromWorker): void {
  self.postMessage(message);
}

function begin(message: Extract<ToWorker, { type: 'begin' }>): void {
  const { transferId } = message;
  sessions.get(transferId)?.dispatch({ type: 'cancel' });
  book.configure(message.nodes.settings, message.nodes.cluster);
  const session = new UploadSession(message.plan, message.files, {
    now,
    route: book.routeTo(message.plan.homeNodeId),
    transport: httpTransport(transferId, message.uploadToken, message.nodes.settings.ownAddress),
    publish: (snapshot) => {
      tell({ type: 'snapshot', transferId, snapshot });
      if (session.isOver && sessions.get(transferId) === session) sessions.delete(transferId);
      if (sessions.size === 0) scout.stop();
    },
  });
  sessions.set(transferId, session);
  session.start();
  scout.start();
  setTimeout(() => void takeFingerprints(message, session), FINGERPRINT_AFTER_MS);
}

async function takeFingerprints(message: Extract<ToWorker, { type: 'begin' }>, session: UploadSession): Promise<void> {
  let marks: { index: number; fingerprint: string }[] = [];
  const flush = () => {
    if (marks.length > 0) tell({ type: 'fingerprints', transferId: message.transferId, marks });
    marks = [];
  };
  for (const index of message.unmarkedFiles) {
    if (session.isOver) return;
    const file = message.files[index];
    if (!file) continue;
    try {
      marks.push({ index, fingerprint: await fingerprintOf(file) });
    } catch {
      // A file that cannot be read is the session's to report; without a mark it is known by name, size and time.
    }
    if (marks.length >= FINGERPRINT_BATCH) flush();
  }
  flush();
}

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'begin') begin(data);
  else if (data.type === 'cluster') book.learn(data.cluster);
  else sessions.get(data.transferId)?.dispatch(data.event);
});
