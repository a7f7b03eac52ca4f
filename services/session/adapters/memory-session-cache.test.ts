import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../kernel/clock.ts';
import type { SessionRow } from '../ports.ts';
import { createMemorySessionCache } from './memory-session-cache.ts';

const clock = new ManualClock();
const session = (id: string, livesForMs = 3_600_000): SessionRow => ({
  id,
  displayName: id,
  createdAt: new Date(clock.now()),
  lastUsedAt: new Date(clock.now()),
  expiresAt: new Date(clock.now() + livesForMs),
  revokedAt: null,
});

describe('the memory session cache', () => {
  it('gives back what was put in until its time is over', async () => {
    const cache = createMemorySessionCache(clock);
    const row = session('a');
    await cache.set('hash', row, 1_000);
    clock.advance(999);
    expect(await cache.get('hash')).toEqual(row);
    clock.advance(1);
    expect(await cache.get('hash')).toBeNull();
    expect(await cache.get('never')).toBeNull();
  });

  it('never outlives the session itself', async () => {
    const cache = createMemorySessionCache(clock);
    await cache.set('hash', session('a', 500), 60_000);
    clock.advance(500);
    expect(await cache.get('hash')).toBeNull();
  });

  it('forgets a session that is deleted, and replaces one that is set again', async () => {
    const cache = createMemorySessionCache(clock);
    await cache.set('hash', session('a'), 1_000);
    await cache.set('hash', session('b'), 1_000);
    expect((await cache.get('hash'))?.id).toBe('b');
    await cache.delete('hash');
    expect(await cache.get('hash')).toBeNull();
  });

  it('holds so many and no more: the one used longest ago leaves first', async () => {
    const cache = createMemorySessionCache(clock, 2);
    await cache.set('a', session('a'), 1_000);
    await cache.set('b', session('b'), 1_000);
    await cache.get('a');
    await cache.set('c', session('c'), 1_000);
    expect([await cache.get('a'), await cache.get('b'), await cache.get('c')].map((row) => row?.id)).toEqual([
      'a',
      undefined,
      'c',
    ]);
  });
});
