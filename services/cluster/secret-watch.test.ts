import { describe, expect, it } from '@jest/globals';
import type { HeldSecret } from './ports.ts';
import { nodesWithTheSecret, SecretWatch, secretMark } from './secret-watch.ts';

const own = { nodeId: 'own', secretMark: 'new' };
const held = (nodeId: string, mark: string, heldMs = 60_000): HeldSecret => ({ nodeId, secretMark: mark, heldMs });

describe('the mark of a secret', () => {
  it('is the same for the same secret of the same cluster only', () => {
    const mark = secretMark(Buffer.from('a secret of a cluster'), 'c1');
    expect(mark).toMatch(/^[0-9a-f]{32}$/);
    expect(secretMark(Buffer.from('a secret of a cluster'), 'c1')).toBe(mark);
    expect(secretMark(Buffer.from('a secret of a clustes'), 'c1')).not.toBe(mark);
    expect(secretMark(Buffer.from('a secret of a cluster'), 'c2')).not.toBe(mark);
  });
});

describe('a node is with the rest', () => {
  it.each([
    ['alone', []],
    ['beside one with its secret', [held('own', 'new'), held('b', 'new')]],
    [
      'as one of two, against one that was there before',
      [held('own', 'new', 1), held('b', 'new', 1), held('c', 'old')],
    ],
    ['when it was there before another one', [held('own', 'new', 2_000), held('b', 'old', 1_000)]],
  ])('%s', (_what, rows) => {
    expect(nodesWithTheSecret(own, rows)).toEqual([]);
  });

  it.each([
    ['came to one that was there', [held('b', 'old')], ['b']],
    ['is known to have come later', [held('own', 'new', 1_000), held('b', 'old', 2_000)], ['b']],
    [
      'is one against two, however long it is there',
      [held('own', 'new', 9e9), held('b', 'old'), held('c', 'old')],
      ['b', 'c'],
    ],
    ['was here with the other secret until just now', [held('own', 'old', 9e9), held('b', 'old', 1_000)], ['b']],
  ])('not when it %s', (_what, rows, others) => {
    expect(nodesWithTheSecret(own, rows)).toEqual(others);
  });

  it('or not: of two that came at once exactly one finds that it is not', () => {
    const rows = [held('own', 'new', 0), held('b', 'old', 0)];
    const sides = [own, { nodeId: 'b', secretMark: 'old' }].map((side) => nodesWithTheSecret(side, rows));
    expect(sides.map(({ length }) => length).sort()).toEqual([0, 1]);
  });
});

it('a node that has another secret says so once, what to do, and when it is over', async () => {
  let rows = [held('b', 'old')];
  const said: unknown[] = [];
  const tell = (...words: unknown[]) => void said.push(words);
  const watch = new SecretWatch(own, { listSecrets: async () => rows }, () => [], { error: tell, info: tell });
  expect(watch.isShared).toBe(true);
  for (const _ of [1, 2]) await watch.look();
  expect(watch.isShared).toBe(false);
  expect(said).toEqual([[{ nodeIds: ['b'] }, expect.stringMatching(/CLUSTER_SECRET: .*Stop it, give it/)]]);
  rows = [];
  await watch.look();
  expect(watch.isShared).toBe(true);
  expect(said).toHaveLength(2);
});

it('a node has the secret of those that it hears on the bus, though their rows have the mark of an earlier one', async () => {
  const rows = [held('own', 'old', 9e9), held('b', 'old'), held('c', 'old')];
  const log = { error: () => undefined, info: () => undefined };
  const isShared = async (...onBus: string[]) => {
    const watch = new SecretWatch(own, { listSecrets: async () => rows }, () => onBus, log);
    await watch.look();
    return watch.isShared;
  };
  expect([await isShared('own', 'b', 'c'), await isShared('own', 'b')]).toEqual([true, true]);
  expect(await isShared('own')).toBe(false);
});
