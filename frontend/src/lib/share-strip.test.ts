import { describe, expect, it } from '@jest/globals';
import type { ShareResponse } from '../../../services/contracts/http.ts';
import { leadingBytes, Meanwhile, markCommitted, stripOf } from './share-strip.ts';

const file = (index: number, sizeBytes: number) => ({
  index,
  path: `file ${index}`,
  sizeBytes,
  chunkSizeBytes: 100,
  chunkCount: Math.ceil(sizeBytes / 100),
  committedChunkCount: 0,
  digest: null,
});
/** Two files of three chunks each, the last of each a short one. */
const answer = { share: { state: 'open', committedBytes: 0 }, files: [file(0, 250), file(1, 201)], committed: {} };

describe('what a reader can have of a share now', () => {
  it('ends at the first gap, whatever is stored behind it', () => {
    const share = answer as unknown as ShareResponse;
    const { cells } = stripOf(share, 1);
    const ready = [leadingBytes(share, cells)];
    for (const [fileIndex, chunk] of [
      [0, 0],
      [0, 2],
      [1, 0],
      [0, 1],
      [1, 2],
      [1, 1],
    ] as const) {
      markCommitted(share, cells, { [fileIndex]: [[chunk, chunk + 1]] });
      ready.push(leadingBytes(share, cells));
    }
    expect(ready).toEqual([0, 100, 100, 100, 350, 350, 451]);
  });
});

describe('what is told of while an answer is on its way', () => {
  it('is marked on it, whether the answer knew of it or not', () => {
    const meanwhile = new Meanwhile();
    meanwhile.heard({ 0: [[0, 1]] });
    const [first, second] = [meanwhile.listen(), meanwhile.listen()];
    meanwhile.heard({ 0: [[1, 3]], 1: [[2, 3]] });
    const marks = first();
    meanwhile.heard({ 1: [[0, 1]] });
    expect(marks).toEqual([{ 0: [[1, 3]], 1: [[2, 3]] }]);
    expect(second()).toHaveLength(2);
    // It was written after the second chunk of the first file.
    const late = { ...answer, share: { state: 'open', committedBytes: 200 }, committed: { 0: [[0, 2]] } };
    const strip = stripOf(late as unknown as ShareResponse, 1, marks);
    expect([...strip.cells]).toEqual([2, 2, 2, 0, 0, 2]);
    expect(strip.committedBytes).toBe(200 + 50 + 1);
  });
});
