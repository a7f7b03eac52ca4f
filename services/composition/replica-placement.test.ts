import { describe, expect, it } from '@jest/globals';
import type { NodeRow } from '../cluster/ports.ts';
import { nodeAddresses } from './replica-placement.ts';

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
