import { expect, it } from '@jest/globals';
import { isPastedElsewhere } from './paste-target.ts';

it('is the page’s paste unless a field is written into or a sheet is open', () => {
  const inside = (place: string) =>
    Object.assign(new EventTarget(), { closest: (wanted: string) => (wanted.split(', ').includes(place) ? {} : null) });
  expect(isPastedElsewhere(inside('textarea'))).toBe(true);
  expect(isPastedElsewhere(inside('[role="dialog"]'))).toBe(true);
  expect(isPastedElsewhere(inside('main'))).toBe(false);
  expect(isPastedElsewhere(new EventTarget())).toBe(false);
  expect(isPastedElsewhere(null)).toBe(false);
});
