import type { Events } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { EndReason } from '../contracts/http.ts';
import { once } from '../kernel/once.ts';
import type { TransferRow, TransferWithFiles } from './ports.ts';
import type { HomeSide } from './replication/home-side.ts';
import { RunningFile } from './running-file.ts';

/** "PostgreSQL away: downloads of shares whose row a node read in the last 10 minutes start and go on." */
const ROW_HOLDS_MS = 10 * 60_000;

/** A transfer this process works with: its row as last read, its files, and how many read it now. */
export class RunningTransfer {
  row: TransferRow;
  readonly files: readonly RunningFile[];
  readers = 0;
  /** Those of the readers that are other nodes. */
  peerReaders = 0;
  /** Bodies that are being received into it right now. */
  bodyCount = 0;
  /** Readers and writers that must be able to finish before the files are closed. */
  users = 0;
  lastUsedMs: number;
  /** Set at the home in a cluster. */
  home: HomeSide | null = null;
  /** Chunks were committed since the row was last touched. */
  isTouched = false;
  /** Many that ask for a row which was not read for long cost one query. */
  rereading: Promise<void> | null = null;
  readonly #monotonicMs: () => number;
  #rowReadAtMs: number;
  /** Why it ended, as another node says; the row, which is all that bytes are deleted for, was not read since. */
  #heardEnd: { readonly reason: EndReason | null } | null = null;

  /** @param monotonicMs for how long ago the row was read: somebody may set the clock that `nowMs` is of */
  constructor(found: TransferWithFiles, nowMs: number, monotonicMs: () => number = () => performance.now()) {
    this.row = found.transfer;
    this.files = found.files.map((row) => new RunningFile(row));
    this.lastUsedMs = nowMs;
    this.#monotonicMs = monotonicMs;
    this.#rowReadAtMs = monotonicMs();
  }

  /** A direct send takes chunks once somebody wants it. */
  get isAccepted(): boolean {
    return this.row.kind !== 'direct' || this.row.acceptedAt !== null;
  }

  get isBusy(): boolean {
    return this.users > 0 || this.home?.isBusy === true || this.files.some((file) => file.isBusy);
  }

  get totalBytes(): number | null {
    let total = 0;
    for (const file of this.files) {
      if (file.row.sizeBytes === null) return null;
      total += file.row.sizeBytes;
    }
    return total;
  }

  get committedBytes(): number {
    return this.files.reduce((sum, file) => sum + file.committedBytes, 0);
  }

  /** @throws not_found */
  file(index: number): RunningFile {
    const file = Number.isSafeInteger(index) ? this.files[index] : undefined;
    if (file === undefined) throw new PeerLinkError('not_found', `This transfer has no file ${index}.`);
    return file;
  }

  /** Keeps it and its files from being closed. The returned function is repeatable. */
  hold(now: () => number): () => void {
    this.users += 1;
    return once(() => {
      this.users -= 1;
      this.lastUsedMs = now();
    });
  }

  /** The same for somebody who is counted. */
  holdAs(now: () => number, count: (by: 1 | -1) => void): () => void {
    const release = this.hold(now);
    count(1);
    return once(() => {
      count(-1);
      release();
    });
  }

  /** Takes a row that was just read, or a newer one; an older one (a late answer) is dropped. */
  learn(row: TransferRow): void {
    if (row.epoch < this.row.epoch) return;
    this.#rowReadAtMs = this.#monotonicMs();
    // Accepting raises no epoch: a row read before it says nothing against it.
    this.row = row.acceptedAt === null ? { ...row, acceptedAt: this.row.acceptedAt } : row;
  }

  /** "Gone within 2 s on every node that reaches PostgreSQL or the bus": another node says that it has ended. */
  hearEnd(reason: EndReason | null): void {
    this.#heardEnd ??= { reason };
  }

  /** Ended, as its row says or as was heard. */
  get isOver(): boolean {
    return this.row.state === 'ended' || this.#heardEnd !== null;
  }

  /** Whether the row was read in the last ten minutes. */
  get isRowRecent(): boolean {
    return this.#monotonicMs() - this.#rowReadAtMs <= ROW_HOLDS_MS;
  }

  /** Why it is over, or null while it is not. */
  endFault(nowMs: number): PeerLinkError | null {
    if (this.row.state === 'ended' || this.#heardEnd === null) return endFault(this.row, nowMs);
    return endFault({ ...this.row, state: 'ended', endReason: this.#heardEnd.reason }, nowMs);
  }

  /** Throws what everybody is told when it is over. */
  assertGoingOn(nowMs: number): void {
    const fault = this.endFault(nowMs);
    if (fault !== null) throw fault;
  }

  /**
   * Throws what a reader is told when the share is over, and when nobody could ask for so long that it may well be:
   * "within 10 minutes on a node that reaches neither". A node that reads for another goes by that one's word.
   */
  assertReadable(nowMs: number): void {
    this.assertGoingOn(nowMs);
    if (this.isRowRecent) return;
    throw new PeerLinkError('unavailable', 'Nobody could ask for ten minutes whether this link still holds.', {
      retryAfterSeconds: 1,
    });
  }

  /** Throws unless chunks may be written here now. */
  assertWritable(nodeId: string, nowMs: number): void {
    // A commit needs the copies' answers and not the row: it goes on however long the database is away.
    this.assertGoingOn(nowMs);
    if (this.row.homeNodeId !== nodeId) {
      throw new PeerLinkError('moved', 'This transfer has another home node now.', {
        data: { home: this.row.homeNodeId },
      });
    }
    this.assertAccepted();
  }

  /** @throws not_accepted */
  assertAccepted(): void {
    if (this.isAccepted) return;
    throw new PeerLinkError('not_accepted', 'Nobody has accepted this yet. Send it when the first one has.', {
      retryAfterSeconds: 1,
    });
  }
}

const ENDED_TEXT: Record<Exclude<EndReason, 'expired' | 'used_up'>, string> = {
  digest_mismatch: 'The bytes did not have the digest their sender gave, so the transfer was ended. Send it again.',
  delivered: 'Everybody who wanted this has it.',
  declined: 'Nobody wanted this.',
  left: 'Whoever accepted this has left before it was complete.',
  aborted: 'The sender stopped this transfer before it was complete.',
  node_lost: 'The node that held this was lost before any other had all of it. Send it again.',
  deleted: 'This transfer was ended by its sender.',
};

/** Why a transfer is over, or null while it is not. */
function endFault(row: TransferRow, nowMs: number): PeerLinkError | null {
  if (row.state !== 'ended') return row.expiresAt.getTime() <= nowMs ? expiredFault(row, nowMs) : null;
  const endReason = row.endReason ?? 'deleted';
  if (endReason === 'expired') return expiredFault(row, nowMs);
  if (endReason === 'used_up') {
    return new PeerLinkError('used_up', 'This link has been downloaded as often as its sender allowed.');
  }
  // Heard of without a reason, it was most likely deleted: nobody is told so as a fact.
  return new PeerLinkError('ended', ENDED_TEXT[endReason], row.endReason === null ? {} : { data: { endReason } });
}

/** Heard of by the bus, it may be over before this node has read that it was to end sooner. */
function expiredFault({ expiresAt }: TransferRow, nowMs: number): PeerLinkError {
  const endedAt = new Date(Math.min(expiresAt.getTime(), nowMs)).toISOString();
  return new PeerLinkError('expired', 'This link has expired.', { data: { endedAt } });
}

/** What other nodes and pages are told of its state. */
export function stateChange({ row, files }: RunningTransfer): Events['transfer.state.changed'] {
  return {
    transferId: row.id,
    state: row.state,
    endReason: row.endReason,
    digests: files.map((file) => (file.row.digest === null ? null : Buffer.from(file.row.digest).toString('hex'))),
  };
}
