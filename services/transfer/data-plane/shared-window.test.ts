import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../contracts/limits.ts';
import { SharedWindow } from './shared-window.ts';

describe('the window that bodies share', () => {
  it('gives up to six bodies 4 MiB each, and twenty-four 1 MiB', () => {
    const window = new SharedWindow();
    for (let count = 1; count <= 6; count += 1) window.enter();
    expect(window.bytesEach).toBe(4 * MIB);
    for (let count = 7; count <= 24; count += 1) window.enter();
    expect(window.bytesEach).toBe(MIB);
  });

  it('grows again when bodies end, however often they say so', () => {
    const window = new SharedWindow();
    const leave = Array.from({ length: 24 }, () => window.enter());
    for (const end of leave.slice(1)) {
      end();
      end();
    }
    expect(window.bytesEach).toBe(4 * MIB);
    leave[0]?.();
    for (let count = 1; count <= 9; count += 1) window.enter();
    expect(window.bytesEach).toBeCloseTo((24 * MIB) / 9);
  });
});
