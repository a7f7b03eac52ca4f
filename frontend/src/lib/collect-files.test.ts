import { describe, expect, it } from '@jest/globals';
import { claimDrop } from './collect-files.ts';

describe('a drop', () => {
  it('is taken once, though the page keeps every drop from replacing it', () => {
    const drop = new Event('drop', { cancelable: true });
    drop.preventDefault();
    expect(claimDrop(drop)).toBe(true);
    expect(claimDrop(drop)).toBe(false);
    expect(claimDrop(new Event('drop'))).toBe(true);
  });
});
