import { describe, expect, it } from '@jest/globals';
import { waitsForSender } from './waits-for-sender.ts';

describe('who receives while it is being sent', () => {
  it.each([
    ['moving', 100, 100, true, true],
    ['offline', 100, 100, true, true],
    ['moving', 99, 100, true, false],
    ['offline', 100, 100, false, false],
    ['offline', 0, null, true, false],
    ['saving', 100, 100, true, false],
    // The server gives the reason itself: slots are held, say.
    ['waiting', 100, 100, true, false],
  ] as const)('%s with %s of %s, heard %s: waits for its sender %s', (name, here, stored, isHeard, waits) => {
    expect(waitsForSender({ name }, here, stored, isHeard)).toBe(waits);
  });
});
