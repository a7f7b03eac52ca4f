import { describe, expect, it } from '@jest/globals';
import { ClusterView, type NodeReport, REPORT_KEPT_MS } from './cluster-view.ts';

const report = (nodeId: string, changes: Partial<NodeReport> = {}): NodeReport => ({
  nodeId,
  publicUrl: `https://${nodeId}.test`,
  state: 'healthy',
  load: 0.2,
  ...changes,
});
const row = (id: string) => ({
  id,
  peerUrl: 'http://inner:1',
  publicUrl: `https://${id}.test`,
  state: 'healthy' as const,
  seenAt: new Date(),
});

describe('ClusterView', () => {
  it('shows what nodes report, by id, with the leader marked and no inner address', () => {
    const view = new ClusterView();
    view.learnRows([row('a')]);
    view.hear(report('b', { load: 0.7 }), 0);
    view.hear(report('a', { state: 'degraded' }), 0);
    expect(view.nodes(1, 'b')).toEqual([
      { id: 'a', publicUrl: 'https://a.test', state: 'degraded', isLeader: false, load: 0.2 },
      { id: 'b', publicUrl: 'https://b.test', state: 'healthy', isLeader: true, load: 0.7 },
    ]);
  });

  it('shows a node that is silent for too long as left while it has a row, and not at all without', () => {
    const view = new ClusterView();
    view.learnRows([row('a')]);
    view.hear(report('a'), 0);
    view.hear(report('b'), 0);
    expect(view.nodes(REPORT_KEPT_MS, 'a').map(({ state }) => state)).toEqual(['healthy', 'healthy']);
    expect(view.nodes(REPORT_KEPT_MS + 1, 'a')).toEqual([
      { id: 'a', publicUrl: 'https://a.test', state: 'left', isLeader: false, load: 0 },
    ]);
    view.hear(report('a'), 9_000);
    expect(view.nodes(9_001, null)[0]?.state).toBe('healthy');
  });

  it('learns of a drain at once, and not of a node that never reported', () => {
    const view = new ClusterView();
    view.hear(report('a'), 0);
    view.changeState('a', 'draining');
    view.changeState('b', 'healthy');
    expect(view.nodes(1, null).map(({ id, state }) => [id, state])).toEqual([['a', 'draining']]);
  });

  it('does not grow with names that a bus makes up', () => {
    const view = new ClusterView();
    for (let index = 0; index < 10_000; index += 1) view.hear(report(`n${index}`), 0);
    expect(view.nodes(1, null)).toHaveLength(256);
  });
});
