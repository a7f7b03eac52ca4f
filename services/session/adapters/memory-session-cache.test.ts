import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../../kernel/clock.ts';
import type { SessionRow } from '../ports.ts';
import { createMemorySessionCache } from './memory-session-cache.ts';

const clock = new ManualClock();
const session = (id: string, livesForMs = 3_600_000): SessionRow => ({
  id,
  tokenHashHex: 'hash',
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
    await cache.add(row, 1_000);
    clock.advance(999);
    expect(await cache.get('hash')).toEqual(row);
    clock.advance(1);
    expect(await cache.get('hash')).toBe('unknown');
    expect(await cache.get('never')).toBe('unknown');
  });

  it('never outlives the session itself', async () => {
    const cache = createMemorySessionCache(clock);
    await cache.add(session('a', 500), 60_000);
    clock.advance(500);
    expect(await cache.get('hash')).toBe('unknown');
  });

  it('keeps what is newer: an addition fills, a replacement replaces, and neither wakes a revoked session', async () => {
    const cache = createMemorySessionCache(clock);
    await cache.add(session('a'), 1_000);
    await cache.add(session('b'), 1_000);
    expect(await cache.get('hash')).toMatchObject({ id: 'a' });
    await cache.replace(session('b'), 1_000);
    expect(await cache.get('hash')).toMatchObject({ id: 'b' });
    await cache.revoke('hash', 1_000);
    await cache.add(session('c'), 1_000);
    await cache.replace(session('c'), 1_000);
    expect(await cache.get('hash')).toBe('revoked');
  });

  it('holds so many and no more: the one used longest ago leaves first', async () => {
    const cache = createMemorySessionCache(clock, 2);
    const put = (id: string) => cache.add({ ...session(id), tokenHashHex: id }, 1_000);
    await put('a');
    await put('b');
    await cache.get('a');
    await put('c');
    expect(await Promise.all(['a', 'b', 'c'].map((key) => cache.get(key)))).toMatchObject([
      { id: 'a' },
      'unknown',
      { id: 'c' },
    ]);
  });
});
