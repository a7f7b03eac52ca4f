import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import type { NodeState } from '../contracts/http.ts';
import { ClusterNews } from './cluster-news.ts';
import { ClusterWatch } from './cluster-watch.ts';

describe('news of the cluster', () => {
  it('tell of a drain at once, also when the gateway hears of it before the cluster service does', async () => {
    let state: NodeState = 'healthy';
    const nodes = () => [{ id: 'a', publicUrl: null, state, isLeader: true, load: 0 }];
    const watch = new ClusterWatch(
      async () => ({ clusterId: 'c', epoch: 1, nodes: nodes() }),
      () => performance.now(),
    );
    const faults: unknown[] = [];
    const news = new ClusterNews({ cluster: watch, log: { warn: (fault: unknown) => void faults.push(fault) } });
    const told: (NodeState | undefined)[] = [];
    news.start((found) => told.push(found.nodes[0]?.state));
    await waitFor('the first news', 5_000, () => told.length === 1);
    // One packet of the bus: whoever registered first is given it first.
    news.hearState('draining');
    state = 'draining';
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    await news.stop();
    expect(told).toEqual(['healthy', 'draining']);
    expect(faults).toEqual([]);
  });
});
