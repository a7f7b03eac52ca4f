import { describe, expect, it } from '@jest/globals';
import { COPIES_SUGGESTED_A_TURN, createCopySuggestions } from './copy-suggestions.ts';

function setUp(nodeIds: readonly string[], homes: readonly string[]) {
  const rows = homes.map((homeNodeId, index) => ({ id: `t${String(index).padStart(3, '0')}`, homeNodeId }));
  const asked: string[] = [];
  const turn = createCopySuggestions({
    repository: { singleCopies: async (after, limit) => rows.filter(({ id }) => id > after).slice(0, limit) },
    nodeIds: () => nodeIds,
    replicate: async (home, id) => {
      asked.push(`${home} ${id}`);
      if (home === 'sick') throw new Error('no');
    },
  });
  return { turn, asked };
}

describe('the suggestion to attach a copy', () => {
  it('goes to homes that are there, and counts those that took it', async () => {
    const { turn, asked } = setUp(['a', 'b', 'sick'], ['a', 'gone', 'sick', 'b']);
    expect(await turn()).toBe(2);
    expect(asked).toEqual(['a t000', 'sick t002', 'b t003']);
  });

  it('is not made while there is nobody to copy to', async () => {
    const { turn, asked } = setUp(['a'], ['a', 'a']);
    expect(await turn()).toBe(0);
    expect(asked).toEqual([]);
  });

  it('comes to every transfer in turn, so many a turn, and begins anew behind the last', async () => {
    const count = 2 * COPIES_SUGGESTED_A_TURN + 3;
    const { turn, asked } = setUp(
      ['a', 'b'],
      Array.from({ length: count }, () => 'a'),
    );
    expect([await turn(), await turn(), await turn()]).toEqual([COPIES_SUGGESTED_A_TURN, COPIES_SUGGESTED_A_TURN, 3]);
    expect(new Set(asked).size).toBe(count);
    expect(await turn()).toBe(COPIES_SUGGESTED_A_TURN);
    expect(asked.at(-COPIES_SUGGESTED_A_TURN)).toBe('a t000');
  });
});
