import type { NodeRow } from '../cluster/ports.ts';
import { UnbrokenWatch } from '../kernel/unbroken-watch.ts';

/** The table is read every 2 s. Nodes write to it every 10 s: in a longer break even those that live could not be seen. */
const LONGEST_GAP_MS = 10_000;

/** A node that lives writes to the table every 10 s. */
const HEARD_WITHIN_MS = 60_000;

export interface GoneNodesDeps {
  readonly listNodes: () => Promise<readonly NodeRow[]>;
  /** TTL_HEARTBEAT. */
  readonly goneAfterMs: number;
  /** Nodes that answer the bus. */
  readonly answering: () => readonly string[];
  /** Monotonic, for durations. */
  readonly nowMs: () => number;
}

/** Nodes by whether anything is still expected of them. */
export interface NodesByHope {
  readonly awaited: readonly string[];
  readonly gone: readonly string[];
  /** Those that neither the table nor the bus has heard of for a minute: gone, or awaited still. */
  readonly unheard: readonly string[];
  /** Of those that are gone, the ones that an operator gave up on: also what only they have is waited for no longer. */
  readonly givenUp: readonly string[];
}

/**
 * "A node not seen for TTL_HEARTBEAT is forgotten": what it holds is waited for no longer. Only time in which it could have
 * been seen counts: this process has read the table all the while. After an outage of the database, or of the whole site,
 * everybody's row is old. And how old a row is the database says: a node whose own clock is wrong must not give everybody up.
 * @returns one look at the table, to be repeated every 2 s. @throws unavailable
 */
export function createGoneNodes(deps: GoneNodesDeps): () => Promise<NodesByHope> {
  const { goneAfterMs, nowMs } = deps;
  const watch = new UnbrokenWatch(LONGEST_GAP_MS);
  return async () => {
    const rows = await deps.listNodes();
    watch.saw(nowMs());
    const mayBeGone = watch.durationMs(nowMs()) >= goneAfterMs;
    const answering = new Set(deps.answering());
    // One that answers is back, and says so in the table within a moment.
    const isGivenUp = (row: NodeRow) => row.isGivenUp && !answering.has(row.id);
    const isForgotten = ({ id, unseenMs }: NodeRow) => mayBeGone && unseenMs > goneAfterMs && !answering.has(id);
    const isGone = (row: NodeRow) => isGivenUp(row) || isForgotten(row);
    const idsOf = (wanted: boolean) => rows.filter((row) => isGone(row) === wanted).map(({ id }) => id);
    const isUnheard = ({ id, unseenMs }: NodeRow) => unseenMs > HEARD_WITHIN_MS && !answering.has(id);
    const unheard = rows.filter(isUnheard).map(({ id }) => id);
    const givenUp = rows.filter(isGivenUp).map(({ id }) => id);
    return { awaited: idsOf(false), gone: idsOf(true), unheard, givenUp };
  };
}
