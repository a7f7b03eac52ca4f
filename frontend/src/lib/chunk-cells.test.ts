import { describe, expect, it } from '@jest/globals';
import { CELL } from '../transfer-engine/chunk-map.ts';
import { cellsOfStatus, cellsWithReader } from './chunk-cells.ts';

const { waiting, inFlight, stored } = CELL;
/** Three chunks, the last a short one; an empty file; two chunks. */
const FILES = [
  { sizeBytes: 250, chunkSizeBytes: 100, chunkCount: 3 },
  { sizeBytes: 0, chunkSizeBytes: 100, chunkCount: 0 },
  { sizeBytes: 200, chunkSizeBytes: 100, chunkCount: 2 },
];

describe('what is with a reader', () => {
  const committed = Uint8Array.from([stored, stored, stored, stored, inFlight]);

  it.each([
    [0, [inFlight, inFlight, inFlight, inFlight, waiting]],
    [99, [inFlight, inFlight, inFlight, inFlight, waiting]],
    [100, [stored, inFlight, inFlight, inFlight, waiting]],
    [249, [stored, stored, inFlight, inFlight, waiting]],
    [250, [stored, stored, stored, inFlight, waiting]],
    [350, [stored, stored, stored, stored, waiting]],
    [450, [stored, stored, stored, stored, stored]],
  ])('after %d bytes is there, what the server has besides is on the way, the rest waits', (bytes, cells) => {
    expect([...cellsWithReader(committed, FILES, bytes)]).toEqual(cells);
  });

  it('ends within a file of which nobody knows the length', () => {
    const growing = [{ sizeBytes: null, chunkSizeBytes: 100, chunkCount: 2 }];
    expect([...cellsWithReader(Uint8Array.from([stored, stored]), growing, 150)]).toEqual([stored, inFlight]);
    expect([...cellsWithReader(Uint8Array.from([stored, stored]), growing, 900)]).toEqual([stored, stored]);
  });
});

describe('what a server says is committed', () => {
  it('stands in its places, the files one after the other', () => {
    const files = [
      {
        chunkCount: 4,
        committed: [
          [1, 2],
          [3, 4],
        ],
      },
      { chunkCount: 0, committed: [] },
      { chunkCount: 2, committed: [[0, 1]] },
    ] as const;
    expect([...cellsOfStatus(files)]).toEqual([waiting, stored, waiting, stored, stored, waiting]);
  });

  it('has one more place where nobody knows how many there will be', () => {
    expect([...cellsOfStatus([{ chunkCount: null, committed: [[0, 2]] }])]).toEqual([stored, stored, waiting]);
    expect([...cellsOfStatus([{ chunkCount: null, committed: [] }])]).toEqual([waiting]);
  });
});
