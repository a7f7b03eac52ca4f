import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { addressKeyOf, clientAddress, isTrusted, parseTrustedNetworks } from './client-address.ts';

const proxies = parseTrustedNetworks(['10.0.0.0/8', 'fd00::/8']);
const RUNS = { numRuns: 10_000 };

describe('clientAddress', () => {
  it('ignores X-Forwarded-For from anyone who is no trusted proxy', () => {
    expect(clientAddress('203.0.113.9', '1.2.3.4', proxies)).toBe('203.0.113.9');
    expect(clientAddress('127.0.0.1', '1.2.3.4', [])).toBe('127.0.0.1');
  });

  it('takes the right-most address that is no trusted proxy: what is left of it the client wrote', () => {
    expect(clientAddress('10.0.0.1', '6.6.6.6, 203.0.113.9, 10.0.0.7', proxies)).toBe('203.0.113.9');
  });

  it('stops at the last hop it can read', () => {
    expect(clientAddress('10.0.0.1', '203.0.113.9, bogus, 10.0.0.7', proxies)).toBe('10.0.0.7');
    expect(clientAddress('10.0.0.1', '', proxies)).toBe('10.0.0.1');
  });

  it('reads an address with its port, in brackets and in an IPv6 coat', () => {
    expect(clientAddress('10.0.0.1', '[2001:db8::7]:4711', proxies)).toBe('2001:db8::7');
    expect(clientAddress('::ffff:10.0.0.1', '203.0.113.9:4711', proxies)).toBe('203.0.113.9');
    expect(clientAddress('fd00::1', '[2001:db8::1]', proxies)).toBe('2001:db8::1');
  });

  it('reads no number or hexadecimal as an address, however ipaddr.js would', () => {
    for (const text of ['1', '0x7f.1', '2130706433', '127.1'])
      expect(clientAddress('10.0.0.1', text, proxies)).toBe('10.0.0.1');
  });

  it('always gives an address, whatever the header holds', () => {
    const hop = fc.oneof(
      fc.ipV4(),
      fc.ipV6(),
      fc.string(),
      fc.constantFrom('10.0.0.1', '::1', 'unknown', '_hidden', '"[::1]:1"'),
    );
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), fc.array(hop, { maxLength: 40 }), (socket, hops) => {
        const found = clientAddress(socket, hops.join(', '), proxies);
        assert(ipaddr.isValid(found));
        assert.notEqual(addressKeyOf(found), 'unknown');
        if (!isTrusted(socket, proxies)) assert.equal(found, clientAddress(socket, undefined, proxies));
      }),
      RUNS,
    );
  });
});

describe('addressKeyOf', () => {
  it('counts an IPv4 address alone and an IPv6 one by its /64', () => {
    expect(addressKeyOf('203.0.113.9')).toBe('203.0.113.9');
    expect(addressKeyOf('::ffff:203.0.113.9')).toBe('203.0.113.9');
    expect(addressKeyOf('2001:db8:1:2:3:4:5:6')).toBe('2001:db8:1:2::/64');
    expect(addressKeyOf('2001:db8:1:2:ffff::')).toBe(addressKeyOf('2001:db8:1:2::1'));
    expect(addressKeyOf('2001:db8:1:3::1')).not.toBe(addressKeyOf('2001:db8:1:2::1'));
  });
});
