import { describe, expect, it } from '@jest/globals';
import { curveBetween, pointOn, ringIn, sideOf, thicknessOf } from './ring-layout.ts';

const ROOM = { side: 50, above: 30, below: 60 };
const IDS = Array.from({ length: 20 }, (_, index) => `node-${index}`);

describe('the ring', () => {
  it.each([1, 2, 3, 4, 5, 20])(
    'keeps %d nodes and their labels inside of the box, each in a place of its own',
    (count) => {
      const places = [...ringIn(700, 500, ROOM, IDS.slice(0, count)).places.values()];
      expect(places).toHaveLength(count);
      for (const { x, y } of places) {
        expect(x).toBeGreaterThanOrEqual(49.999);
        expect(x).toBeLessThanOrEqual(650.001);
        expect(y).toBeGreaterThanOrEqual(29.999);
        expect(y).toBeLessThanOrEqual(440.001);
      }
      expect(new Set(places.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`)).size).toBe(count);
    },
  );

  it.each([3, 4, 20])('lets %d nodes fill the box', (count) => {
    const places = [...ringIn(700, 500, ROOM, IDS.slice(0, count)).places.values()];
    const down = places.map(({ y }) => y);
    expect([Math.min(...down), Math.max(...down)].map(Math.round)).toEqual([30, 440]);
    const across = places.map(({ x }) => x);
    expect([Math.min(...across), Math.max(...across)].map(Math.round)).toEqual([50, 650]);
  });

  it('puts one in the middle, and two side by side at the same height', () => {
    expect(ringIn(700, 500, ROOM, ['a']).places.get('a')).toEqual({ x: 350, y: 235 });
    const two = [...ringIn(700, 500, ROOM, ['a', 'b']).places.values()];
    expect(two).toEqual([
      { x: 50, y: 235 },
      { x: 650, y: 235 },
    ]);
  });

  it('stays where there is hardly room', () => {
    const places = [...ringIn(40, 40, ROOM, IDS).places.values()];
    expect(places.every(({ x, y }) => Number.isFinite(x) && Number.isFinite(y))).toBe(true);
  });
});

describe('the words of a node', () => {
  it('stand outside of the ring, beside it where nodes stand one below the other', () => {
    const ring = ringIn(700, 500, ROOM, IDS);
    const sides = [...ring.places.values()].map((place) => sideOf(place, ring, true));
    expect(sides[0]).toBe('above');
    expect(sides[5]).toBe('right');
    expect(sides[10]).toBe('below');
    expect(sides[15]).toBe('left');
    expect(sides.filter((side) => side === 'left')).toHaveLength(sides.filter((side) => side === 'right').length);
    expect([...ring.places.values()].map((place) => sideOf(place, ring, false))).not.toContain('left');
  });
});

describe('a line between two nodes', () => {
  const centre = { x: 0, y: 0 };
  const left = { x: -100, y: 0 };
  const right = { x: 100, y: 0 };

  it('begins at one, ends at the other, and leads there', () => {
    const curve = curveBetween(left, right, centre);
    expect(pointOn(curve, 0)).toMatchObject(left);
    expect(pointOn(curve, 1)).toMatchObject(right);
    expect(Math.abs(pointOn(curve, 0.5).angle)).toBeLessThan(0.01);
  });

  it('does not lie on the line back', () => {
    const there = pointOn(curveBetween(left, right, centre), 0.5);
    const back = pointOn(curveBetween(right, left, centre), 0.5);
    expect(Math.abs(there.y - back.y)).toBeGreaterThan(15);
  });

  it('is thicker for more bytes, and never too thick', () => {
    const widths = [1, 1e4, 1e6, 1e8, 1e10, 1e15].map((rate) => thicknessOf(rate, 6));
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(widths[0]).toBeGreaterThanOrEqual(1.5);
    expect(widths.at(-1)).toBeLessThanOrEqual(14);
    expect(new Set(widths.map((width) => width.toFixed(3))).size).toBeGreaterThan(4);
    expect(thicknessOf(1e9, 64)).toBeLessThan(thicknessOf(1e9, 6) / 2);
  });
});
