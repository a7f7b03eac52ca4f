import { expect, it } from '@jest/globals';
import { UnsentText } from './unsent-text.ts';

const ada = { id: 'ada', displayName: 'Ada' };
const bo = { id: 'bo', displayName: 'Bo' };

it('is found again for the same people, in whatever order they were chosen, and for nobody else', () => {
  const unsent = new UnsentText();
  expect(unsent.of([ada])).toBe('');
  unsent.keep([ada, bo], 'half a letter');
  expect(unsent.of([bo, ada])).toBe('half a letter');
  expect(unsent.of([ada])).toBe('');
  unsent.keep([ada, bo], '');
  expect(unsent.of([ada, bo])).toBe('');
});

it('is gone once it was sent, but not what was written while that took a while', () => {
  const unsent = new UnsentText();
  unsent.keep([ada], 'to Ada');
  unsent.sent([ada], 'to Ada');
  expect(unsent.of([ada])).toBe('');
  unsent.keep([bo], 'to Bo');
  unsent.sent([ada], 'to Ada');
  expect(unsent.of([bo])).toBe('to Bo');
  unsent.sent([bo], 'to B');
  expect(unsent.of([bo])).toBe('to Bo');
});
