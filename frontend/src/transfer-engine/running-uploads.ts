/** The uploads that a worker has begun and that are not over: one session each. What it does not own are its ports. */
import type { NodeBook } from './node-book.ts';
import type { UploadTransport } from './transport.ts';
import { UploadSession } from './upload-session.ts';
import type { FromWorker, PageEvent, ToWorker } from './worker-protocol.ts';

/** A short upload is over before anyone could reload: only longer ones are worth the extra reads. */
const FINGERPRINT_AFTER_MS = 1_000;
const FINGERPRINT_BATCH = 64;

type Begin = Extract<ToWorker, { type: 'begin' }>;

export interface RunningPorts {
  readonly now: () => number;
  readonly tell: (message: FromWorker) => void;
  readonly book: NodeBook;
  readonly scout: { start(): void; stop(): void };
  readonly transport: (transferId: string, uploadToken: string, ownAddress: string) => UploadTransport;
  readonly fingerprint: (file: Blob) => Promise<string>;
}

export class RunningUploads {
  readonly #ports: RunningPorts;
  readonly #sessions = new Map<string, UploadSession>();

  constructor(ports: RunningPorts) {
    this.#ports = ports;
  }

  /** Begins an upload. One of the same transfer gives way to it unheard: the page would take its end for this one's. */
  begin(message: Begin): void {
    const { transferId, plan, files, nodes } = message;
    const { now, book, scout, transport } = this.#ports;
    const before = this.#sessions.get(transferId);
    this.#sessions.delete(transferId);
    before?.dispatch({ type: 'cancel' });
    book.configure(nodes.settings, nodes.cluster);
    const session = new UploadSession(plan, files, {
      now,
      route: book.routeTo(plan.homeNodeId),
      transport: transport(transferId, message.uploadToken, nodes.settings.ownAddress),
      sharers: () => [...this.#sessions.values()].filter((one) => one.usesConnections).length,
      publish: (snapshot) => {
        if (this.#sessions.get(transferId) !== session) return;
        this.#ports.tell({ type: 'snapshot', transferId, snapshot });
        if (session.isOver) this.#sessions.delete(transferId);
        if (this.#sessions.size === 0) scout.stop();
      },
    });
    this.#sessions.set(transferId, session);
    session.start();
    scout.start();
    setTimeout(() => void this.#takeFingerprints(message, session), FINGERPRINT_AFTER_MS);
  }

  dispatch(transferId: string, event: PageEvent): void {
    this.#sessions.get(transferId)?.dispatch(event);
  }

  async #takeFingerprints({ transferId, files, unmarkedFiles }: Begin, session: UploadSession): Promise<void> {
    let marks: { index: number; fingerprint: string }[] = [];
    const flush = () => {
      if (marks.length > 0) this.#ports.tell({ type: 'fingerprints', transferId, marks });
      marks = [];
    };
    for (const index of unmarkedFiles) {
      if (session.isOver) return;
      const file = files[index];
      if (!file) continue;
      try {
        marks.push({ index, fingerprint: await this.#ports.fingerprint(file) });
      } catch {
        // A file that cannot be read is the session's to report; without a mark it is known by name, size and time.
      }
      if (marks.length >= FINGERPRINT_BATCH) flush();
    }
    flush();
  }
}
