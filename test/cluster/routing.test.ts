import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { startCluster } from '../support/cluster.ts';

describe('a cluster of three nodes', () => {
  it('takes a file on one node and serves it on every other', async () => {
    const { nodes } = await startCluster({ nodes: 3, areClocksWrong: true });
    const [first, ...others] = nodes;
    const bytes = randomBytes(5_000_000);
    const answer = await fetch(`${first?.url}/some.bin`, { method: 'PUT', body: bytes });
    const text = await answer.text();
    expect(answer.status).toBe(201);
    const link = new URL(text.split('\n')[0] ?? '');
    for (const node of others) {
      const got = Buffer.from(await (await fetch(`${node.url}${link.pathname}`)).arrayBuffer());
      expect(createHash('sha256').update(got).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
      // Within a chunk, and from the middle of one into others: what hides the bytes between nodes begins in the middle too.
      for (const [start, end] of [
        [100, 7_777],
        [1_500_001, 4_000_000],
      ] as const) {
        const part = await fetch(`${node.url}${link.pathname}`, { headers: { range: `bytes=${start}-${end}` } });
        expect(part.status).toBe(206);
        expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(start, end + 1))).toBe(true);
      }
    }
  }, 180_000);
});
