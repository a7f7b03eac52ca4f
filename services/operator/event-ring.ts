import { MAX_OPERATOR_EVENTS } from '../contracts/limits.ts';
import type { EventCursor, OperatorEvent } from '../contracts/operator.ts';

/**
 * The last events of the cluster that this node knows. Nodes tell each other theirs, so each keeps the earliest time of an
 * event that it was ever told: then all show the same.
 */
export class EventRing {
  readonly #runId: string;
  readonly #limit: number;
  /** By id, in the order in which they came or changed. */
  readonly #entries = new Map<string, { readonly event: OperatorEvent; readonly count: number }>();
  #count = 0;

  /** @param runId names this list: a restarted process has another */
  constructor(runId: string, limit = MAX_OPERATOR_EVENTS) {
    this.#runId = runId;
    this.#limit = limit;
  }

  add(event: OperatorEvent): void {
    const known = this.#entries.get(event.id);
    if (known !== undefined && known.event.at <= event.at) return;
    if (known === undefined && this.#entries.size >= this.#limit && !this.#forgetOldest(event.at)) return;
    this.#entries.delete(event.id);
    this.#count += 1;
    this.#entries.set(event.id, { event, count: this.#count });
  }

  has(id: string): boolean {
    return this.#entries.has(id);
  }

  /** Newest first; those of one moment by id. */
  events(): readonly OperatorEvent[] {
    return [...this.#entries.values()]
      .map(({ event }) => event)
      .sort((a, b) => (a.at === b.at ? (a.id < b.id ? -1 : 1) : a.at < b.at ? 1 : -1));
  }

  /** What was added since, and where that ends. A cursor of another list means nothing. */
  since(cursor: EventCursor | null): { readonly events: readonly OperatorEvent[]; readonly until: EventCursor } {
    const after = cursor?.runId === this.#runId ? cursor.count : 0;
    const events = [...this.#entries.values()].filter(({ count }) => count > after).map(({ event }) => event);
    return { events, until: { runId: this.#runId, count: this.#count } };
  }

  /** False: all that are kept are newer. */
  #forgetOldest(at: string): boolean {
    let oldest: OperatorEvent | null = null;
    for (const { event } of this.#entries.values()) if (oldest === null || event.at < oldest.at) oldest = event;
    if (oldest === null || oldest.at >= at) return false;
    this.#entries.delete(oldest.id);
    return true;
  }
}
