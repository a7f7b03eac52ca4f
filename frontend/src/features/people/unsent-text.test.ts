import { expect, it } from '@jest/globals';
import { UnsentText } from './unsent-text.ts';

it('is found again for the same people, in whatever order they were chosen, and for nobody else', () => {
  const ada = { id: 'ada', displayName: 'Ada' };
  const bo = { id: 'bo', displayName: 'Bo' };
  const unsent = new UnsentText();
  expect(unsent.of([ada])).toBe('');
  unsent.keep([ada, bo], 'half a letter');
  expect(unsent.of([bo, ada])).toBe('half a letter');
  expect(unsent.of([ada])).toBe('');
  unsent.keep([ada, bo], '');
  expect(unsent.of([ada, bo])).toBe('');
});
