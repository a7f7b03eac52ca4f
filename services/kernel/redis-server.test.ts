import { describe, expect, it } from '@jest/globals';
import { isLoopbackHost, redisVersionFault } from './redis-server.ts';

describe('redisVersionFault', () => {
  it.each(['6.0.0', '6.2.14', '7.0.15', '10.0.0'])('takes Redis %s', (version) => {
    expect(redisVersionFault(`# Server\r\nredis_version:${version}\r\nredis_mode:standalone\r\n`)).toBeNull();
  });

  it.each(['5.0.14', '2.8.24'])('refuses Redis %s and names it', (version) => {
    expect(redisVersionFault(`# Server\r\nredis_version:${version}\r\n`)).toContain(`Redis ${version}; PeerLink needs`);
  });

  it('says nothing about a server that hides its version', () => {
    expect(redisVersionFault('')).toBeNull();
  });
});

describe('isLoopbackHost', () => {
  it.each(['localhost', 'LOCALHOST', '127.0.0.1', '127.3.2.1', '::1', '[::1]'])('is true for %s', (host) => {
    expect(isLoopbackHost(host)).toBe(true);
  });

  it.each(['redis', '10.0.0.1', '128.0.0.1', '0.0.0.0', '127.0.0.1.example.com', 'localhost.example.com'])(
    'is false for %s',
    (host) => {
      expect(isLoopbackHost(host)).toBe(false);
    },
  );
});
