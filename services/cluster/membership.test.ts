import { describe, expect, it } from '@jest/globals';
import type { NodeHealth, NodeTraffic } from '../contracts/http.ts';
import { loadOf, type PlaceableNode, placeTransfer } from './membership.ts';

const slots = { maxConcurrentUploads: 10, maxConcurrentDownloads: 4 };
const health = (changes: Partial<NodeHealth> = {}): NodeHealth => ({
  nodeId: 'a',
  state: 'healthy',
  reasons: [],
  eventLoopDelayP99Ms: 1,
  eventLoopUse: 0.2,
  memoryBytes: 1,
  diskFreeBytes: 1,
  diskTotalBytes: 2,
  isDatabaseUp: true,
  isBusUp: true,
  isRedisUp: true,
  uptimeSeconds: 1,
  ...changes,
});
const stats = (changes: Partial<NodeTraffic> = {}): NodeTraffic => ({
  nodeId: 'a',
  clientBytesIn: 0,
  clientBytesOut: 0,
  peerBytes: 0,
  bytesInPerSecond: 0,
  bytesOutPerSecond: 0,
  activeUploads: 0,
  activeDownloads: 0,
  openTransfers: 0,
  sockets: 0,
  ...changes,
});
const node = (id: string, load: number, state: PlaceableNode['state'] = 'healthy'): PlaceableNode => ({
  id,
  state,
  load,
  isDiskLow: false,
});
/** Degraded, for want of room at least. */
const full = (id: string, load: number): PlaceableNode => ({ ...node(id, load, 'degraded'), isDiskLow: true });

describe('loadOf', () => {
  it('is the larger of event-loop use and slots in use, at most 1', () => {
    expect(loadOf({ health: health(), stats: stats() }, slots)).toBe(0.2);
    expect(loadOf({ health: health(), stats: stats({ activeUploads: 5 }) }, slots)).toBe(0.5);
    expect(loadOf({ health: health(), stats: stats({ activeDownloads: 3 }) }, slots)).toBe(0.75);
    expect(loadOf({ health: health({ eventLoopUse: 0.9 }), stats: stats({ activeDownloads: 3 }) }, slots)).toBe(0.9);
    expect(loadOf({ health: health(), stats: stats({ activeUploads: 500 }) }, slots)).toBe(1);
  });
});

describe('placeTransfer', () => {
  it.each([
    ['the node that opened it', [node('a', 0.3), node('b', 0.2), node('c', 0.2)], 'a'],
    ['another when that one drains', [node('a', 0, 'draining'), node('b', 0.9)], 'b'],
    ['another when that one is degraded', [node('a', 0, 'degraded'), node('b', 0.9), node('c', 0.1)], 'c'],
    ['another at twice the median load', [node('a', 0.4), node('b', 0.2), node('c', 0.1)], 'c'],
    ['the other one of two', [node('a', 0.9), node('b', 0.1)], 'b'],
    ['the same one when all have next to nothing to do', [node('a', 0.2), node('b', 0.01), node('c', 0)], 'a'],
    ['another when the rest is idle', [node('a', 0.3), node('b', 0), node('c', 0)], 'b'],
    ['the same one just below', [node('a', 0.39), node('b', 0.2), node('c', 0.1)], 'a'],
    ['the same one when all are degraded alike', [node('a', 0.2, 'degraded'), node('b', 0, 'degraded')], 'a'],
    [
      'another when that one drains and all others are degraded',
      [node('a', 0, 'draining'), node('b', 0.9, 'degraded')],
      'b',
    ],
    ['another with room when all are degraded and that one has none', [full('a', 0), node('b', 0.9, 'degraded')], 'b'],
    ['the same one without room when there is none anywhere', [full('a', 0.2), full('b', 0)], 'a'],
    ['one without room rather than one that drains', [node('a', 0, 'draining'), full('b', 0)], 'b'],
    ['the same one when nobody serves', [node('a', 0, 'draining'), node('b', 0, 'left')], 'a'],
    ['the same one when it is alone', [node('a', 1)], 'a'],
    ['the same one before anybody has reported', [], 'a'],
  ])('chooses %s', (_why, nodes, chosen) => {
    expect(placeTransfer('a', nodes)).toBe(chosen);
  });
});
