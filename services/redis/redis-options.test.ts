import { describe, expect, it } from '@jest/globals';
import { redisSettings } from '../../test/support/redis-settings.ts';
import { reconnectDelayMs, redisOptions } from './redis-options.ts';

describe('a connection to Redis', () => {
  const options = redisOptions(redisSettings({ port: 1, retryDelayMs: 100 }), 'name');

  it('is tried again for ever, ever more seldom up to two seconds, half of that by chance', () => {
    expect([1, 2, 3, 4, 5, 6, 7, 100_000].map((times) => reconnectDelayMs(times, 100, 1))).toEqual([
      100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000,
    ]);
    expect([1, 100_000].map((times) => reconnectDelayMs(times, 100, 0))).toEqual([50, 1_000]);
    for (const strategy of [options.retryStrategy, options.sentinelRetryStrategy]) {
      const delayMs = strategy?.(100_000);
      expect(delayMs).toBeGreaterThanOrEqual(1_000);
      expect(delayMs).toBeLessThanOrEqual(2_000);
    }
    // What waits for it is not refused after some tries, as ioredis does by default: nobody would hear of that.
    expect(options.maxRetriesPerRequest).toBeNull();
  });

  it('is made anew when its server is no master any more', () => {
    const isRenewed = (text: string) => options.reconnectOnError?.(new Error(text));
    expect(isRenewed("READONLY You can't write against a read only replica.")).toBe(true);
    expect(isRenewed('ERR unknown command')).toBe(false);
  });

  it('with TLS names the host that it asks for: one address of a managed service may be that of many', () => {
    const tlsOf = (host: string, isEncrypted: boolean) =>
      redisOptions(redisSettings({ host, isEncrypted }), 'name').tls;
    expect(tlsOf('cache.example.com', true)).toEqual({ servername: 'cache.example.com' });
    // An address is no name (RFC 6066), and is found in the certificate without one.
    expect(tlsOf('192.0.2.1', true)).toEqual({});
    expect(tlsOf('2001:db8::1', true)).toEqual({});
    expect(tlsOf('cache.example.com', false)).toBeUndefined();
  });
});
