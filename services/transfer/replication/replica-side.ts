import { randomBytes } from 'node:crypto';
import { PeerLinkError } from '../../contracts/errors.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import type { FileRow, StoredFile, TransferRepository, TransferRow } from '../ports.ts';
import { HomeWatch } from './home-watch.ts';
import { casUntilKnown } from './ownership-cas.ts';
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
  /** Read since this process started. */
  readonly row: TransferRow;
  readonly fileCount: number;
  /** Chaining values of what is stored here and verified where it must be, 32 bytes a chunk, zero = missing. */
  values(fileIndex: number): Promise<Uint8Array>;
  /** Bytes and values of what is stored here of a file are on the medium. */
  sync(fileIndex: number): Promise<void>;
  /** Resolves when nothing that this node wrote as home is in flight. */
  writesSettled(): Promise<void>;
  /** Keeps the file open until `release`. */
  useFile(fileIndex: number): Promise<{ readonly stored: StoredFile; release(): void }>;
  /** Keeps the transfer in memory until the returned function is called. */
  hold(): () => void;
  /** `ReplicaSide.beforeObeying` has been awaited when it takes effect. */
  obey(row: TransferRow, files?: readonly FileRow[]): Promise<void>;
}

export interface ReplicaSideDeps {
  readonly nodeId: string;
  readonly repository: Pick<TransferRepository, 'cas' | 'findById'>;
  readonly load: (transferId: string) => Promise<ReplicaTransfer>;
  /** For durations. */
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  /** False after a start with another boot id: what the system held in memory may be lost. */
  readonly isDiskTrusted: boolean;
  /** `DURABILITY=power`: a chunk is on the medium before it is answered. */
  readonly isPowerSafe: boolean;
  /** This node made itself home. */
  readonly onPromoted?: (transferId: string) => void;
}

export interface OpenedSession {
  /** Never used before, by any process. */
  readonly session: string;
  readonly transfer: ReplicaTransfer;
  /** Per file what is held: chaining values, 32 bytes a chunk. */
  readonly held: readonly (readonly [fileIndex: number, values: Uint8Array])[];
  /** Ends when a later session begins, this node becomes home, or the row moves. */
  readonly signal: AbortSignal;
}

interface Session {
  readonly id: string;
  readonly homeNodeId: string;
  readonly end: AbortController;
  readonly writes: Set<Promise<unknown>>;
  /** Highest number taken per chunk. */
  readonly numbers: Map<string, number>;
  /** Chunks that are being written. */
  readonly busy: Set<string>;
  readonly release: () => void;
}

export type PromoteOutcome =
  /** This node is home now, or was already. */
  | { readonly kind: 'home' }
  | { readonly kind: 'home_alive' }
  | { readonly kind: 'refused'; readonly reason: 'not_in_sync' | 'not_yet' | 'moved' | 'ended' };

/** The replica's part of ownership: sessions, frames, and making itself home. docs/PROTOCOL.md, "Ownership". */
export class ReplicaSide {
  /** Which homes this node's own probes have not reached, and for how long. */
  readonly homes: HomeWatch;
  readonly #deps: ReplicaSideDeps;
  /** Session numbers of this process begin with bits no other process ever had. */
  readonly #processTag = randomBytes(9).toString('base64url');
  #lastNumber = 0;
  readonly #sessions = new Map<string, Session>();
  /** Sessions that are over, until their writes are. */
  readonly #ending = new Map<string, Promise<void>>();
  readonly #promotions = new Map<string, Promise<PromoteOutcome>>();
  /** Transfers whose promoting update may be on its way: they take no session. */
  readonly #promoting = new Set<string>();
  /** After a boot: transfers of which the row says `syncing` by a statement of this process. */
  readonly #declared = new Set<string>();
  readonly #declaring = new Map<string, Promise<void>>();
  readonly #rereading = new Map<string, Promise<void>>();
  #isBootDeclared: boolean;
  readonly #end = new AbortController();

  constructor(deps: ReplicaSideDeps) {
    this.#deps = deps;
    this.homes = new HomeWatch(deps.nowMs);
    this.#isBootDeclared = deps.isDiskTrusted;
  }

  /** Ends all waiting, and takes no more sessions. An update on its way may still land. */
  beginClose(): void {
    this.#end.abort();
  }

  /** The same, and ends every session. */
  async close(): Promise<void> {
    this.beginClose();
    await Promise.all([...this.#sessions.keys()].map((transferId) => this.endSession(transferId)));
  }

  /**
   * "H opens it with a fresh nonce; R ends every earlier session of that transfer (closes its sockets, awaits its
   * writes), then answers nonce, a session number never used before, and its list of CVs." The answer goes back on the
   * request it came with: that pairs it with the nonce. @throws stale_epoch, not_found, unavailable
   * @param args.onListed called with each file that was looked at: of thousands that takes seconds
   */
  async open(args: {
    transferId: string;
    fromNodeId: string;
    epoch: number;
    onListed?: () => void;
  }): Promise<OpenedSession> {
    const { transferId, fromNodeId, epoch, onListed = () => {} } = args;
    // "A node that has not read the row since its start refuses": it reads it, or knows it since.
    const transfer = await this.#deps.load(transferId);
    const release = transfer.hold();
    try {
      // "A node that sees a higher epoch re-reads first."
      if (epoch > transfer.row.epoch) await this.#reread(transfer);
      if (transfer.row.replicaNodeId === this.#deps.nodeId) await this.declareSyncing(transfer);
      let held: [number, Uint8Array][];
      do {
        this.#assertReplicaOf(transfer, fromNodeId, epoch);
        await this.endSession(transferId);
        // "A fenced home awaits its own [writes] before it answers as somebody's replica."
        await transfer.writesSettled();
        held = await this.#valuesOf(transfer, onListed);
        // Another opening may have been faster while this one read.
      } while (this.#sessions.has(transferId) || this.#ending.has(transferId));
      this.#assertReplicaOf(transfer, fromNodeId, epoch);
      this.#lastNumber += 1;
      const session: Session = {
        id: `${this.#processTag}-${this.#lastNumber}`,
        homeNodeId: fromNodeId,
        end: new AbortController(),
        writes: new Set(),
        numbers: new Map(),
        busy: new Set(),
        release,
      };
      this.#sessions.set(transferId, session);
      return { session: session.id, transfer, held, signal: session.end.signal };
    } catch (fault) {
      release();
      throw fault;
    }
  }

  /** Stores one frame of a session. Never rejects. */
  async store(transfer: ReplicaTransfer, frame: ReceivedFrame): Promise<FrameAnswer> {
    const { id } = transfer.row;
    try {
      // "A node that sees a higher epoch re-reads first."
      if (frame.epoch > transfer.row.epoch) await this.#reread(transfer);
    } catch {
      return { kind: 'failed', reason: 'fault' };
    }
    const session = this.#sessions.get(id);
    // "R refuses another session (409 stale_session) ..."
    if (session === undefined || session.id !== frame.session) return { kind: 'stale_session' };
    // "R answers a `chunks` with a lower epoch 409 stale_epoch."
    if (frame.epoch !== transfer.row.epoch || !this.#isReplicaOf(transfer.row, session.homeNodeId))
      return { kind: 'stale_epoch' };
    // "... and a number not above the chunk's last."
    const key = `${frame.fileIndex}/${frame.chunkIndex}`;
    if (frame.number <= (session.numbers.get(key) ?? 0)) return { kind: 'stale_session' };
    // "Within a session a chunk has one unanswered frame."
    if (session.busy.has(key)) return { kind: 'stale_session' };
    session.numbers.set(key, frame.number);
    session.busy.add(key);
    // Nothing was awaited since the session was looked at: whoever ends it from now on awaits this write.
    const writing = this.#write(transfer, frame);
    session.writes.add(writing);
    try {
      return await writing;
    } finally {
      session.writes.delete(writing);
      session.busy.delete(key);
    }
  }

  /** Ends the session of a transfer, if any; resolves when no write of any of its sessions is in flight. */
  async endSession(transferId: string): Promise<void> {
    const session = this.#sessions.get(transferId);
    if (session !== undefined) {
      this.#sessions.delete(transferId);
      const earlier = this.#ending.get(transferId);
      const ending = Promise.allSettled([...session.writes, earlier]).then(() => {
        if (this.#ending.get(transferId) === ending) this.#ending.delete(transferId);
        session.release();
      });
      this.#ending.set(transferId, ending);
      session.end.abort();
    }
    await this.#ending.get(transferId);
  }

  /** The same, unless a later session has begun. */
  async endSessionIf(transferId: string, session: string): Promise<void> {
    if (this.#sessions.get(transferId)?.id === session) await this.endSession(transferId);
  }

  isReplicating(transferId: string): boolean {
    return this.#sessions.has(transferId) || this.#promoting.has(transferId);
  }

  /**
   * To be awaited before a transfer takes a row with a higher epoch. "Whenever a node learns that it is home, it first
   * awaits its writes as replica." "No session survives a change of home or replica."
   */
  async beforeObeying(transferId: string, row: TransferRow): Promise<void> {
    if (row.homeNodeId !== this.#deps.nodeId) {
      const session = this.#sessions.get(transferId);
      if (session === undefined || this.#isReplicaOf(row, session.homeNodeId)) return;
    }
    await this.endSession(transferId);
  }

  /**
   * "Another boot id: as R of open transfers CAS(syncing), also when the row already says syncing; until that CAS is
   * known R takes no session and never promotes." For a transfer whose row names this node as replica; repeatable, and
   * at once where nothing is to be declared. @throws unavailable when the process ends first
   */
  async declareSyncing(transfer: ReplicaTransfer): Promise<void> {
    const { id } = transfer.row;
    if (!this.#isUndeclared(transfer.row)) return;
    let declaring = this.#declaring.get(id);
    if (declaring === undefined) {
      declaring = this.#declareSyncing(transfer).finally(() => this.#declaring.delete(id));
      this.#declaring.set(id, declaring);
    }
    await declaring;
  }

  /**
   * After every transfer whose row named this node as replica at some moment since the start was declared: whoever
   * attaches it from now on compares values in a session of this process, and no older update can land.
   */
  finishDeclaring(): void {
    this.#isBootDeclared = true;
    this.#declared.clear();
  }

  /**
   * "Row says replica = R, in_sync; local copy trusted; probe of H refused, or 3 s unanswered. R stops taking chunks,
   * ends the session and awaits its writes; CAS(home = R, replica = null, none)."
   * @param probeHome true: it answers. Null when the home itself asks (drain, or its reboot): then nobody is probed
   * @throws unavailable when the row cannot be read, or the process ends first
   */
  promote(transfer: ReplicaTransfer, probeHome: (() => Promise<boolean>) | null): Promise<PromoteOutcome> {
    const { id } = transfer.row;
    let promotion = this.#promotions.get(id);
    if (promotion === undefined) {
      const release = transfer.hold();
      promotion = this.#promote(transfer, probeHome).finally(() => {
        this.#promotions.delete(id);
        release();
      });
      this.#promotions.set(id, promotion);
    }
    return promotion;
  }

  async #promote(transfer: ReplicaTransfer, probeHome: (() => Promise<boolean>) | null): Promise<PromoteOutcome> {
    await this.#reread(transfer);
    const { nodeId } = this.#deps;
    const { id, homeNodeId } = transfer.row;
    const refusal = this.#refusalOf(transfer.row);
    if (refusal !== null) return refusal;
    if (probeHome !== null) {
      const isAlive = await probeHome();
      this.homes.saw(homeNodeId, isAlive);
      if (isAlive) return { kind: 'home_alive' };
      if (transfer.row.state === 'sealed' && !this.homes.isAwayForLong(homeNodeId))
        return { kind: 'refused', reason: 'not_yet' };
    }
    // From here on no session begins, so the one that ends is the last.
    this.#promoting.add(id);
    try {
      await this.endSession(id);
      // Whatever was obeyed meanwhile counts, and nothing is awaited between this look and the statement.
      const now = this.#refusalOf(transfer.row);
      if (now !== null) return now;
      if (transfer.row.homeNodeId !== homeNodeId) return { kind: 'refused', reason: 'moved' };
      const change = { homeNodeId: nodeId, replicaNodeId: null, replicaState: 'none' } as const;
      if (!(await casUntilKnown(this.#deps, transfer, change, this.#end.signal))) throw stopping();
    } finally {
      this.#promoting.delete(id);
    }
    if (transfer.row.homeNodeId !== nodeId) return { kind: 'refused', reason: 'moved' };
    this.#deps.onPromoted?.(id);
    // The home before may have set sizes and digests. What is not known now is with the next refresh.
    await this.#reread(transfer).catch(() => {});
    return { kind: 'home' };
  }

  #refusalOf(row: TransferRow): PromoteOutcome | null {
    if (row.state === 'ended') return { kind: 'refused', reason: 'ended' };
    if (row.homeNodeId === this.#deps.nodeId) return { kind: 'home' };
    // "Local copy trusted."
    const isTrusted = row.replicaNodeId === this.#deps.nodeId && row.replicaState === 'in_sync';
    return isTrusted && !this.#isUndeclared(row) ? null : { kind: 'refused', reason: 'not_in_sync' };
  }

  async #declareSyncing(transfer: ReplicaTransfer): Promise<void> {
    await this.endSession(transfer.row.id);
    const { nodeId, repository, delay } = this.#deps;
    while (this.#isUndeclared(transfer.row) && transfer.row.replicaNodeId === nodeId) {
      const known = transfer.row;
      const isKnown = await casUntilKnown(
        { repository, delay },
        transfer,
        { replicaState: 'syncing' },
        this.#end.signal,
      );
      if (!isKnown) throw stopping();
      // Another's update of the same epoch won when it does not say syncing: then once more, at the new one.
      const { row } = transfer;
      if (row.epoch > known.epoch && row.replicaNodeId === nodeId && row.replicaState === 'syncing')
        this.#declared.add(row.id);
    }
  }

  /** Sealed transfers need no declaring: their bytes are verified against the row's digest. */
  #isUndeclared(row: TransferRow): boolean {
    return !this.#isBootDeclared && row.state === 'open' && !this.#declared.has(row.id);
  }

  async #valuesOf(transfer: ReplicaTransfer, onListed: () => void): Promise<[number, Uint8Array][]> {
    const held: [number, Uint8Array][] = [];
    for (let index = 0; index < transfer.fileCount; index += 1) {
      // What the list says the home counts as answered, so it is as safe as an answer.
      if (this.#deps.isPowerSafe) await transfer.sync(index);
      held.push([index, await transfer.values(index)]);
      onListed();
    }
    return held;
  }

  /**
   * "R zeroes a differing CV, then writes bytes, checks the frame's CV, writes the CV, answers, each awaited before
   * the next."
   */
  async #write(transfer: ReplicaTransfer, frame: ReceivedFrame): Promise<FrameAnswer> {
    const { isPowerSafe } = this.#deps;
    try {
      const { stored, release } = await transfer.useFile(frame.fileIndex);
      try {
        const held = stored.values.get(frame.chunkIndex);
        if (held === null || !isEqualBytes(held, frame.value)) {
          if (held !== null) await stored.dropChunk(frame.chunkIndex);
          // The value that vouched for other bytes is gone from the medium before they are written over.
          if (held !== null && isPowerSafe) await stored.sync();
          const value = await stored.writeChunk(frame.chunkIndex, frame.bytes);
          if (!isEqualBytes(value, frame.value)) return { kind: 'failed', reason: 'mismatch' };
          if (isPowerSafe) await stored.sync();
          await stored.commitChunk(frame.chunkIndex, value);
        }
        // "`power`: fdatasync of bytes and chaining values on both copies before each acknowledgement."
        if (isPowerSafe) await stored.sync();
        return { kind: 'stored' };
      } finally {
        release();
      }
    } catch (fault) {
      const isFull = fault instanceof PeerLinkError && fault.type === 'disk_full';
      return { kind: 'failed', reason: isFull ? 'disk_full' : 'fault' };
    }
  }

  /** Many frames of a new epoch cost one query. @throws unavailable */
  #reread(transfer: ReplicaTransfer): Promise<void> {
    const { id } = transfer.row;
    let reading = this.#rereading.get(id);
    if (reading === undefined) {
      reading = this.#deps.repository
        .findById(id)
        .then((found) => (found === null ? undefined : transfer.obey(found.transfer, found.files)))
        .finally(() => this.#rereading.delete(id));
      this.#rereading.set(id, reading);
    }
    return reading;
  }

  #isReplicaOf(row: TransferRow, homeNodeId: string): boolean {
    return row.replicaNodeId === this.#deps.nodeId && row.homeNodeId === homeNodeId && row.state !== 'ended';
  }

  #assertReplicaOf(transfer: ReplicaTransfer, fromNodeId: string, epoch: number): void {
    const { row } = transfer;
    if (this.#end.signal.aborted) throw stopping();
    // "R with a promote under way takes no chunks."
    if (epoch !== row.epoch || !this.#isReplicaOf(row, fromNodeId) || this.#promoting.has(row.id)) {
      throw new PeerLinkError('stale_epoch', 'The row names another home or replica, or says so soon.', {
        data: { epoch: row.epoch, home: row.homeNodeId },
      });
    }
  }
}

function stopping(): PeerLinkError {
  return new PeerLinkError('unavailable', 'This node is stopping.', { retryAfterSeconds: 1 });
}
