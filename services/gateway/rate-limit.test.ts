import { describe, expect, it, jest } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import * as limitsOf from '../contracts/limits.ts';
import { createRateLimits, lookAt, memoryRateLimiter, sharedRateLimiter } from './rate-limit.ts';

const settings = { windowSeconds: 60, uploadsPerMinute: 3, downloadsPerMinute: 5, websocketMessagesPerMinute: 7 };

async function countAllowed(consume: () => Promise<void>, tries: number): Promise<number> {
  let allowed = 0;
  for (let index = 0; index < tries; index += 1) {
    await consume().then(
      () => {
        allowed += 1;
      },
      (fault: unknown) => {
        expect(fault).toBeInstanceOf(PeerLinkError);
        expect(fault).toMatchObject({ type: 'rate_limited' });
        expect((fault as PeerLinkError).retryAfterSeconds).toBeGreaterThan(0);
      },
    );
  }
  return allowed;
}

describe('rate limits', () => {
  it('allow each client what the setting says, and tell when to come again', async () => {
    const limits = createRateLimits(settings);
    expect(await countAllowed(() => limits.consume('uploads', '1.1.1.1'), 10)).toBe(3);
    expect(await countAllowed(() => limits.consume('uploads', '2.2.2.2'), 10)).toBe(3);
    expect(await countAllowed(() => limits.consume('downloads', '1.1.1.1'), 10)).toBe(5);
    expect(await countAllowed(() => limits.consume('messages', '1.1.1.1'), 10)).toBe(7);
  });

  it('are each what LIMITS.md says', () => {
    const made: Record<string, number> = {};
    createRateLimits(settings, (name, points, seconds) => {
      made[name] = points;
      return memoryRateLimiter(name, points, seconds);
    });
    expect(made).toEqual({
      uploads: 3,
      downloads: 5,
      messages: 7,
      passwords: limitsOf.PASSWORDS_PER_MINUTE,
      'password-checks': limitsOf.PASSWORD_CHECKS_PER_MINUTE,
      sessions: limitsOf.SESSIONS_PER_MINUTE,
      rooms: limitsOf.ROOMS_PER_MINUTE,
      people: limitsOf.PEOPLE_REQUESTS_PER_MINUTE,
      texts: limitsOf.TEXTS_PER_MINUTE,
      'sign-ins': limitsOf.SIGN_INS_PER_MINUTE,
      looks: limitsOf.LOOKS_PER_MINUTE,
    });
  });

  it('mean "per minute" whatever the window is', async () => {
    const limits = createRateLimits({ ...settings, windowSeconds: 20 });
    expect(await countAllowed(() => limits.consume('uploads', 'a'), 10)).toBe(1);
  });

  it('hold guessers of passwords at 20 a minute', async () => {
    const limits = createRateLimits(settings);
    expect(await countAllowed(() => limits.consume('passwords', 'share a'), 50)).toBe(20);
    await limits.forgive('passwords', 'share a');
    expect(await countAllowed(() => limits.consume('passwords', 'share a'), 1)).toBe(1);
  });

  it('count looks at what transfers hold by what they list', async () => {
    const limits = createRateLimits(settings);
    const listing = (count: number) => ({ files: Array.from({ length: count }, () => null) });
    let looked = 0;
    const look = (count: number) => () =>
      lookAt(limits, 'a', async () => {
        looked += 1;
        return listing(count);
      }).then(() => undefined);
    expect(await lookAt(limits, 'b', async () => listing(3))).toEqual(listing(3));
    // 6,000 looks: a listing of 10,000 files costs 101, one of 99 a single one.
    expect(await countAllowed(look(10_000), 80)).toBe(59);
    // Who has none left is refused before anything is looked for.
    expect(looked).toBe(60);
    expect(await countAllowed(() => limits.consume('looks', 'c'), 6_010)).toBe(6_000);
  });

  it('let the longest listing through where a window has fewer looks than it costs', async () => {
    const listing = { files: Array.from({ length: limitsOf.MAX_FILES_PER_TRANSFER }, () => null) };
    const limits = createRateLimits({ ...settings, windowSeconds: 1 });
    expect(await lookAt(limits, 'a', async () => listing)).toBe(listing);
    // As while Redis is away, in a cluster of many nodes.
    const share = sharedRateLimiter('looks', 6_000, 60, () => 100);
    expect([await share.consume('a'), await share.consume('a', 100)]).toEqual([0, 0]);
    expect(await share.consume('a')).toBeGreaterThan(0);
    // Of so many that one look is all that a node has.
    const least = createRateLimits(settings, (name, points, seconds) =>
      sharedRateLimiter(name, points, seconds, () => 9e9),
    );
    expect(await lookAt(least, 'a', async () => listing)).toBe(listing);
    await expect(lookAt(least, 'a', async () => listing)).rejects.toMatchObject({ type: 'rate_limited' });
  });

  it('count strangers in shared buckets once 50,000 addresses are known, so that memory is bounded', async () => {
    const limiter = memoryRateLimiter('test', 1_000, 60);
    for (let index = 0; index < 50_000; index += 1) await limiter.consume(`a${index}`);
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 50_000; index += 1) await limiter.consume(`b${index}`);
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(16 * 1024 * 1024);
  });

  it('share no bucket any more in the next window', async () => {
    const fake = jest.useFakeTimers({ doNotFake: ['nextTick', 'setTimeout', 'clearTimeout', 'setImmediate'] });
    try {
      const limiter = memoryRateLimiter('test', 1, 60);
      const passed = async (name: string, count: number) => {
        const keys = Array.from({ length: count }, (_, index) => `${name}${index}`);
        const seconds = await Promise.all(keys.map((key) => limiter.consume(key)));
        return seconds.filter((one) => one === 0).length;
      };
      expect(await passed('a', 50_000)).toBe(50_000);
      expect(await passed('b', 3_000)).toBeLessThanOrEqual(1_024);
      fake.advanceTimersByTime(60_001);
      expect(await passed('c', 3_000)).toBe(3_000);
    } finally {
      fake.useRealTimers();
    }
  });

  it('tell nobody to wait for longer than the window, though the clock was set back', async () => {
    const limiter = memoryRateLimiter('set-back', 1, 60);
    expect(await limiter.consume('a')).toBe(0);
    const wallMs = Date.now.bind(Date);
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => wallMs() - 3_600_000);
    try {
      expect([await limiter.look('a'), await limiter.consume('a')]).toEqual([60, 60]);
    } finally {
      clock.mockRestore();
    }
  });
});
