import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { markOf } from './mark.ts';

describe('the mark of a person', () => {
  it('is the same for the same id, and another for most others', () => {
    expect(markOf('session-1')).toEqual(markOf('session-1'));
    const drawn = new Set(Array.from({ length: 1_000 }, (_, index) => JSON.stringify(markOf(`session-${index}`))));
    expect(drawn.size).toBeGreaterThan(995);
  });

  it('lies in its square, is the same on both sides, and its eyes are in the face', () => {
    fc.assert(
      fc.property(fc.string(), (id) => {
        const { size, bars, holes } = markOf(id);
        for (const { x, y, width, height } of [...bars, ...holes]) {
          expect(Math.min(x, y)).toBeGreaterThanOrEqual(0);
          expect(Math.max(x + width, y + height)).toBeLessThanOrEqual(size);
          expect(Math.min(width, height)).toBeGreaterThan(0);
        }
        const mirrored = bars.map((bar) => ({ ...bar, x: size - bar.x - bar.width })).reverse();
        expect(mirrored).toEqual(bars);
        for (const hole of holes) {
          const behind = bars.filter((bar) => bar.x >= hole.x && bar.x < hole.x + hole.width);
          expect(behind.every((bar) => bar.y < hole.y && bar.y + bar.height > hole.y + hole.height)).toBe(true);
        }
      }),
    );
  });
});
