import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../contracts/limits.ts';
import { SharedWindow } from './shared-window.ts';

describe('the window that bodies share', () => {
  it('gives one body 4 MiB, and eight bodies 1 MiB each', () => {
    const window = new SharedWindow();
    window.enter();
    expect(window.bytesEach).toBe(4 * MIB);
    for (let more = 0; more < 7; more += 1) window.enter();
    expect(window.bytesEach).toBe(MIB);
  });

  it('grows again when bodies end, however often they say so', () => {
    const window = new SharedWindow();
    const leave = Array.from({ length: 8 }, () => window.enter());
    for (const end of leave.slice(1)) {
      end();
      end();
    }
    expect(window.bytesEach).toBe(4 * MIB);
    leave[0]?.();
    window.enter();
    window.enter();
    window.enter();
    expect(window.bytesEach).toBeCloseTo((8 * MIB) / 3);
  });
});
