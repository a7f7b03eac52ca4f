/** The worker's entry. Everything that touches bytes happens here, away from the page. */
import { fingerprintOf } from './fingerprint.ts';
import { NodeBook } from './node-book.ts';
import { httpScout, NodeScout } from './node-scout.ts';
import { RunningUploads } from './running-uploads.ts';
import { httpTransport } from './transport.ts';
import type { FromWorker, ToWorker } from './worker-protocol.ts';

const now = () => performance.now();
const tell = (message: FromWorker) => self.postMessage(message);
const book = new NodeBook(now);
const scout = new NodeScout(book, {
  now,
  ...httpScout(() => book.ownAddress),
  onNews: (cluster) => tell({ type: 'cluster', cluster }),
});
const running = new RunningUploads({ now, tell, book, scout, transport: httpTransport, fingerprint: fingerprintOf });

self.addEventListener('message', ({ data }: MessageEvent<ToWorker>) => {
  if (data.type === 'begin') running.begin(data);
  else if (data.type === 'cluster') book.learn(data.cluster);
  else running.dispatch(data.transferId, data.event);
});
