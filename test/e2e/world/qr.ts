import { expect } from '@jest/globals';
import type { Page } from 'playwright-core';
import { encode } from 'uqr';

/**
 * Holds where exactly one QR code is seen, of this address: its squares, read off the drawing, are those of the address,
 * and dark on light.
 */
export async function expectQrOf(page: Page, address: string): Promise<void> {
  const code = page.getByRole('img', { name: address }).filter({ visible: true });
  await code.waitFor();
  const drawn = await code.evaluate((svg) => {
    const [, , width = 0] = (svg.getAttribute('viewBox') ?? '').split(' ').map(Number);
    const [ground, squares] = svg.children;
    if (!(ground instanceof SVGRectElement && squares instanceof SVGPathElement)) throw new Error('drawn otherwise');
    const isDark = (x: number, y: number) => squares.isPointInFill(new DOMPoint(x + 0.5, y + 0.5));
    const places = Array.from({ length: width }, (_, place) => place);
    return {
      rows: places.map((y) => places.map((x) => (isDark(x, y) ? '#' : '.')).join('')),
      colours: [getComputedStyle(ground).fill, getComputedStyle(squares).fill],
      sidePx: svg.getBoundingClientRect().width,
    };
  });
  const { data } = encode(address, { ecc: 'M', border: 4 });
  expect(drawn.rows).toEqual(data.map((row) => row.map((isDark) => (isDark ? '#' : '.')).join('')));
  // Dark mode turns no code round: many readers know none that is light on dark.
  expect(drawn.colours).toEqual(['rgb(255, 255, 255)', 'rgb(0, 0, 0)']);
  // A phone at arm's length reads squares of 4 px.
  expect(drawn.sidePx / data.length).toBeGreaterThanOrEqual(4);
}
