import { describe, expect, it } from '@jest/globals';
import { ReplayWindow } from './replay-window.ts';

/** What the window says, by the whole past. */
function reference(sizeBits: number): (sequence: number) => boolean {
  const seen = new Set<number>();
  let highest = 0;
  return (sequence) => {
    if (seen.has(sequence) || sequence <= highest - sizeBits) return false;
    seen.add(sequence);
    highest = Math.max(highest, sequence);
    return true;
  };
}

describe('a window of sequence numbers', () => {
  it('takes each number once that is not below it, whatever was skipped, late or a round ago', () => {
    const size = 8;
    // A generator of its own: the same steps each time.
    let state = 1;
    const below = (limit: number) => {
      state = (state * 48_271) % 2_147_483_647;
      return state % limit;
    };
    for (let run = 0; run < 200; run += 1) {
      const [window, wanted] = [new ReplayWindow(size), reference(size)];
      let near = 1;
      for (let step = 0; step < 60; step += 1) {
        const sequence = Math.max(1, near - below(size + 3));
        expect({ run, sequence, isTaken: window.accept(sequence) }).toEqual({
          run,
          sequence,
          isTaken: wanted(sequence),
        });
        near += below(below(6) === 0 ? 3 * size : 3);
      }
    }
  });
});
