import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import type { ChunkMap } from '../chunk-map.ts';
import type { ChunkValues, OwnershipChange, TransferRepository, TransferRow } from '../ports.ts';
import type { ReplicaChannel, ReplicaConnector, ReplicaFrame, ReplicaPlacement } from './ports.ts';

/** "3 s without an answer: detach." */
const ANSWER_DEADLINE_MS = 3_000;
/** "PostgreSQL silent: pending chunks 503 within 2 s, not committed." */
const DATABASE_DEADLINE_MS = 2_000;
const RETRY_CAS_MS = 200;
/** Chunks of the backlog on their way at once. */
const SYNC_WINDOW = 4;
/** After a failed attach the next try waits, so that a full or sick node is not asked a thousand times. */
const ATTACH_AGAIN_MS = 5_000;

/** The transfer as its home sees it, and what the home side may do with it. */
export interface HomeTransfer {
  readonly row: TransferRow;
  readonly fileCount: number;
  /** Chaining values at the home; empty maps for files nothing is stored of. */
  values(fileIndex: number): Promise<Pick<ChunkValues, 'ranges' | 'get'>>;
  /** Reads a committed chunk, verified. */
  readChunk(fileIndex: number, chunkIndex: number): Promise<readonly Uint8Array[]>;
  /** Takes a newer row: an ended or moved transfer lets go of its writers and readers. */
  obey(row: TransferRow): Promise<void>;
}

export interface HomeSideDeps {
  readonly nodeId: string;
  readonly replicationFactor: 1 | 2;
  readonly repository: Pick<TransferRepository, 'cas' | 'findById'>;
  readonly connector: ReplicaConnector;
  readonly placement: ReplicaPlacement;
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onEvent: (
    event: 'attached' | 'in_sync' | 'detached' | 'fenced',
    transferId: string,
    nodeId: string | null,
  ) => void;
}

/**
 * The home's part of ownership: which nodes a commit needs (Q), the session to the replica, and the compare-and-swaps
 * that attach, sync and detach it. docs/PROTOCOL.md, "Ownership"; the sentences quoted below are its rules.
 */
export class HomeSide {
  readonly #deps: HomeSideDeps;
  readonly #transfer: HomeTransfer;
  /** Q = {H, R} when true, {H} when false. */
  #needsReplica: boolean;
  #channel: ReplicaChannel | null = null;
  #opening: Promise<ReplicaChannel> | null = null;
  /** Per chunk, the frame that has no answer yet. */
  readonly #sending = new Map<string, Promise<boolean>>();
  /** What the replica answered for in this session, or held when it began. */
  #held = new Map<number, ChunkMap>();
  /** Commits that were found complete under Q = {H}, until their value is written. */
  readonly #alone = new Set<Promise<void>>();
  /** One change of ownership at a time; settles when its outcome is known. */
  #changing: Promise<void> | null = null;
  #attachAgainAtMs = 0;
  #isFenced = false;

  constructor(deps: HomeSideDeps, transfer: HomeTransfer) {
    this.#deps = deps;
    this.#transfer = transfer;
    // "As home of a row that names a replica, syncing or in_sync: Q = {H, r} until a CAS of this process is known."
    this.#needsReplica = transfer.row.replicaNodeId !== null;
  }

  get needsReplica(): boolean {
    return this.#needsReplica;
  }

  /** True while a session is open: the transfer's files must not be closed. */
  get isBusy(): boolean {
    return this.#changing !== null || this.#sending.size > 0;
  }

  /**
   * "All of Q answered these bytes, at this epoch and in the current session: H writes the CV."
   * @param writeValue writes the chaining value. @throws moved, ended, unavailable: then the chunk is not committed
   */
  async commit(chunk: Omit<ReplicaFrame, 'epoch'>, writeValue: () => Promise<void>): Promise<void> {
    for (;;) {
      this.#assertHome();
      if (!this.#needsReplica) return this.#commitAlone(writeValue);
      if (await this.#sendInTime(chunk)) {
        // The answer came under the Q that still holds: nothing shrinks or moves without passing #assertHome.
        this.#assertHome();
        return writeValue();
      }
      await this.#detachInTime();
    }
  }

  /** Once a second, and after each change: attaches where a copy is missing, goes on where one was interrupted. */
  async maintain(): Promise<void> {
    const { row } = this.#transfer;
    if (this.#isFenced || row.homeNodeId !== this.#deps.nodeId || row.state === 'ended' || this.#changing !== null)
      return;
    if (row.replicaNodeId === null) {
      if (this.#deps.replicationFactor === 2 && this.#deps.nowMs() >= this.#attachAgainAtMs)
        await this.#change(() => this.#attach());
    } else if (row.replicaState === 'syncing') {
      await this.#change(() => this.#sync());
    } else if (this.#channel !== null && row.state === 'sealed' && this.#sending.size === 0) {
      this.#closeChannel();
    }
  }

  /** "Fenced: fail pending writes, drop Q; its bytes are now merely a copy." */
  fence(): void {
    if (this.#isFenced) return;
    this.#isFenced = true;
    this.#closeChannel();
    this.#deps.onEvent('fenced', this.#transfer.row.id, null);
  }

  close(): void {
    this.#closeChannel();
  }

  async #commitAlone(writeValue: () => Promise<void>): Promise<void> {
    const writing = writeValue();
    this.#alone.add(writing);
    const forget = () => this.#alone.delete(writing);
    writing.then(forget, forget);
    // What is committed while a replica is being filled reaches it from the disk, in the backlog.
    await writing;
  }

  /** True when the replica stored the chunk. False: it must be detached. */
  async #sendInTime(chunk: Omit<ReplicaFrame, 'epoch'>): Promise<boolean> {
    const giveUp = new AbortController();
    const late = this.#deps.delay(ANSWER_DEADLINE_MS, giveUp.signal).then(() => false);
    late.catch(() => {});
    try {
      return await Promise.race([this.#sendOnChannel(chunk), late]);
    } catch {
      return false;
    } finally {
      giveUp.abort();
    }
  }

  async #sendOnChannel(chunk: Omit<ReplicaFrame, 'epoch'>): Promise<boolean> {
    const channel = await this.#openChannel();
    return this.#send(channel, chunk);
  }

  /** Sends a chunk unless the same one is on its way; "within a session a chunk has one unanswered frame". */
  #send(channel: ReplicaChannel, chunk: Omit<ReplicaFrame, 'epoch'>): Promise<boolean> {
    const key = `${chunk.fileIndex}/${chunk.chunkIndex}`;
    const known = this.#sending.get(key);
    const sending = (known ?? Promise.resolve(false)).catch(() => false).then(() => this.#sendNow(channel, chunk));
    this.#sending.set(key, sending);
    const forget = () => {
      if (this.#sending.get(key) === sending) this.#sending.delete(key);
    };
    sending.then(forget, forget);
    return sending;
  }

  async #sendNow(channel: ReplicaChannel, chunk: Omit<ReplicaFrame, 'epoch'>): Promise<boolean> {
    for (let tries = 0; tries < 2; tries += 1) {
      if (channel !== this.#channel) return false;
      const answer = await channel.send({ ...chunk, epoch: this.#transfer.row.epoch });
      if (channel !== this.#channel) return false;
      if (answer.kind === 'stored') {
        this.#held.get(chunk.fileIndex)?.set(chunk.chunkIndex, chunk.value);
        return true;
      }
      if (answer.kind !== 'stale_epoch') return false;
      // "A node that sees a higher epoch re-reads first": it may be our own change, whose answer is still on its way.
      await this.#reread();
      this.#assertHome();
    }
    return false;
  }

  async #openChannel(): Promise<ReplicaChannel> {
    if (this.#channel !== null) return this.#channel;
    const { replicaNodeId, id, epoch } = this.#transfer.row;
    if (replicaNodeId === null) throw new PeerLinkError('unavailable', 'There is no replica to open a session to.');
    this.#opening ??= this.#openTo(replicaNodeId, id, epoch).finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #openTo(nodeId: string, transferId: string, epoch: number): Promise<ReplicaChannel> {
    const giveUp = new AbortController();
    const stop = new AbortController();
    this.#deps.delay(ANSWER_DEADLINE_MS, stop.signal).then(
      () => giveUp.abort(new PeerLinkError('unavailable', 'The replica did not answer in time.')),
      () => {},
    );
    try {
      const channel = await this.#deps.connector.open({ nodeId, transferId, epoch, signal: giveUp.signal });
      this.#channel = channel;
      this.#held = new Map(channel.values);
      return channel;
    } finally {
      stop.abort();
    }
  }

  #closeChannel(): void {
    const channel = this.#channel;
    this.#channel = null;
    this.#held = new Map();
    channel?.close();
  }

  /** "Attach: CAS(replica = r, syncing); known: open a session; only then are chunks sent to r." */
  async #attach(): Promise<void> {
    const candidate = await this.#deps.placement.choose([this.#deps.nodeId]);
    this.#attachAgainAtMs = this.#deps.nowMs() + ATTACH_AGAIN_MS;
    if (candidate === null) return;
    await this.#casUntilKnown({ replicaNodeId: candidate, replicaState: 'syncing' });
    if (this.#transfer.row.replicaNodeId !== candidate) return;
    this.#deps.onEvent('attached', this.#transfer.row.id, candidate);
    await this.#sync();
  }

  /** Fills the replica until it holds everything, then makes it in_sync; detaches it when it fails. */
  async #sync(): Promise<void> {
    try {
      const channel = await this.#openChannel();
      await this.#sendBacklog(channel);
      // "Then await every chunk that was found complete under the old Q until its CV is written; Q = {H, r}."
      this.#needsReplica = true;
      await Promise.allSettled([...this.#alone]);
      await Promise.allSettled([...this.#sending.values()]);
      await this.#sendBacklog(channel);
      if (channel !== this.#channel) throw new PeerLinkError('unavailable', 'The session to the replica broke.');
      await this.#casUntilKnown({ replicaState: 'in_sync' });
      if (this.#transfer.row.replicaState === 'in_sync') {
        this.#deps.onEvent('in_sync', this.#transfer.row.id, this.#transfer.row.replicaNodeId);
      }
    } catch (fault) {
      if (this.#isFenced || typeOfFault(fault) === 'moved' || typeOfFault(fault) === 'ended') return;
      await this.#detach();
    }
  }

  /** "Those whose CV at r is not H's CV (compared by value, never by presence)." */
  async #sendBacklog(channel: ReplicaChannel): Promise<void> {
    const window = new Set<Promise<void>>();
    let hasFailed = false;
    for (let fileIndex = 0; fileIndex < this.#transfer.fileCount; fileIndex += 1) {
      const values = await this.#transfer.values(fileIndex);
      for (const [start, end] of values.ranges()) {
        for (let chunkIndex = start; chunkIndex < end; chunkIndex += 1) {
          const value = values.get(chunkIndex);
          const held = this.#held.get(fileIndex)?.get(chunkIndex);
          if (value === null || (held != null && isEqualBytes(held, value))) continue;
          if (hasFailed || channel !== this.#channel)
            throw new PeerLinkError('unavailable', 'The replica could not be filled.');
          const sending = this.#sendStored(channel, fileIndex, chunkIndex, value).catch(() => {
            hasFailed = true;
          });
          window.add(sending);
          void sending.then(() => window.delete(sending));
          if (window.size >= SYNC_WINDOW) await Promise.race(window);
        }
      }
    }
    await Promise.all(window);
    if (hasFailed) throw new PeerLinkError('unavailable', 'The replica could not be filled.');
  }

  async #sendStored(channel: ReplicaChannel, fileIndex: number, chunkIndex: number, value: Uint8Array): Promise<void> {
    const bytes = await this.#transfer.readChunk(fileIndex, chunkIndex);
    if (!(await this.#send(channel, { fileIndex, chunkIndex, value, bytes })))
      throw new PeerLinkError('unavailable', 'The replica did not store a chunk.');
  }

  /** "Detach: CAS(replica = null, none); one row: Q = {H}." Q shrinks only once the row is known. */
  async #detach(): Promise<void> {
    this.#closeChannel();
    const { replicaNodeId } = this.#transfer.row;
    if (replicaNodeId === null) {
      this.#needsReplica = false;
      return;
    }
    await this.#casUntilKnown({ replicaNodeId: null, replicaState: 'none' });
    this.#attachAgainAtMs = this.#deps.nowMs() + ATTACH_AGAIN_MS;
    if (this.#transfer.row.replicaNodeId === null) this.#deps.onEvent('detached', this.#transfer.row.id, replicaNodeId);
  }

  async #detachInTime(): Promise<void> {
    const changing = this.#change(() => this.#detach());
    changing.catch(() => {});
    const stop = new AbortController();
    const late = this.#deps.delay(DATABASE_DEADLINE_MS, stop.signal).then(() => {
      throw new PeerLinkError(
        'unavailable',
        'The second copy does not answer and the database cannot say so. Try again.',
        {
          retryAfterSeconds: 1,
        },
      );
    });
    late.catch(() => {});
    try {
      await Promise.race([changing, late]);
    } finally {
      stop.abort();
    }
  }

  /** Changes of ownership follow one another; a second caller waits for the first. */
  #change(act: () => Promise<void>): Promise<void> {
    this.#changing ??= act().finally(() => {
      this.#changing = null;
    });
    return this.#changing;
  }

  /**
   * "No answer: send the same statement again until a row with an epoch above $known has been read; reading $known
   * again proves nothing. None: re-read and obey."
   */
  async #casUntilKnown(change: OwnershipChange): Promise<void> {
    const known = this.#transfer.row;
    for (;;) {
      this.#assertHome();
      try {
        const row = (await this.#deps.repository.cas(known.id, known.epoch, change)) ?? (await this.#rowAbove(known));
        if (row !== null) {
          await this.#settle(row);
          return;
        }
      } catch (fault) {
        if (typeOfFault(fault) !== 'unavailable' && typeOfFault(fault) !== 'internal') throw fault;
      }
      await this.#deps.delay(RETRY_CAS_MS);
    }
  }

  async #rowAbove(known: TransferRow): Promise<TransferRow | null> {
    const found = await this.#deps.repository.findById(known.id);
    return found !== null && found.transfer.epoch > known.epoch ? found.transfer : null;
  }

  async #reread(): Promise<void> {
    const found = await this.#deps.repository.findById(this.#transfer.row.id);
    if (found !== null) await this.#settle(found.transfer);
  }

  /** Obeys a row: what it says about home and replica decides Q and the session. */
  async #settle(row: TransferRow): Promise<void> {
    const before = this.#transfer.row;
    await this.#transfer.obey(row);
    const now = this.#transfer.row;
    if (now.homeNodeId !== this.#deps.nodeId) {
      this.fence();
      return;
    }
    if (now.replicaNodeId === null) {
      this.#closeChannel();
      this.#needsReplica = false;
    } else {
      if (now.replicaState === 'in_sync') this.#needsReplica = true;
      if (before.replicaNodeId !== now.replicaNodeId) this.#closeChannel();
    }
  }

  #assertHome(): void {
    const { row } = this.#transfer;
    if (row.state === 'ended') throw new PeerLinkError('ended', 'This transfer has ended.');
    if (this.#isFenced || row.homeNodeId !== this.#deps.nodeId) {
      throw new PeerLinkError('moved', 'This transfer has another home node now.', {
        data: { home: row.homeNodeId },
        retryAfterSeconds: 0,
      });
    }
  }
}
