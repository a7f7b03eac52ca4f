import { describe, expect, it } from '@jest/globals';
import type { LastSnapshot } from '../contracts/operator.ts';
import { LastSnapshots } from './last-snapshots.ts';

const snapshot = (nodeId: string, heardAtMs: number): LastSnapshot => ({
  health: {
    ...{ nodeId, state: 'healthy', reasons: [], eventLoopDelayP99Ms: 1, eventLoopUse: 0, memoryBytes: 1 },
    ...{ diskFreeBytes: 1, diskTotalBytes: 2, isDatabaseUp: true, isBusUp: true, isRedisUp: true, uptimeSeconds: 1 },
  },
  publicUrl: null,
  version: '2.0.0',
  heardAtMs,
});
const timesOf = (heard: LastSnapshots) =>
  heard.silent(() => false).map(({ health, heardAtMs }) => [health.nodeId, heardAtMs]);

describe('the last snapshots of nodes', () => {
  it('are the later ones, whoever heard them', () => {
    const heard = new LastSnapshots();
    heard.learn([snapshot('a', 5), snapshot('b', 5)]);
    heard.learn([snapshot('a', 4), snapshot('b', 6)]);
    expect(timesOf(heard)).toEqual([
      ['a', 5],
      ['b', 6],
    ]);
    expect(heard.silent((nodeId) => nodeId === 'a').map(({ health }) => health.nodeId)).toEqual(['b']);
  });

  it('are of 256 nodes at most: the one that was heard longest ago makes room', () => {
    const heard = new LastSnapshots();
    for (let index = 0; index < 255; index += 1) heard.learn([snapshot(`n${index}`, index)]);
    for (const [index, nodeId] of ['n0', 'n255', 'late'].entries()) heard.learn([snapshot(nodeId, 300 + index)]);
    const nodeIds = timesOf(heard).map(([nodeId]) => nodeId);
    expect(nodeIds).toHaveLength(256);
    expect(nodeIds).toEqual(expect.arrayContaining(['n0', 'late']));
    expect(nodeIds).not.toContain('n1');
  });
});
