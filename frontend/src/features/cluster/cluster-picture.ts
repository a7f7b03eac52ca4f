/** What the page knows of the cluster: one value, changed by one function, from what is heard once a second. */
import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import type { OperatorEvent, OperatorOverview, OperatorTransfer } from '../../../../services/contracts/operator.ts';
import type { Fault } from '../../transfer-engine/fault.ts';

export interface ClusterPicture {
  /** `asking`: nobody said yet whether this browser is signed in. */
  readonly access: 'asking' | 'signed_out' | 'signed_in';
  /** Signed out by the server while the page was open. */
  readonly isOver: boolean;
  /** The last that was heard; it stays while nothing is. */
  readonly overview: OperatorOverview | null;
  readonly heardAtMs: number | null;
  /** Of the last try; null when it was answered. */
  readonly fault: Fault | null;
  /** Newest first. Those of all answers: nodes may know different ones. */
  readonly events: readonly OperatorEvent[];
  /** Transfers whose bytes grew a moment ago, with the time when they last did. */
  readonly movedAtMs: ReadonlyMap<string, number>;
}

export type ClusterChange =
  | { readonly type: 'heard'; readonly overview: OperatorOverview; readonly nowMs: number }
  | { readonly type: 'failed'; readonly fault: Fault }
  | { readonly type: 'signed_in' }
  /** `isByServer`: it refused what it had accepted before. */
  | { readonly type: 'signed_out'; readonly isByServer: boolean };

export const EVENTS_KEPT = 200;
/** A home tells its progress a few times a second, a slow sender's chunks come seldom: it need not flicker. */
const MOVING_FOR_MS = 3_000;

export const NOTHING_HEARD: ClusterPicture = {
  access: 'asking',
  isOver: false,
  overview: null,
  heardAtMs: null,
  fault: null,
  events: [],
  movedAtMs: new Map(),
};

export function changePicture(before: ClusterPicture, change: ClusterChange): ClusterPicture {
  switch (change.type) {
    case 'heard':
      return hear(before, change.overview, change.nowMs);
    case 'failed':
      return { ...before, fault: change.fault };
    case 'signed_in':
      return { ...NOTHING_HEARD, access: 'signed_in' };
    case 'signed_out':
      // Nothing of the cluster stays on the screen of somebody who may not see it.
      return {
        ...NOTHING_HEARD,
        access: 'signed_out',
        isOver: change.isByServer && before.access === 'signed_in',
      };
  }
}

function hear(before: ClusterPicture, overview: OperatorOverview, nowMs: number): ClusterPicture {
  const transfers = keepSame(before.overview?.transfers ?? [], overview.transfers);
  return {
    access: 'signed_in',
    isOver: false,
    overview: { ...overview, transfers, history: sameHistory(before.overview?.history ?? null, overview.history) },
    heardAtMs: nowMs,
    fault: null,
    events: mergeEvents(before.events, overview.events),
    movedAtMs: moved(before, transfers, nowMs),
  };
}

/** Those that did not change stay the same objects, so that their rows need not be drawn anew. */
function keepSame(
  before: readonly OperatorTransfer[],
  after: readonly OperatorTransfer[],
): readonly OperatorTransfer[] {
  const known = new Map(before.map((transfer) => [transfer.id, transfer]));
  return after.map((transfer) => {
    const old = known.get(transfer.id);
    return old && isSame(old, transfer) ? old : transfer;
  });
}

function isSame(a: OperatorTransfer, b: OperatorTransfer): boolean {
  const keys = Object.keys(b) as (keyof OperatorTransfer)[];
  return keys.every((key) => a[key] === b[key]);
}

/** A history is told anew every second and changes every ten. */
function sameHistory(before: TrafficHistory | null, after: TrafficHistory | null): TrafficHistory | null {
  const isUnchanged =
    before !== null && after !== null && before.endsAt === after.endsAt && before.nodes.length === after.nodes.length;
  return isUnchanged ? before : after;
}

/** Both, each event once, newest first, of two in the same moment the one with the larger id first. */
export function mergeEvents(
  before: readonly OperatorEvent[],
  heard: readonly OperatorEvent[],
): readonly OperatorEvent[] {
  const known = new Map(before.map((event) => [event.id, event]));
  const fresh = heard.filter((event) => !known.has(event.id));
  if (fresh.length === 0) return before;
  const all = [...before, ...new Map(fresh.map((event) => [event.id, event])).values()];
  return all.sort(newestFirst).slice(0, EVENTS_KEPT);
}

function newestFirst(a: OperatorEvent, b: OperatorEvent): number {
  return Date.parse(b.at) - Date.parse(a.at) || (a.id < b.id ? 1 : -1);
}

function moved(
  before: ClusterPicture,
  transfers: readonly OperatorTransfer[],
  nowMs: number,
): ReadonlyMap<string, number> {
  const old = new Map(before.overview?.transfers.map((transfer) => [transfer.id, transfer.committedBytes]));
  const after = new Map<string, number>();
  for (const { id, state, committedBytes } of transfers) {
    if (state !== 'open') continue;
    const had = old.get(id);
    const hasGrown = committedBytes !== null && had !== null && had !== undefined && committedBytes > had;
    const lastMs = hasGrown ? nowMs : before.movedAtMs.get(id);
    if (lastMs !== undefined && nowMs - lastMs < MOVING_FOR_MS) after.set(id, lastMs);
  }
  return after;
}
