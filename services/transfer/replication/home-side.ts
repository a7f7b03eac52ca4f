import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { OwnershipChange, TransferRepository, TransferRow } from '../ports.ts';
import type { FillSlots } from './fill-slots.ts';
import type { FrameChunk, HomeSession } from './home-session.ts';
import { casUntilKnown } from './ownership-cas.ts';
import type { HomeTransfer, ReplicaConnector, ReplicaPlacement } from './ports.ts';
import { ReplicaChoice } from './replica-choice.ts';
import { sendMissing } from './replica-filling.ts';
import { brokenSession, ReplicaLink } from './replica-link.ts';

/** "PostgreSQL silent: pending chunks 503 within 2 s, not committed." */
const DATABASE_DEADLINE_MS = 2_000;
/** A database that answers takes a replica out, and a replica that answers opens a session, in far less. */
const STUCK_AFTER_MS = 250;
/** After an attach that did not work the next one waits, so that a full or sick node is not asked a thousand times. */
const ATTACH_AGAIN_MS = 5_000;
const AFTER_DETACH_MS = 1_000;
/** Sessions that broke, or rows that changed, while one chunk waited for its answer. */
const MAX_TRIES = 3;
/** What a pass over the home's chunks may leave for the one that new chunks wait beside. */
const SMALL_BACKLOG = 8;
const MAX_PASSES = 4;

export type OwnershipEvent = 'attached' | 'in_sync' | 'detached' | 'fenced';

export interface HomeSideDeps {
  readonly nodeId: string;
  readonly replicationFactor: 1 | 2;
  readonly repository: Pick<TransferRepository, 'cas' | 'findById'>;
  readonly connector: ReplicaConnector;
  readonly placement: ReplicaPlacement;
  /** Those of the process. */
  readonly slots: FillSlots;
  /** For durations. */
  readonly nowMs: () => number;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
  readonly onEvent: (event: OwnershipEvent, transferId: string, nodeId: string | null) => void;
}

/** An answer that a commit may count, as long as both are what is current. */
interface Answered {
  readonly session: HomeSession;
  readonly epoch: number;
}

/**
 * The home's part of ownership: which nodes a commit needs (Q), the session to the replica, and the conditional updates
 * that attach, sync and detach it. docs/PROTOCOL.md, "Ownership"; the sentences quoted below are its rules.
 *
 * Nothing is awaited between a look at Q, session and row and the start of what the look allows.
 */
export class HomeSide {
  readonly #deps: HomeSideDeps;
  readonly #transfer: HomeTransfer;
  /** Q = {H, R} when true, {H} when false. */
  #needsReplica: boolean;
  readonly #link: ReplicaLink;
  readonly #choice: ReplicaChoice;
  /** Commits that were found complete, under the Q and session of then, until their value is written. */
  readonly #writing = new Set<Promise<void>>();
  /** It waits until it may fill a replica, as one of all that are at rest. */
  #isInLine = false;
  /** An attach, or the filling of a replica. */
  #filling: Promise<void> | null = null;
  #detaching: Promise<void> | null = null;
  #attachAgainAtMs = Number.NEGATIVE_INFINITY;
  /** Aborted for good when this node is home no more, or lets go of the transfer. */
  readonly #end = new AbortController();

  constructor(deps: HomeSideDeps, transfer: HomeTransfer) {
    this.#deps = deps;
    this.#transfer = transfer;
    this.#link = new ReplicaLink(deps, transfer);
    this.#choice = new ReplicaChoice(deps);
    // "As home of a row that names a replica, syncing or in_sync: Q = {H, r} until a CAS of this process is known (a
    // CAS of the process before may still land)."
    this.#needsReplica = transfer.row.replicaNodeId !== null;
  }

  get needsReplica(): boolean {
    return this.#needsReplica;
  }

  /** How soon the replica answers at its quickest; 0 while commits do not wait for one. */
  get replicaAnswerMs(): number {
    return this.#needsReplica ? (this.#link.session?.quickestAnswerMs ?? 0) : 0;
  }

  /** True while the transfer's files must not be closed. */
  get isBusy(): boolean {
    return this.#filling !== null || this.#detaching !== null || this.#link.session?.isIdle === false;
  }

  /**
   * False: the replica does not answer, and the database does not take it out. Who asks is better off with the replica,
   * if that can be reached elsewhere and takes over. It is asked here once more too: its silence may be over.
   */
  async canCommit(): Promise<boolean> {
    const detaching = this.#detaching;
    if (!this.#needsReplica || detaching === null || this.#link.session?.isOpen === true) return true;
    const answered = new AbortController();
    const late = this.#deps.delay(STUCK_AFTER_MS, answered.signal).then(
      () => false,
      () => true,
    );
    const opened = this.#link.open().then(
      () => true,
      () => late,
    );
    const detached = detaching.then(
      () => true,
      () => true,
    );
    try {
      return await Promise.race([late, opened, detached]);
    } finally {
      answered.abort();
    }
  }

  /**
   * "All of Q answered these bytes, at this epoch and in the current session: H writes the CV." Once it resolves nothing
   * here has the chunk's bytes any more.
   * @param writeValue writes the chaining value. @throws moved, ended, unavailable: then the chunk is not committed
   */
  async commit(chunk: FrameChunk, writeValue: () => Promise<void>): Promise<void> {
    const waiting = new AbortController();
    let deadline: Promise<never> | null = null;
    const inTime = <T>(outcome: Promise<T>): Promise<T> => {
      deadline ??= this.#databaseDeadline(waiting.signal);
      return Promise.race([outcome, deadline]);
    };
    try {
      for (;;) {
        this.#assertHome();
        if (!this.#needsReplica) return await this.#commitAlone(writeValue);
        const detaching = this.#detaching;
        const asked = this.#ask(chunk, waiting.signal);
        const answered = await (detaching === null ? asked : inTime(Promise.race([asked, detaching.then(() => null)])));
        this.#assertHome();
        if (answered !== null && this.#isCurrent(answered)) return await this.#write(writeValue);
        // Not answered, and whoever changed the row meanwhile did not take the replica out of Q.
        if (answered === null && this.#needsReplica) await inTime(this.#detach());
      }
    } finally {
      // "Before other bytes for it": a frame that nobody waits for any more must not go out after a newer one.
      waiting.abort();
    }
  }

  /**
   * A newer row, as soon as the transfer has it. "One row: Q = {H}, pending chunks commit; none: re-read; fenced only if
   * the row names another home, else obey it (it may be H's own earlier CAS, or R's syncing)."
   */
  learn(before: TransferRow): void {
    const { row } = this.#transfer;
    if (row.homeNodeId !== this.#deps.nodeId || row.state === 'ended') {
      this.#fence();
      return;
    }
    if (row.epoch === before.epoch) return;
    const isSameReplica = row.replicaNodeId !== null && row.replicaNodeId === before.replicaNodeId;
    // "No session survives a change of home or replica, or a CAS(syncing)."
    if (!isSameReplica || row.replicaState !== 'in_sync') this.#link.close();
    // A higher epoch is known, so no update of an older one can land any more: what this row says is all of Q.
    this.#needsReplica = row.replicaState === 'in_sync';
  }

  /**
   * Once a second, and after each commit without a replica: attaches where a copy is missing, fills one that is not in sync.
   * What is at rest waits in line for that, so that many are filled one after the other and not four a second; of what is
   * being sent, the next chunk asks again.
   */
  async maintain(isBeingSent = false): Promise<void> {
    const { slots } = this.#deps;
    if (this.#dueFilling() === null) {
      if (this.#transfer.row.state === 'sealed') this.rest();
      return;
    }
    if (!isBeingSent && this.#isInLine) return;
    const release = isBeingSent ? slots.takeForSent() : await this.#waitInLine();
    if (release === null) return;
    try {
      // Looked at again: a chunk that was sent meanwhile, or another row, may have been first.
      const fill = this.#dueFilling();
      if (fill !== null) await this.#fillOnce(fill);
    } finally {
      release();
    }
  }

  /** Before a drain: attaches and fills a replica now, whatever the replication factor. Resolves also where none can be. */
  async secure(): Promise<void> {
    await this.#filling?.catch(() => {});
    if (this.#end.signal.aborted || this.#filling !== null || this.#detaching !== null) return;
    const { replicaNodeId, replicaState } = this.#transfer.row;
    if (replicaState === 'in_sync') return;
    await this.#fillOnce(() => (replicaNodeId === null ? this.#attach() : this.#sync()));
  }

  /**
   * The replica's node is being emptied, or was not seen for long: another takes its place. Where none can, it stays: a copy
   * on a node that leaves is better than none. And as long as this home was not looked at since its boot, the replica in sync
   * stays: it is the one that has all that was acknowledged, and takes over when it answers. Resolves in any case.
   */
  async replaceReplica(nodeId: string): Promise<void> {
    const { slots, placement } = this.#deps;
    await this.#filling?.catch(() => {});
    const isMeant = () => {
      const { replicaNodeId, replicaState } = this.#transfer.row;
      const isNeeded = replicaState === 'in_sync' && !this.#transfer.isVerified;
      return !this.#end.signal.aborted && replicaNodeId === nodeId && !isNeeded;
    };
    if (!isMeant()) return;
    const release = await slots.waitToReplace();
    if (release === null) return;
    try {
      if (!isMeant() || this.#filling !== null || this.#detaching !== null) return;
      if ((await placement.choose([this.#deps.nodeId, nodeId])) === null || !isMeant()) return;
      await this.#detach();
      await this.secure();
    } finally {
      release();
    }
  }

  /** Lets go of a session that nobody uses; the next chunk opens another. */
  rest(): void {
    if (!this.isBusy && !this.#link.isOpening) this.#link.close();
  }

  /** Ends all waiting: an update on its way may still land, which the next look at the row finds. Repeatable. */
  close(): void {
    this.#end.abort();
    this.#link.close();
  }

  /** "Fenced: fail pending writes `moved`, drop Q; its bytes are now merely a copy." The engine breaks the readers. */
  #fence(): void {
    if (this.#end.signal.aborted) return;
    this.close();
    if (this.#transfer.row.state !== 'ended') this.#deps.onEvent('fenced', this.#transfer.row.id, null);
  }

  async #commitAlone(writeValue: () => Promise<void>): Promise<void> {
    // What is committed while a replica is being filled reaches it from the disk, in a later pass.
    await this.#write(writeValue);
    // Its faults are told to whoever calls it once a second.
    if (this.#transfer.row.state === 'open') this.maintain(true).catch(() => {});
  }

  /** Starts at once: what the look at Q, session and row allowed is allowed now. */
  #write(writeValue: () => Promise<void>): Promise<void> {
    const writing = writeValue();
    this.#writing.add(writing);
    const forget = () => this.#writing.delete(writing);
    writing.then(forget, forget);
    return writing;
  }

  #isCurrent({ session, epoch }: Answered): boolean {
    return session === this.#link.session && session.isOpen && epoch === this.#transfer.row.epoch;
  }

  /** The replica's answer, or null when it does not give one: then it must be detached. */
  async #ask(chunk: FrameChunk, signal: AbortSignal): Promise<Answered | null> {
    const { fileIndex, chunkIndex, value } = chunk;
    for (let tries = 0; tries < MAX_TRIES && this.#needsReplica && !signal.aborted; tries += 1) {
      let isStale: boolean;
      try {
        const session = await this.#link.open();
        const epoch = this.#transfer.row.epoch;
        if (session.holds(fileIndex, chunkIndex, value)) return { session, epoch };
        const outcome = await session.send(chunk, signal);
        if (outcome === 'stored') return { session, epoch };
        // "R refuses, is full, or 3 s without an answer."
        if (outcome === 'refused' || outcome === 'silent' || outcome === 'withdrawn') return null;
        isStale = outcome === 'stale_epoch';
      } catch (fault) {
        if (typeOfFault(fault) !== 'stale_epoch') return null;
        isStale = true;
      }
      // "A node that sees a higher epoch re-reads first": it may be an update of our own whose answer is on its way.
      if (isStale) await this.#reread();
    }
    return null;
  }

  /** What is to be done about the replica now, if anything. */
  #dueFilling(): (() => Promise<void>) | null {
    const { replicationFactor, nowMs } = this.#deps;
    if (this.#end.signal.aborted || this.#filling !== null || this.#detaching !== null) return null;
    const { replicaNodeId, replicaState } = this.#transfer.row;
    if (replicaNodeId !== null) return replicaState === 'syncing' ? () => this.#sync() : null;
    return replicationFactor === 2 && nowMs() >= this.#attachAgainAtMs ? () => this.#attach() : null;
  }

  async #waitInLine(): Promise<(() => void) | null> {
    this.#isInLine = true;
    try {
      return await this.#deps.slots.wait();
    } finally {
      this.#isInLine = false;
    }
  }

  #fillOnce(act: () => Promise<void>): Promise<void> {
    this.#filling = act().finally(() => {
      this.#filling = null;
    });
    return this.#filling;
  }

  /** "Attach: CAS(replica = r, syncing); known: open a session; only then are chunks sent to r." */
  async #attach(): Promise<void> {
    const { nowMs, onEvent } = this.#deps;
    this.#attachAgainAtMs = nowMs() + ATTACH_AGAIN_MS;
    const candidate = await this.#choice.choose();
    if (candidate === null || this.#transfer.row.replicaNodeId !== null) return;
    await this.#cas({ replicaNodeId: candidate, replicaState: 'syncing' });
    const { row } = this.#transfer;
    if (this.#end.signal.aborted || row.replicaNodeId !== candidate || row.replicaState !== 'syncing') return;
    onEvent('attached', row.id, candidate);
    await this.#sync();
  }

  /** Fills the replica, then makes it in_sync. "r fails in between: detach." */
  async #sync(): Promise<void> {
    const { epoch, replicaNodeId } = this.#transfer.row;
    try {
      const session = await this.#link.open();
      for (let pass = 0; pass < MAX_PASSES; pass += 1) {
        if ((await sendMissing(this.#transfer, session)) <= SMALL_BACKLOG) break;
      }
      if (!this.#isCurrent({ session, epoch })) throw brokenSession();
      // "Then await every chunk that was found complete under the old Q until its CV is written; Q = {H, r}." The chunks
      // that come from now on wait for r; those before are awaited, and then looked at once more. Also those that r itself
      // answered for in an earlier session: it may have lost them since.
      this.#needsReplica = true;
      await Promise.allSettled([...this.#writing]);
      await sendMissing(this.#transfer, session);
      // "When r has, in this session, H's CV for every chunk H has one for: CAS(in_sync)."
      if (!this.#isCurrent({ session, epoch })) throw brokenSession();
      await this.#cas({ replicaState: 'in_sync' });
      const { row } = this.#transfer;
      if (row.replicaState === 'in_sync' && row.replicaNodeId === replicaNodeId)
        this.#deps.onEvent('in_sync', row.id, replicaNodeId);
    } catch {
      // Another row was obeyed meanwhile: it says how to go on, at the next turn.
      if (!this.#end.signal.aborted && this.#transfer.row.epoch === epoch) await this.#detach();
    }
  }

  /**
   * "Detach: CAS(replica = null, none)." Q shrinks only once the row is known, in `learn`. "A detach may be sent while an
   * attach or in_sync is unknown": it is an update of the same epoch, and one of them wins.
   */
  #detach(): Promise<void> {
    this.#detaching ??= this.#detachNow().finally(() => {
      this.#detaching = null;
    });
    return this.#detaching;
  }

  async #detachNow(): Promise<void> {
    const { replicaNodeId, id } = this.#transfer.row;
    if (replicaNodeId === null) return;
    const hasRefused = this.#link.session?.hasRefused === true;
    this.#link.close();
    const { nowMs, onEvent } = this.#deps;
    this.#choice.failed(replicaNodeId, hasRefused);
    await this.#cas({ replicaNodeId: null, replicaState: 'none' });
    this.#attachAgainAtMs = Math.max(this.#attachAgainAtMs, nowMs() + AFTER_DETACH_MS);
    if (!this.#end.signal.aborted && this.#transfer.row.replicaNodeId === null) onEvent('detached', id, replicaNodeId);
  }

  async #cas(change: OwnershipChange): Promise<void> {
    this.#assertHome();
    await casUntilKnown(this.#deps, this.#transfer, change, this.#end.signal);
  }

  async #reread(): Promise<void> {
    const found = await this.#deps.repository.findById(this.#transfer.row.id).catch(() => null);
    if (found !== null) await this.#transfer.obey(found.transfer, found.files);
  }

  /** @throws unavailable, after 2 s */
  #databaseDeadline(signal: AbortSignal): Promise<never> {
    const late = this.#deps.delay(DATABASE_DEADLINE_MS, signal).then((): never => {
      throw new PeerLinkError('unavailable', 'The second copy does not answer, and the database cannot take it out.', {
        retryAfterSeconds: 1,
      });
    });
    // Also when the commit has ended before.
    late.catch(() => {});
    return late;
  }

  #assertHome(): void {
    const { row } = this.#transfer;
    if (row.state === 'ended') throw new PeerLinkError('ended', 'This transfer has ended.');
    if (row.homeNodeId !== this.#deps.nodeId) {
      throw new PeerLinkError('moved', 'This transfer has another home node now.', {
        data: { home: row.homeNodeId },
        retryAfterSeconds: 0,
      });
    }
    if (this.#end.signal.aborted) {
      throw new PeerLinkError('unavailable', 'This node let go of the transfer. Try again.', { retryAfterSeconds: 1 });
    }
  }
}
