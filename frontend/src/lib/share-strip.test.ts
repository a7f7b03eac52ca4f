import { describe, expect, it } from '@jest/globals';
import type { ShareResponse } from '../../../services/contracts/http.ts';
import { leadingBytes, markCommitted, stripOf } from './share-strip.ts';

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
      markCommitted(share, cells, fileIndex, [[chunk, chunk + 1]]);
      ready.push(leadingBytes(share, cells));
    }
    expect(ready).toEqual([0, 100, 100, 100, 350, 350, 451]);
  });
});
