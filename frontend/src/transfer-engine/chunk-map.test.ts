import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CELL, ChunkMap, type EngineFile } from './chunk-map.ts';

const fileOf = (sizeBytes: number, chunkSizeBytes = 100): EngineFile => ({
  sizeBytes,
  chunkSizeBytes,
  chunkCount: Math.ceil(sizeBytes / chunkSizeBytes),
});

describe('chunk map', () => {
  it('counts a short last chunk by its own length', () => {
    const map = new ChunkMap([fileOf(250)]);
    map.mark(0, 2, 3, CELL.stored);
    expect(map.storedBytes).toBe(50);
    map.mark(0, 0, 3, CELL.stored);
    expect(map.storedBytes).toBe(250);
    expect(map.isComplete).toBe(true);
  });

  it('tells each change once to whoever draws it', () => {
    const map = new ChunkMap([fileOf(250)]);
    map.mark(0, 0, 2, CELL.inFlight);
    expect(map.takeChanges()).toEqual([[0, 2]]);
    expect(map.takeChanges()).toEqual([]);
    map.mark(0, 1, 3, CELL.inFlight);
    expect(map.takeChanges()).toEqual([[2, 3]]);
  });

  it('is complete at once when there is nothing to store', () => {
    expect(new ChunkMap([fileOf(0)]).isComplete).toBe(true);
  });

  it('plans runs that end where a stored chunk or the file ends', () => {
    const map = new ChunkMap([fileOf(500), fileOf(250)]);
    map.adopt(0, [[1, 2]], false);
    const ranges = [];
    for (let run = map.nextRun(200); run; run = map.nextRun(200)) {
      ranges.push([run.fileIndex, run.firstChunk, run.endChunk, run.offsetBytes, run.sizeBytes]);
      map.mark(run.fileIndex, run.firstChunk, run.endChunk, CELL.inFlight);
    }
    expect(ranges).toEqual([
      [0, 0, 1, 0, 100],
      [0, 2, 4, 200, 200],
      [0, 4, 5, 400, 100],
      [1, 0, 2, 0, 200],
      [1, 2, 3, 200, 50],
    ]);
  });

  it('plans one chunk when a chunk is larger than a run may be', () => {
    expect(new ChunkMap([fileOf(500)]).nextRun(10)).toMatchObject({ firstChunk: 0, endChunk: 1, sizeBytes: 100 });
  });

  it('comes back to an earlier file whose chunks fell back', () => {
    const map = new ChunkMap([fileOf(100), fileOf(100)]);
    map.mark(0, 0, 1, CELL.inFlight);
    expect(map.nextRun(100)?.fileIndex).toBe(1);
    map.release(0, 0, 1);
    expect(map.nextRun(100)?.fileIndex).toBe(0);
  });

  it('keeps what is stored when it releases a run, and when a status is older than an acknowledgement', () => {
    const map = new ChunkMap([fileOf(300)]);
    map.mark(0, 0, 3, CELL.inFlight);
    map.mark(0, 1, 2, CELL.stored);
    map.release(0, 0, 3);
    map.adopt(0, [], false);
    expect([...map.cells]).toEqual([CELL.waiting, CELL.stored, CELL.waiting]);
    map.adopt(0, [[0, 1]], true);
    expect([...map.cells]).toEqual([CELL.stored, CELL.waiting, CELL.waiting]);
    expect(map.storedBytes).toBe(100);
  });

  it('ignores ranges past the end of the file', () => {
    const map = new ChunkMap([fileOf(150), fileOf(100)]);
    map.adopt(0, [[0, 99]], false);
    expect(map.storedBytes).toBe(150);
    expect(map.stateOf(1, 0)).toBe(CELL.waiting);
  });

  it('tells of each change of a cell, so that a copy that follows stays equal', () => {
    const sizes = fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 1, maxLength: 4 });
    const marks = fc.array(fc.tuple(fc.nat(3), fc.nat(9), fc.nat(9), fc.constantFrom(0, 1, 2)), { maxLength: 40 });
    fc.assert(
      fc.property(sizes, marks, (lengths, steps) => {
        const map = new ChunkMap(lengths.map((length) => fileOf(length)));
        const copy = new Uint8Array(map.cells.length);
        for (const [fileIndex, a, b, state] of steps) {
          const count = map.files[fileIndex]?.chunkCount;
          if (count === undefined) continue;
          map.mark(fileIndex, Math.min(a, b, count), Math.min(Math.max(a, b), count), state as 0);
          for (const [from, end] of map.takeChanges()) copy.set(map.cells.subarray(from, end), from);
          expect(copy).toEqual(map.cells);
        }
        const stored = map.files.map((file, index) => {
          let bytes = 0;
          for (let chunk = 0; chunk < file.chunkCount; chunk++) {
            if (map.stateOf(index, chunk) === CELL.stored) bytes += map.bytesOf(index, chunk, chunk + 1);
          }
          return bytes;
        });
        expect([...map.storedBytesByFile]).toEqual(stored);
      }),
    );
  });
});
