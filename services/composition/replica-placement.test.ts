import { describe, expect, it } from '@jest/globals';
import type { NodeRow } from '../cluster/ports.ts';
import type { Call } from '../define-service.ts';
import { createPlacement, nodeAddresses } from './replica-placement.ts';

const rowOf = (id: string, peerUrl: string) => ({ id, peerUrl, publicUrl: null }) as unknown as NodeRow;

describe('addresses of nodes', () => {
  it('of a known node are there at once while the database says nothing', async () => {
    let isFrozen = false;
    let readCount = 0;
    const listNodes = () => {
      readCount += 1;
      return isFrozen ? new Promise<never>(() => {}) : Promise.resolve([rowOf('n2', 'http://two:5000')]);
    };
    // Every look finds what it knows too old.
    const addresses = nodeAddresses({ listNodes }, { keptMs: -1 });
    expect(await addresses.peerUrl('n2')).toBe('http://two:5000');
    isFrozen = true;
    const startedMs = performance.now();
    expect(await addresses.peerUrl('n2')).toBe('http://two:5000');
    expect(performance.now() - startedMs).toBeLessThan(1_000);
    expect(readCount).toBe(2);
  });

  it('are read anew for a node that nobody knew', async () => {
    const rows = [rowOf('n2', 'http://two:5000')];
    const addresses = nodeAddresses({ listNodes: async () => [...rows] });
    expect(await addresses.peerUrl('n3')).toBeNull();
    rows.push(rowOf('n3', 'http://three:5000'));
    expect(await addresses.peerUrl('n3')).toBe('http://three:5000');
  });
});

describe('the node for a copy', () => {
  type Health = readonly [state: string, freeShare: number, eventLoopUse: number];
  /** Chosen among nodes of these healths; one that has none does not answer. */
  const chosen = (nodes: Readonly<Record<string, Health | null>>, exclude: readonly string[] = []) => {
    const call = (async (_name: string, _params: object, { nodeId = '' }: { nodeId?: string }) => {
      const health = nodes[nodeId];
      if (health === undefined || health === null) throw new Error('no answer');
      const [state, freeShare, eventLoopUse] = health;
      return { nodeId, state, diskFreeBytes: freeShare * 1_000, diskTotalBytes: 1_000, eventLoopUse };
    }) as unknown as Call;
    return createPlacement({ nodeIds: () => Object.keys(nodes), call }).choose(exclude);
  };

  it('is the least busy of those with room, else of the others', async () => {
    expect(await chosen({ a: ['healthy', 0.2, 0.5], b: ['healthy', 0.19, 0.1], c: ['healthy', 0.9, 0.4] })).toBe('c');
    expect(await chosen({ a: ['healthy', 0.1, 0.5], b: ['healthy', 0.19, 0.1] })).toBe('b');
  });

  it('is never one that has it, that does not answer, or that is about to stop', async () => {
    expect(await chosen({ a: ['healthy', 0.9, 0.1], b: ['healthy', 0.9, 0.9] }, ['a'])).toBe('b');
    expect(await chosen({ a: null, b: ['healthy', 0.1, 0.9] })).toBe('b');
    expect(await chosen({ a: ['draining', 0.9, 0.1], b: null })).toBeNull();
    expect(await chosen({ a: ['healthy', 0.9, 0.1] }, ['a'])).toBeNull();
  });

  it('is a degraded one only where no healthy one is', async () => {
    expect(await chosen({ a: ['degraded', 0.9, 0.1], b: ['healthy', 0.1, 0.9] })).toBe('b');
    expect(await chosen({ a: ['degraded', 0.9, 0.1], b: ['draining', 0.9, 0] })).toBe('a');
  });
});

describe('addresses that cannot be read', () => {
  it('are those that were known, else none', async () => {
    let isUp = true;
    const listNodes = async () => {
      if (!isUp) throw new Error('the database does not answer');
      return [rowOf('n2', 'http://two:5000')];
    };
    const addresses = nodeAddresses({ listNodes }, { keptMs: -1 });
    expect(await addresses.peerUrl('n2')).toBe('http://two:5000');
    isUp = false;
    expect([await addresses.peerUrl('n2'), await addresses.peerUrl('n3')]).toEqual(['http://two:5000', null]);
  });
});
