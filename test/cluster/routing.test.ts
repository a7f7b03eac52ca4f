import { createHash, randomBytes } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { startCluster } from '../support/cluster.ts';

describe('a cluster of three nodes', () => {
  it('takes a file on one node and serves it on every other', async () => {
    const { nodes } = await startCluster({ nodes: 3 });
    const [first, ...others] = nodes;
    const bytes = randomBytes(5_000_000);
    const answer = await fetch(`${first?.url}/some.bin`, { method: 'PUT', body: bytes });
    const text = await answer.text();
    expect(answer.status).toBe(201);
    const link = new URL(text.split('\n')[0] ?? '');
    for (const node of others) {
      const got = Buffer.from(await (await fetch(`${node.url}${link.pathname}`)).arrayBuffer());
      expect(createHash('sha256').update(got).digest('hex')).toBe(createHash('sha256').update(bytes).digest('hex'));
    }
  }, 180_000);
});
