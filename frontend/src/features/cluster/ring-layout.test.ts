import { describe, expect, it } from '@jest/globals';
import { curveBetween, placesIn, pointOn, ringIn, thicknessOf } from './ring-layout.ts';

const ROOM = { side: 50, above: 30, below: 60 };
const IDS = Array.from({ length: 20 }, (_, index) => `node-${index}`);

describe('the ring', () => {
  it.each([1, 2, 3, 20])('keeps %d nodes and their labels inside of the box, each in a place of its own', (count) => {
    const places = [...placesIn(ringIn(700, 500, ROOM), IDS.slice(0, count)).values()];
    expect(places).toHaveLength(count);
    for (const { x, y } of places) {
      expect(x).toBeGreaterThanOrEqual(50);
      expect(x).toBeLessThanOrEqual(650);
      expect(y).toBeGreaterThanOrEqual(30);
      expect(y).toBeLessThanOrEqual(440.001);
    }
    expect(new Set(places.map(({ x, y }) => `${x.toFixed(1)} ${y.toFixed(1)}`)).size).toBe(count);
  });

  it('has no negative radius where there is hardly room', () => {
    expect(ringIn(40, 40, ROOM)).toMatchObject({ radiusX: 0, radiusY: 0 });
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
    const widths = [1, 1e4, 1e6, 1e8, 1e10, 1e15].map(thicknessOf);
    expect(widths).toEqual([...widths].sort((a, b) => a - b));
    expect(widths[0]).toBeGreaterThanOrEqual(1.5);
    expect(widths.at(-1)).toBeLessThanOrEqual(14);
    expect(new Set(widths.map((width) => width.toFixed(3))).size).toBeGreaterThan(4);
  });
});
