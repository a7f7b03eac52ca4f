import { randomBytes } from 'node:crypto';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { TransferRepository, TransferRow } from '../ports.ts';
import { HomeWatch } from './home-watch.ts';
import { casUntilKnown, stopping } from './ownership-cas.ts';
import type { FrameAnswer, ReceivedFrame, ReplicaTransfer } from './ports.ts';
import { storeFrame } from './store-frame.ts';
import { SyncingDeclarations } from './syncing-declarations.ts';

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
  readonly #rereading = new Map<string, Promise<void>>();
  readonly #end = new AbortController();
  readonly #declarations: SyncingDeclarations;

  constructor(deps: ReplicaSideDeps) {
    this.#deps = deps;
    this.homes = new HomeWatch(deps.nowMs);
    this.#declarations = new SyncingDeclarations({
      ...deps,
      endSession: (transferId) => this.endSession(transferId),
      signal: this.#end.signal,
    });
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
    const writing = storeFrame(transfer, frame, this.#deps.isPowerSafe);
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

  /** For a transfer whose row names this node as replica: see SyncingDeclarations. @throws unavailable */
  declareSyncing(transfer: ReplicaTransfer): Promise<void> {
    return this.#declarations.declare(transfer);
  }

  /** See SyncingDeclarations. */
  finishDeclaring(): void {
    this.#declarations.finish();
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
    return isTrusted && !this.#declarations.isDueFor(row) ? null : { kind: 'refused', reason: 'not_in_sync' };
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
