import { PeerLinkError } from '../../contracts/errors.ts';
import { ANSWER_DEADLINE_MS, HomeSession } from './home-session.ts';
import type { HomeTransfer, ReplicaConnector } from './ports.ts';

/** Of a replica that goes on telling what it holds: 10,000 files take it seconds, and more where it syncs each first. */
const OPENING_DEADLINE_MS = 60_000;

export interface ReplicaLinkDeps {
  readonly connector: ReplicaConnector;
  /** For durations. */
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
}

/** The one session that a home has to the replica its row names: opened when somebody needs it, and for all who do. */
export class ReplicaLink {
  readonly #deps: ReplicaLinkDeps;
  readonly #transfer: Pick<HomeTransfer, 'row'>;
  #session: HomeSession | null = null;
  #opening: { readonly end: AbortController; readonly session: Promise<HomeSession> } | null = null;

  constructor(deps: ReplicaLinkDeps, transfer: Pick<HomeTransfer, 'row'>) {
    this.#deps = deps;
    this.#transfer = transfer;
  }

  /** The last one that was opened, over by now or not; null after `close`. */
  get session(): HomeSession | null {
    return this.#session;
  }

  get isOpening(): boolean {
    return this.#opening !== null;
  }

  /** @throws stale_epoch, unavailable */
  open(): Promise<HomeSession> {
    if (this.#session?.isOpen === true) return Promise.resolve(this.#session);
    if (this.#opening === null) {
      const end = new AbortController();
      const opening = { end, session: this.#open(end.signal) };
      this.#opening = opening;
      const done = () => {
        if (this.#opening === opening) this.#opening = null;
      };
      opening.session.then(done, done);
    }
    return this.#opening.session;
  }

  /** Also gives up an opening. Repeatable; the next `open` begins anew. */
  close(): void {
    this.#opening?.end.abort();
    this.#opening = null;
    this.#session?.close();
    this.#session = null;
  }

  async #open(signal: AbortSignal): Promise<HomeSession> {
    const { connector, delay, nowMs } = this.#deps;
    const { replicaNodeId: nodeId, id: transferId, epoch } = this.#transfer.row;
    if (nodeId === null) throw brokenSession();
    const giveUp = new AbortController();
    const stop = () => giveUp.abort(brokenSession());
    signal.addEventListener('abort', stop, { once: true });
    const untilMs = nowMs() + OPENING_DEADLINE_MS;
    let heardAtMs = nowMs();
    const watch = async () => {
      for (;;) {
        const leftMs = Math.min(heardAtMs + ANSWER_DEADLINE_MS, untilMs) - nowMs();
        if (leftMs <= 0) return stop();
        await delay(leftMs, giveUp.signal);
      }
    };
    watch().catch(() => {});
    const ended = new Promise<never>((_resolve, reject) =>
      giveUp.signal.addEventListener('abort', () => reject(brokenSession()), { once: true }),
    );
    ended.catch(() => {});
    const onHeard = () => {
      heardAtMs = nowMs();
    };
    const opening = connector.open({ nodeId, transferId, epoch, signal: giveUp.signal, onHeard });
    try {
      const channel = await Promise.race([opening, ended]);
      // Closed in the very moment of the answer: the row may name another replica, whose session this must not be taken for.
      if (signal.aborted) throw brokenSession();
      const session = new HomeSession(channel, { nowMs, delay, epoch: () => this.#transfer.row.epoch });
      this.#session?.close();
      this.#session = session;
      return session;
    } catch (fault) {
      // "H ignores an answer to any but its latest nonce": one that comes later is hung up on.
      opening.then(
        (late) => late.close(),
        () => {},
      );
      throw fault;
    } finally {
      signal.removeEventListener('abort', stop);
      giveUp.abort();
    }
  }
}

export function brokenSession(): PeerLinkError {
  return new PeerLinkError('unavailable', 'The session to the replica broke.', { retryAfterSeconds: 1 });
}
