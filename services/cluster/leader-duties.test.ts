import { afterEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import { createLogger } from '../logging.ts';
import { type ClusterServiceDeps, clusterService, type LeaderDuty } from './cluster.service.ts';

const TURN_MS = 10;
const stops: (() => unknown)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

/** The service of a leader with turns of a few milliseconds, and what it has done. */
async function leaderWith(
  duties: readonly LeaderDuty[],
  changes: { readonly areRowsAway?: boolean; readonly isNobody?: boolean } = {},
) {
  const term = changes.isNobody === true ? null : { nodeId: 'n1', epoch: 3 };
  const seen = { term: term as LeaderTerm | null, faults: [] as string[], gone: 0, forgotten: 0 };
  const repository = {
    announce: async () => undefined,
    listNodes: async () => (changes.areRowsAway === true ? Promise.reject(new Error('away')) : []),
    markGone: async () => {
      seen.gone += 1;
      return 0;
    },
    forgetNodes: async () => {
      seen.forgotten += 1;
      return 0;
    },
  };
  const leadership = {
    tick: async () => null,
    term: () => seen.term,
    current: () => null,
    resign: async () => undefined,
  };
  const service = clusterService({
    ...{ clusterId: 'c', self: { id: 'n1' }, repository, leadership, hints: null, duties },
    pace: { announceEveryMs: TURN_MS, rowsEveryMs: TURN_MS, leaseEveryMs: TURN_MS, dutiesEveryMs: TURN_MS },
    slots: { maxConcurrentUploads: 1, maxConcurrentDownloads: 1 },
    forgetAfterSeconds: 0.3,
    call: () => Promise.reject(new Error('nobody')),
    broadcast: () => undefined,
    onFault: (what: string) => void seen.faults.push(what),
    log: createLogger({ level: 'silent' }),
  } as unknown as ClusterServiceDeps);
  await (service.started as () => Promise<void>)();
  stops.push(service.stopped as () => Promise<void>);
  return seen;
}

describe('the duties of a leader', () => {
  it('are done one after the other, also after one that failed', async () => {
    const failing = { name: 'failing', run: () => Promise.reject(new Error('refused')) };
    const seen = await leaderWith([failing]);
    await waitFor('the others are done', 5_000, () => seen.gone > 0);
    expect(seen.faults).toContain('failing');
  });

  it('end with its term, also in the middle of a turn', async () => {
    const terms: (LeaderTerm | null)[] = [];
    const ending = {
      name: 'ending',
      run: async (term: LeaderTerm) => {
        terms.push(term);
        seen.term = null;
        return 0;
      },
    };
    const seen = await leaderWith([ending], { isNobody: true });
    seen.term = { nodeId: 'n1', epoch: 4 };
    await waitFor('the term is used', 5_000, () => terms.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 5 * TURN_MS));
    expect([terms, seen.gone]).toEqual([[{ nodeId: 'n1', epoch: 4 }], 0]);
  });

  it('forget no node before this one could have seen it for as long as it must be silent', async () => {
    const startedAt = performance.now();
    const seen = await leaderWith([]);
    await waitFor('nodes are forgotten', 5_000, () => seen.forgotten > 0);
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(300);
  });

  it('forget no node while the rows cannot be read', async () => {
    const seen = await leaderWith([], { areRowsAway: true });
    await waitFor('many turns', 5_000, () => seen.gone > 50);
    expect(seen.forgotten).toBe(0);
  });
});
