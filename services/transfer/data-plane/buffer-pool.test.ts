import { describe, expect, it } from '@jest/globals';
import { MIB } from '../../contracts/limits.ts';
import { BufferPool } from './buffer-pool.ts';

describe('a pool of buffers', () => {
  it('gives again what it was given', () => {
    const pool = new BufferPool();
    const buffer = pool.take(MIB);
    pool.give(buffer);
    expect(pool.take(MIB)).toBe(buffer);
    expect(pool.take(MIB)).not.toBe(buffer);
  });

  it('lets sizes that are not used any more give way', () => {
    const pool = new BufferPool();
    const large = [pool.take(16 * MIB), pool.take(16 * MIB)];
    for (const buffer of large) pool.give(buffer);
    const buffer = pool.take(MIB);
    pool.give(buffer);
    expect(pool.take(MIB)).toBe(buffer);
  });

  it('keeps 32 MiB and no more', () => {
    const pool = new BufferPool();
    const taken = Array.from({ length: 40 }, () => pool.take(MIB));
    for (const buffer of taken) pool.give(buffer);
    const known = new Set(taken);
    const again = Array.from({ length: 40 }, () => pool.take(MIB));
    expect(again.filter((buffer) => known.has(buffer))).toHaveLength(32);
  });
});
