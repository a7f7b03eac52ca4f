import { describe, expect, it } from '@jest/globals';
import { isLoopbackHost } from './loopback-host.ts';

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
