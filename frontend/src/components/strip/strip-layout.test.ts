import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { CELL } from '../../transfer-engine/chunk-map.ts';
import { countCells, fillOf, hasFallen, layoutStrip, presenceOf } from './strip-layout.ts';

describe('strip layout', () => {
  it('gives each chunk a cell while there is room, and merges when there is none', () => {
    expect(layoutStrip(10, 1152).cellCount).toBe(10);
    expect(layoutStrip(65_536, 1152).cellCount).toBe(192);
    expect(layoutStrip(0, 1152).cellCount).toBe(1);
    expect(layoutStrip(5, 1).cellCount).toBe(1);
  });

  it.each([1, 11, 65_536])('ends %i chunks where the line ends that they become', (chunkCount) => {
    const { cellCount, pitchPx, gapPx } = layoutStrip(chunkCount, 1152);
    expect(cellCount * pitchPx - gapPx).toBeCloseTo(1152, 6);
  });

  it('shows an empty transfer as full', () => {
    expect(fillOf(new Uint8Array(0), layoutStrip(0, 100), 0)).toEqual({ stored: 1, inFlight: 0 });
  });

  it('shows of merged cells what share is stored and moving', () => {
    const cells = Uint8Array.from([2, 2, 1, 0, 0, 0, 0, 0]);
    const layout = { cellCount: 2, pitchPx: 10, gapPx: 2 };
    expect(fillOf(cells, layout, 0)).toEqual({ stored: 0.5, inFlight: 0.25 });
    expect(fillOf(cells, layout, 1)).toEqual({ stored: 0, inFlight: 0 });
  });

  it('counts every chunk in exactly one cell', () => {
    const cellsArbitrary = fc.uint8Array({ min: 0, max: 2, minLength: 1, maxLength: 3_000 });
    fc.assert(
      fc.property(cellsArbitrary, fc.integer({ min: 1, max: 2_000 }), (cells, widthPx) => {
        const layout = layoutStrip(cells.length, widthPx);
        let stored = 0;
        for (let index = 0; index < layout.cellCount; index++) {
          const first = Math.floor((index * cells.length) / layout.cellCount);
          const end = Math.floor(((index + 1) * cells.length) / layout.cellCount);
          stored += fillOf(cells, layout, index).stored * (end - first);
        }
        expect(Math.round(stored)).toBe(countCells(cells).stored);
      }),
    );
  });

  it.each([
    ['what was on its way landed, the rest waits still', [1, 0], [2, 0], false],
    ['one landed while the next began', [1, 0, 0], [2, 1, 0], false],
    ['what is with the server only is begun anew by who receives it', [2, 2, 0], [1, 1, 0], false],
    ['nothing happened', [2, 1, 0], [2, 1, 0], false],
    ['what was on its way waits again', [1, 0], [0, 0], true],
    ['what was stored is lost', [2, 2], [2, 0], true],
    ['more fell back than landed', [1, 1, 0], [2, 0, 0], true],
  ] as const)('knows whether a merged cell fell back: %s', (_what, before, after, isExpected) => {
    const layout = { cellCount: 1, pitchPx: 6, gapPx: 2 };
    const wasThere = presenceOf(fillOf(Uint8Array.from(before), layout, 0));
    expect(hasFallen(wasThere, fillOf(Uint8Array.from(after), layout, 0))).toBe(isExpected);
  });

  it('sees no cell fall while every chunk of a transfer is on its way and then stored', () => {
    const chunkCount = 300;
    const cells = new Uint8Array(chunkCount);
    const layout = layoutStrip(chunkCount, 342);
    const look = () => Array.from({ length: layout.cellCount }, (_, index) => fillOf(cells, layout, index));
    const seen = look().map(presenceOf);
    let fallenCount = 0;
    for (let chunk = 0; chunk < chunkCount; chunk++) {
      for (const state of [CELL.inFlight, CELL.stored]) {
        cells[chunk] = state;
        look().forEach((fill, index) => {
          if (hasFallen(seen[index] ?? 0, fill)) fallenCount++;
          seen[index] = presenceOf(fill);
        });
      }
    }
    expect(layout.cellCount).toBe(57);
    expect(fallenCount).toBe(0);
  });
});
