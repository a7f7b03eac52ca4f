import { randomBytes } from 'node:crypto';
import { PeerLinkError } from '../../contracts/errors.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import type { StoredFile, TransferRepository, TransferRow } from '../ports.ts';
import type { FrameAnswer } from './ports.ts';

/** A frame as it came over the wire. */
export interface ReceivedFrame {
  readonly epoch: number;
  readonly session: string;
  /** Grows within the session. */
  readonly number: number;
  readonly fileIndex: number;
  readonly chunkIndex: number;
  readonly value: Uint8Array;
  readonly bytes: readonly Uint8Array[];
}

/** The transfer as its replica works with it. */
export interface ReplicaTransfer {
  readonly row: TransferRow;
  readonly fileCount: number;
  /** Chaining values of what is stored here, 32 bytes a chunk, zero = missing. */
  values(fileIndex: number): Promise<Uint8Array>;
  /** Resolves when nothing that this node wrote as home is in flight. */
  writesSettled(): Promise<void>;
  /** Keeps the file open until `release`. */
  useFile(fileIndex: number): Promise<{ readonly stored: StoredFile; release(): void }>;
  obey(row: TransferRow): Promise<void>;
}

export interface ReplicaSideDeps {
  readonly nodeId: string;
  readonly repository: Pick<TransferRepository, 'cas' | 'findById'>;
  readonly load: (transferId: string) => Promise<ReplicaTransfer>;
  readonly delay: (ms: number) => Promise<void>;
}

export interface OpenedSession {
  /** Never used before, by any process. */
  readonly session: string;
  readonly transfer: ReplicaTransfer;
  /** Ends when a later session begins, this node becomes home, or the row moves. */
  readonly signal: AbortSignal;
}

interface Session {
  readonly id: string;
  readonly end: AbortController;
  readonly writes: Set<Promise<unknown>>;
  /** Highest number taken per chunk. */
  readonly numbers: Map<string, number>;
}

const RETRY_CAS_MS = 200;

/** The replica's part of ownership: sessions, frames, and making itself home. docs/PROTOCOL.md, "Ownership". */
export class ReplicaSide {
  readonly #deps: ReplicaSideDeps;
  /** Session numbers of this process begin with bits no other process ever had. */
  readonly #processTag = randomBytes(9).toString('base64url');
  #lastNumber = 0;
  readonly #sessions = new Map<string, Session>();
  /** Transfers that this node is making its own: they take no chunks. */
  readonly #promoting = new Map<string, Promise<PromoteOutcome>>();

  constructor(deps: ReplicaSideDeps) {
    this.#deps = deps;
  }

  /**
   * "H opens it with a fresh nonce; R ends every earlier session of that transfer (closes its sockets, awaits its
   * writes), then answers." @throws stale_epoch, not_found, unavailable
   */
  async open(args: { transferId: string; fromNodeId: string; epoch: number }): Promise<OpenedSession> {
    const transfer = await this.#deps.load(args.transferId);
    // "A node that has not read the row since its start refuses": it is read here, now.
    await this.#reread(transfer);
    this.#assertReplicaOf(transfer, args.fromNodeId, args.epoch);
    await this.endSession(args.transferId);
    await transfer.writesSettled();
    this.#assertReplicaOf(transfer, args.fromNodeId, args.epoch);
    this.#lastNumber += 1;
    const session: Session = {
      id: `${this.#processTag}-${this.#lastNumber}`,
      end: new AbortController(),
      writes: new Set(),
      numbers: new Map(),
    };
    this.#sessions.set(args.transferId, session);
    return { session: session.id, transfer, signal: session.end.signal };
  }

  /**
   * "R zeroes a differing CV, then writes bytes, checks the frame's CV, writes the CV, answers, each awaited before
   * the next."
   */
  async store(transfer: ReplicaTransfer, frame: ReceivedFrame): Promise<FrameAnswer> {
    const session = this.#sessions.get(transfer.row.id);
    if (session?.id !== frame.session) return { kind: 'stale_session' };
    // "A node that sees a higher epoch re-reads first."
    if (frame.epoch > transfer.row.epoch) await this.#reread(transfer);
    if (frame.epoch < transfer.row.epoch || !this.#isReplica(transfer.row)) return { kind: 'stale_epoch' };
    const key = `${frame.fileIndex}/${frame.chunkIndex}`;
    if (this.#sessions.get(transfer.row.id) !== session || frame.number <= (session.numbers.get(key) ?? 0)) {
      return { kind: 'stale_session' };
    }
    session.numbers.set(key, frame.number);
    const writing = this.#write(transfer, frame);
    session.writes.add(writing);
    try {
      return await writing;
    } finally {
      session.writes.delete(writing);
    }
  }

  /** Ends the session of a transfer, if any, and awaits its writes. */
  async endSession(transferId: string): Promise<void> {
    const session = this.#sessions.get(transferId);
    if (session === undefined) return;
    this.#sessions.delete(transferId);
    session.end.abort();
    await Promise.allSettled([...session.writes]);
  }

  /** The same, unless a later session has begun. */
  async endSessionIf(transferId: string, session: string): Promise<void> {
    if (this.#sessions.get(transferId)?.id === session) await this.endSession(transferId);
  }

  isReplicating(transferId: string): boolean {
    return this.#sessions.has(transferId);
  }

  /**
   * "Row says replica = R, in_sync; local copy trusted; probe of H refused, or 3 s unanswered. R stops taking chunks,
   * ends the session and awaits its writes; CAS(home = R, replica = null, none)."
   * @param probeHome null when the home itself asks (drain)
   */
  promote(transfer: ReplicaTransfer, probeHome: (() => Promise<boolean>) | null): Promise<PromoteOutcome> {
    const { id } = transfer.row;
    let promoting = this.#promoting.get(id);
    if (promoting === undefined) {
      promoting = this.#promote(transfer, probeHome).finally(() => this.#promoting.delete(id));
      this.#promoting.set(id, promoting);
    }
    return promoting;
  }

  async #promote(transfer: ReplicaTransfer, probeHome: (() => Promise<boolean>) | null): Promise<PromoteOutcome> {
    await this.#reread(transfer);
    if (transfer.row.homeNodeId === this.#deps.nodeId) return { kind: 'home' };
    if (transfer.row.state === 'ended') return { kind: 'refused', reason: 'ended' };
    if (!this.#isReplica(transfer.row) || transfer.row.replicaState !== 'in_sync')
      return { kind: 'refused', reason: 'not_in_sync' };
    if (probeHome !== null && (await probeHome())) return { kind: 'home_alive' };
    await this.endSession(transfer.row.id);
    const known = transfer.row;
    if (!this.#isReplica(known) || known.replicaState !== 'in_sync') return { kind: 'refused', reason: 'not_in_sync' };
    for (;;) {
      const row = await this.#deps.repository
        .cas(known.id, known.epoch, { homeNodeId: this.#deps.nodeId, replicaNodeId: null, replicaState: 'none' })
        .catch(() => undefined);
      const now = row ?? (await this.#rowAbove(known));
      if (now !== null) {
        await transfer.obey(now);
        return now.homeNodeId === this.#deps.nodeId ? { kind: 'home' } : { kind: 'refused', reason: 'moved' };
      }
      // "No answer: send the same statement again until a row with an epoch above $known has been read."
      await this.#deps.delay(RETRY_CAS_MS);
    }
  }

  async #rowAbove(known: TransferRow): Promise<TransferRow | null> {
    const found = await this.#deps.repository.findById(known.id).catch(() => null);
    return found !== null && found.transfer.epoch > known.epoch ? found.transfer : null;
  }

  async #write(transfer: ReplicaTransfer, frame: ReceivedFrame): Promise<FrameAnswer> {
    try {
      const use = await transfer.useFile(frame.fileIndex);
      try {
        const held = use.stored.values.get(frame.chunkIndex);
        if (held !== null && isEqualBytes(held, frame.value)) return { kind: 'stored' };
        if (held !== null) await use.stored.dropChunk(frame.chunkIndex);
        const value = await use.stored.writeChunk(frame.chunkIndex, frame.bytes);
        if (!isEqualBytes(value, frame.value)) return { kind: 'failed', reason: 'mismatch' };
        await use.stored.commitChunk(frame.chunkIndex, value);
        return { kind: 'stored' };
      } finally {
        use.release();
      }
    } catch (fault) {
      const isFull = fault instanceof PeerLinkError && fault.type === 'disk_full';
      return { kind: 'failed', reason: isFull ? 'disk_full' : 'fault' };
    }
  }

  async #reread(transfer: ReplicaTransfer): Promise<void> {
    const found = await this.#deps.repository.findById(transfer.row.id);
    if (found !== null) await transfer.obey(found.transfer);
  }

  #isReplica(row: TransferRow): boolean {
    return row.replicaNodeId === this.#deps.nodeId && row.state !== 'ended';
  }

  #assertReplicaOf(transfer: ReplicaTransfer, fromNodeId: string, epoch: number): void {
    const { row } = transfer;
    if (epoch < row.epoch || row.homeNodeId !== fromNodeId || !this.#isReplica(row) || this.#promoting.has(row.id)) {
      throw new PeerLinkError('stale_epoch', 'The row names another home or replica.', {
        data: { epoch: row.epoch, home: row.homeNodeId },
      });
    }
  }
}

export type PromoteOutcome =
  /** This node is home now, or was already. */
  | { readonly kind: 'home' }
  | { readonly kind: 'home_alive' }
  | { readonly kind: 'refused'; readonly reason: 'not_in_sync' | 'moved' | 'ended' };
