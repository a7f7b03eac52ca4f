import type { ActionName } from './actions.ts';
import { HEAVY_CALLS_AT_ONCE, MAX_QUEUED_HEAVY_CALLS, MAX_QUEUED_PASSWORDS, PASSWORDS_AT_ONCE } from './limits.ts';

/** How Moleculer may treat an action besides running it. */
export interface ActionPolicy {
  /** Twice is as good as once, so that a call without an answer is asked again, elsewhere if need be. */
  readonly isIdempotent: boolean;
  /** How many run at once on a node, and how many more wait; the next one is told `busy`. Without: no bound of its own. */
  readonly bulkhead?: { readonly atOnce: number; readonly queued: number };
}

/** Reads many rows or files, or writes them. */
const LISTING = { atOnce: HEAVY_CALLS_AT_ONCE, queued: MAX_QUEUED_HEAVY_CALLS };
/** Hashes a password: 40 ms of a core and 16 MiB each. */
const PASSWORD = { atOnce: PASSWORDS_AT_ONCE, queued: MAX_QUEUED_PASSWORDS };

/** An action that is not here runs once and is not asked again. */
const ACTION_POLICIES: Readonly<Partial<Record<ActionName, ActionPolicy>>> = {
  // Each call makes a session of its own.
  'session.create': { isIdempotent: false },
  'session.resolve': { isIdempotent: true },
  'session.find': { isIdempotent: true },
  'session.rename': { isIdempotent: true },
  'session.revoke': { isIdempotent: true },
  'session.roommates': { isIdempotent: true },

  // Only with an Idempotency-Key is a second one the first; the client repeats it, with that key.
  'transfer.open': { isIdempotent: false, bulkhead: LISTING },
  'transfer.get': { isIdempotent: true, bulkhead: LISTING },
  'transfer.list': { isIdempotent: true, bulkhead: LISTING },
  'transfer.status': { isIdempotent: true, bulkhead: LISTING },
  'transfer.change': { isIdempotent: true },
  'transfer.end': { isIdempotent: true },
  'transfer.replicate': { isIdempotent: true },
  'transfer.share': { isIdempotent: true, bulkhead: LISTING },
  'transfer.rescue': { isIdempotent: true, bulkhead: LISTING },
  'transfer.grant': { isIdempotent: true, bulkhead: PASSWORD },
  'transfer.accept': { isIdempotent: true },
  'transfer.decline': { isIdempotent: true },
  'transfer.receive': { isIdempotent: true },
  'transfer.recipients': { isIdempotent: true },
  // As with an opening: with an Idempotency-Key the client repeats it.
  'transfer.sendText': { isIdempotent: false },
  'transfer.inboxes': { isIdempotent: true, bulkhead: LISTING },
  'transfer.seen': { isIdempotent: true },
  'transfer.dismiss': { isIdempotent: true },

  'cluster.nodes': { isIdempotent: true },
  'cluster.place': { isIdempotent: true },
  'node.health': { isIdempotent: true },
  'stats.node': { isIdempotent: true },
  'stats.cluster': { isIdempotent: true },
  'operator.node': { isIdempotent: true },
  'operator.scrub': { isIdempotent: true },
  'operator.reaches': { isIdempotent: true },
  'operator.holds': { isIdempotent: true, bulkhead: LISTING },
  'operator.giveUp': { isIdempotent: true },
  'operator.overview': { isIdempotent: true },
};

export function policyOf(name: string): ActionPolicy {
  const known: Readonly<Record<string, ActionPolicy | undefined>> = ACTION_POLICIES;
  return known[name] ?? { isIdempotent: false };
}
