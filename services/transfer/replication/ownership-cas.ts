import { PeerLinkError } from '../../contracts/errors.ts';
import type { FileRow, OwnershipChange, TransferRepository, TransferRow } from '../ports.ts';

/** Between two sendings of a statement whose answer is missing. */
const RETRY_MS = 200;
const MAX_RETRY_MS = 1_000;

export interface CasDeps {
  readonly repository: Pick<TransferRepository, 'cas' | 'findById'>;
  readonly delay: (ms: number, signal?: AbortSignal) => Promise<void>;
}

export interface CasTarget {
  /** The row as this node last obeyed it. */
  readonly row: TransferRow;
  obey(row: TransferRow, files?: readonly FileRow[]): Promise<void>;
}

/**
 * Changes ownership at the epoch known now, and obeys the row that says how it went: this change, or somebody else's.
 * "No answer: send the same statement again until a row with an epoch above $known has been read; reading $known again
 * proves nothing." The caller acts under the stricter of the two rows until this resolves.
 * @returns false when `signal` ended it first: then the change may still land
 * @throws ended when there is no such row any more
 */
export async function casUntilKnown(
  deps: CasDeps,
  target: CasTarget,
  change: OwnershipChange,
  signal: AbortSignal,
): Promise<boolean> {
  const known = target.row;
  for (let waitMs = RETRY_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, MAX_RETRY_MS)) {
    const row = await attempt(deps, known, change);
    if (row !== null) {
      await target.obey(row);
      return true;
    }
    // A refresh may have read what this statement got no answer about.
    if (target.row.epoch > known.epoch) return true;
    await deps.delay(waitMs, signal).catch(() => {});
  }
  return target.row.epoch > known.epoch;
}

/** Null: nothing is known that was not known before. */
async function attempt(deps: CasDeps, known: TransferRow, change: OwnershipChange): Promise<TransferRow | null> {
  let row: TransferRow | null;
  try {
    row = await deps.repository.cas(known.id, known.epoch, change);
  } catch {
    // Lost on its way there or back. It is sent again before anything is read: a read alone would tell nothing.
    return null;
  }
  if (row !== null) return row;
  // "None: re-read and obey": somebody was faster, perhaps an earlier sending of this very statement.
  const found = await deps.repository.findById(known.id).catch(() => undefined);
  if (found === undefined) return null;
  if (found === null) throw new PeerLinkError('ended', 'This transfer has ended.');
  return found.transfer.epoch > known.epoch ? found.transfer : null;
}

/** What whoever waits is told when the process ends before it is known who has the transfer. */
export function stopping(): PeerLinkError {
  return new PeerLinkError('unavailable', 'This node is stopping.', { retryAfterSeconds: 1 });
}
