import { type Clock, systemClock } from '../../kernel/clock.ts';
import type { NodePeople, PresenceBoard } from '../ports.ts';

/** The board of one process: there is nobody else to tell. */
export function createMemoryPresenceBoard(clock: Clock = systemClock): PresenceBoard {
  const said = new Map<string, { people: NodePeople; goodUntilMs: number }>();
  const current = (nodeId: string) => {
    const entry = said.get(nodeId);
    if (entry === undefined || entry.goodUntilMs > clock.monotonicMs()) return entry;
    said.delete(nodeId);
    return undefined;
  };
  return {
    write: async (nodeId, people, ttlMs) => {
      said.set(nodeId, { people, goodUntilMs: clock.monotonicMs() + ttlMs });
    },
    renew: async (nodeId, ttlMs) => {
      const entry = current(nodeId);
      if (entry !== undefined) entry.goodUntilMs = clock.monotonicMs() + ttlMs;
      return entry !== undefined;
    },
    read: async (nodes) => {
      const found = new Map<string, NodePeople | 'same'>();
      for (const { nodeId, version } of nodes) {
        const people = current(nodeId)?.people;
        if (people !== undefined) found.set(nodeId, people.version === version ? 'same' : people);
      }
      return found;
    },
  };
}
