import { describe, expect, it } from '@jest/globals';
import { inBatches } from './batches.ts';

async function* upTo(count: number): AsyncGenerator<number, void, void> {
  for (let item = 0; item < count; item += 1) yield item;
}

async function batchesOf(count: number, size: number): Promise<readonly (readonly number[])[]> {
  const batches: (readonly number[])[] = [];
  for await (const batch of inBatches(upTo(count), size)) batches.push(batch);
  return batches;
}

describe('batches of a list', () => {
  it.each([
    [0, []],
    [1, [[0]]],
    [2, [[0, 1]]],
    [3, [[0, 1], [2]]],
    [
      4,
      [
        [0, 1],
        [2, 3],
      ],
    ],
  ])('of %i items, two at a time, leave none out and have none that is empty', async (count, batches) => {
    expect(await batchesOf(count, 2)).toEqual(batches);
  });

  it('ask for no more of the list than is taken', async () => {
    let given = 0;
    const counting = async function* (): AsyncGenerator<number, void, void> {
      for (;;) yield given++;
    };
    for await (const batch of inBatches(counting(), 3)) {
      expect(batch).toEqual([0, 1, 2]);
      break;
    }
    expect(given).toBe(3);
  });
});
