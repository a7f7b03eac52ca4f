import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { countCells, fillOf, layoutStrip } from './strip-layout.ts';

describe('strip layout', () => {
  it('gives each chunk a cell while there is room, and merges when there is none', () => {
    expect(layoutStrip(10, 1152).cellCount).toBe(10);
    expect(layoutStrip(65_536, 1152).cellCount).toBe(192);
    expect(layoutStrip(0, 1152).cellCount).toBe(1);
    expect(layoutStrip(5, 1).cellCount).toBe(1);
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
});
