import { describe, expect, it } from '@jest/globals';
import { ClusterView, type NodeReport, REPORT_KEPT_MS } from './cluster-view.ts';

const report = (nodeId: string, changes: Partial<NodeReport> = {}): NodeReport => ({
  nodeId,
  publicUrl: `https://${nodeId}.test`,
  state: 'healthy',
  load: 0.2,
  isDiskLow: false,
  ...changes,
});
const row = (id: string) => ({
  id,
  peerUrl: 'http://inner:1',
  publicUrl: `https://${id}.test`,
  state: 'healthy' as const,
  unseenMs: 0,
  isGivenUp: false,
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

  it('shows a node that said that it leaves as nobody that leads, while its lease has not run out', () => {
    const view = new ClusterView();
    view.hear(report('a', { state: 'left' }), 0);
    expect(view.nodes(1, 'a')[0]?.isLeader).toBe(false);
  });

  it('tells placement alone who has no room, of those that report', () => {
    const view = new ClusterView();
    view.learnRows([row('c')]);
    view.hear(report('b', { state: 'degraded', isDiskLow: true }), 0);
    view.hear(report('a'), 0);
    expect(view.placeable(1)).toEqual([
      { id: 'a', state: 'healthy', load: 0.2, isDiskLow: false },
      { id: 'b', state: 'degraded', load: 0.2, isDiskLow: true },
    ]);
    expect(Object.keys(view.nodes(1, null)[1] ?? {})).not.toContain('isDiskLow');
    expect(view.placeable(REPORT_KEPT_MS + 1)).toEqual([]);
  });

  it('learns of a drain at once, and not of a node that never reported', () => {
    const view = new ClusterView();
    view.hear(report('a'), 0);
    view.changeState('a', 'draining');
    view.changeState('b', 'healthy');
    expect(view.nodes(1, null).map(({ id, state }) => [id, state])).toEqual([['a', 'draining']]);
  });

  it('tells who has just come into service, once each time', () => {
    const view = new ClusterView();
    const states = ['joining', 'healthy', 'healthy', 'degraded', 'draining', 'left', 'joining', 'degraded'] as const;
    const hasCome = states.map((state, atMs) => view.hear(report('a', { state }), atMs));
    expect(hasCome).toEqual([false, true, false, false, false, false, false, true]);
    view.hear(report('a', { state: 'joining' }), states.length);
    expect([view.changeState('a', 'healthy'), view.changeState('a', 'degraded')]).toEqual([true, false]);
    // One that was silent for too long has come again.
    const laterMs = states.length + REPORT_KEPT_MS + 1;
    view.nodes(laterMs, null);
    expect(view.hear(report('a'), laterMs)).toBe(true);
  });

  it('does not grow with names that a bus makes up', () => {
    const view = new ClusterView();
    for (let index = 0; index < 10_000; index += 1) view.hear(report(`n${index}`), 0);
    expect(view.nodes(1, null)).toHaveLength(256);
  });

  it('hears of a new node when the others are silent by now, also where nobody asks for the list', () => {
    const view = new ClusterView();
    for (let index = 0; index < 256; index += 1) view.hear(report(`n${index}`), 0);
    expect(view.hear(report('late'), REPORT_KEPT_MS)).toBe(false);
    expect(view.hear(report('late'), REPORT_KEPT_MS + 1)).toBe(true);
    expect(view.placeable(REPORT_KEPT_MS + 1).map(({ id }) => id)).toEqual(['late']);
  });
});
