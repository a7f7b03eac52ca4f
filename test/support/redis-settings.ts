import type { RedisSettings } from '../../services/config.ts';

/** A Redis on loopback without a password, asked a few times in quick succession; a test says what matters to it. */
export function redisSettings(changes: Partial<RedisSettings>): RedisSettings {
  return {
    host: '127.0.0.1',
    port: 6379,
    password: null,
    db: 0,
    isEncrypted: false,
    sentinels: [],
    sentinelMaster: 'mymaster',
    sentinelPassword: null,
    maxRetries: 3,
    retryDelayMs: 50,
    connectTimeoutMs: 5_000,
    ...changes,
  };
}
