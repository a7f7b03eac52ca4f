import { describe, expect, it } from '@jest/globals';
import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import { formatterFor } from '../../lib/format.ts';
import { en } from '../../messages/en.ts';
import { figuresOf, type NodeFigures, reasonsOf } from './node-figures.ts';

const GB = 1_000_000_000;
const format = formatterFor('en-GB');

/** Each figure is of its own value: one that shows another's would be seen. */
function node({
  health,
  ...changes
}: { health?: Partial<OperatorNode['health']> } & Partial<Omit<OperatorNode, 'health'>> = {}): OperatorNode {
  return {
    health: {
      nodeId: 'node-a',
      state: 'healthy',
      reasons: [],
      eventLoopDelayP99Ms: 12.4,
      eventLoopUse: 0.11,
      memoryBytes: 77_000_000,
      diskFreeBytes: 40 * GB,
      diskTotalBytes: 100 * GB,
      isDatabaseUp: true,
      isBusUp: true,
      isRedisUp: true,
      uptimeSeconds: 7_200,
      ...health,
    },
    publicUrl: null,
    isLeader: false,
    isAnswering: true,
    isGivenUp: false,
    load: 0.33,
    traffic: {
      nodeId: 'node-a',
      clientBytesIn: 1,
      clientBytesOut: 2,
      peerBytes: 3,
      bytesInPerSecond: 4_000_000,
      bytesOutPerSecond: 5_000_000,
      activeUploads: 6,
      activeDownloads: 7,
      sockets: 8,
      openTransfers: 10,
    },
    version: '2.0.0',
    homeCount: 9,
    ...changes,
  };
}

const USUAL: NodeFigures = {
  load: '33%',
  delay: '12 ms',
  disk: '40 GB of 100 GB',
  diskFree: '40 GB',
  isDiskLow: false,
  connections: '8',
  homes: '9',
  inward: '4 MB/s',
  outward: '5 MB/s',
  uptime: '2 hrs',
  version: '2.0.0',
};
const { unknown } = en.cluster.nodes;
const LITTLE = { disk: '9 GB of 100 GB', diskFree: '9 GB' };
const SILENT = { connections: unknown, inward: unknown, outward: unknown };

describe('the figures of a node', () => {
  it.each<[string, OperatorNode, Partial<NodeFigures>]>([
    ['that is healthy', node(), {}],
    ['with little disk', node({ health: { diskFreeBytes: 9 * GB } }), { ...LITTLE, isDiskLow: true }],
    ['that left with little disk', node({ health: { state: 'left', diskFreeBytes: 9 * GB } }), LITTLE],
    ['that does not answer', node({ isAnswering: false, traffic: null }), { load: unknown, ...SILENT }],
    [
      'of which nothing was heard',
      node({ health: { diskTotalBytes: 0, diskFreeBytes: 0 }, traffic: null, version: '' }),
      { delay: unknown, disk: unknown, diskFree: unknown, uptime: unknown, version: unknown, ...SILENT },
    ],
  ])('%s are its own', (_name, given, changed) => {
    expect(figuresOf(given, en, format)).toEqual({ ...USUAL, ...changed });
  });
});

describe('why a node is degraded', () => {
  const reasons = [
    { what: 'slow_loop', delayMs: 1_234 },
    { what: 'low_disk', freeBytes: 2 * GB },
    { what: 'no_redis' },
  ] as const;

  it('is said, each reason with its figure', () => {
    const said = reasonsOf(node({ health: { state: 'degraded', reasons } }), en, format);
    expect(said).toContain('its event loop is late by 1,234 ms');
    expect(said).toContain('only 2 GB of its disk is free');
    expect(said).toContain(en.cluster.facts.no_redis);
  });

  it('is not said of a healthy one, nor of one that left', () => {
    expect(reasonsOf(node(), en, format)).toBe('');
    expect(reasonsOf(node({ health: { state: 'left', reasons } }), en, format)).toBe('');
  });
});
