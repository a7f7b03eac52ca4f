import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { parseTrustedNetworks } from './client-address.ts';
import { CODE_ALPHABET, codeOf, localRoomOf, type NetworkFacts, randomCode } from './rooms.ts';

const subnet = (interfaceName: string, cidr: string) => {
  const [address, prefixBits] = ipaddr.parseCIDR(cidr);
  return { interfaceName, address, prefixBits };
};
const FACTS: NetworkFacts = {
  subnets: [
    subnet('eth0', '192.168.7.20/22'),
    subnet('eth0', '192.168.7.20/26'),
    subnet('eth0', 'fd00:1::20/64'),
    subnet('eth0', 'fe80::20/64'),
    subnet('wlan0', '10.1.2.3/16'),
    subnet('wlan0', 'fe80::21/64'),
    subnet('tun0', '10.9.9.9/32'),
    subnet('tun0', 'fe80::22/64'),
    subnet('wan0', '198.51.100.20/24'),
  ],
  gateways: new Set(['192.168.7.1', 'fd00:1::1', '198.51.100.1']),
};
const TRUSTED = parseTrustedNetworks(['172.30.0.250/32', 'fd99::/64']);

interface From {
  readonly via?: string;
  readonly wasPassedOn?: boolean;
}
const roomOf = (socketAddress: string | undefined, { via, wasPassedOn = via !== undefined }: From = {}) =>
  localRoomOf({ socketAddress, forwardedFor: via, wasPassedOn }, TRUSTED, FACTS);
const PROXY = '172.30.0.250';

it('of a private network is another one at another site, of a public one the same', () => {
  const arrivals = [
    ['192.168.6.2', undefined],
    ['10.77.1.2', undefined],
    ['fe80::5%wlan0', undefined],
    [PROXY, '10.77.1.2'],
    ['203.0.113.9', undefined],
    [PROXY, '2001:db8:1:2::1'],
    ['127.0.0.1', undefined],
  ] as const;
  for (const [socketAddress, forwardedFor] of arrivals) {
    const arrival = { socketAddress, forwardedFor, wasPassedOn: forwardedFor !== undefined };
    const [nowhere, berlin, paris] = [null, 'berlin', 'paris'].map((site) =>
      localRoomOf(arrival, TRUSTED, FACTS, site),
    );
    const isPublic = (forwardedFor ?? socketAddress).startsWith('2');
    const isNone = nowhere === null;
    expect([socketAddress, isNone]).toEqual([socketAddress, socketAddress === '127.0.0.1']);
    expect(new Set([nowhere, berlin, paris]).size).toBe(isPublic || isNone ? 1 : 3);
    // Other nodes take it for the key of a room.
    if (paris !== null) expect(paris).toMatch(/^[\w:./%-]{1,100}$/);
  }
});

/** Pairs that share a room, in the order of the rule. */
const TOGETHER: readonly [string, [string, From?], [string, From?]][] = [
  ['a private network of the node, by its own mask', ['192.168.4.2'], ['192.168.6.200']],
  ['the smaller of two that hold both', ['192.168.7.5'], ['192.168.7.60']],
  ['a person at the node itself and one beside it', ['192.168.7.20'], ['192.168.7.21']],
  ['an IPv4 address and the same in an IPv6 coat', ['192.168.7.5'], ['::ffff:192.168.7.6']],
  ['a wide network', ['10.1.0.1'], ['10.1.255.254']],
  ['a unique local network of the node', ['fd00:1::5'], ['fd00:1::6']],
  ['a link-local address and its interface', ['fe80::5%wlan0'], ['10.1.9.9']],
  ['two link-local addresses', ['fe80::5%wlan0'], ['fe80::6%wlan0']],
  ['two of an interface without a network', ['fe80::5%tun0'], ['fe80::6%tun0']],
  ['a routed private network, as a /24', ['10.77.1.2'], ['10.77.1.200']],
  ['a routed unique local network, as a /64', ['fd44::1'], ['fd44::2']],
  ['IPv4 link-local without an interface, as a /24', ['169.254.3.4'], ['169.254.3.5']],
  [
    'a private network behind a trusted proxy, as a /24',
    [PROXY, { via: '192.168.6.2' }],
    [PROXY, { via: '192.168.6.9' }],
  ],
  ['the same by two proxies', ['fd99::1', { via: '10.5.5.5, 172.30.0.250' }], [PROXY, { via: '10.5.5.6' }]],
  ['a public IPv4 address', ['203.0.113.9'], ['203.0.113.9']],
  ['the same behind a trusted proxy, with its port', ['203.0.113.9'], [PROXY, { via: '203.0.113.9:4711' }]],
  ['a public /64', ['2001:db8:1:2::1'], ['2001:db8:1:2:ffff::1']],
  ['a public /64 behind a trusted proxy', ['2001:db8:1:2::1'], [PROXY, { via: '[2001:db8:1:2::2]' }]],
];
const APART: readonly [string, [string, From?], [string, From?]][] = [
  ['private networks of the node', ['192.168.4.2'], ['10.1.4.2']],
  ['a network and a smaller one in it', ['192.168.7.5'], ['192.168.4.5']],
  ['routed private networks', ['10.77.1.2'], ['10.77.2.2']],
  ['behind a trusted proxy the masks of the node mean nothing', [PROXY, { via: '192.168.5.2' }], ['192.168.5.3']],
  ['unique local /64s', ['fd44::1'], ['fd44:0:0:1::1']],
  ['links', ['fe80::5%eth0'], ['fe80::5%wlan0']],
  ['public IPv4 addresses', ['203.0.113.9'], ['203.0.113.10']],
  ['public addresses in a network of the node', ['198.51.100.7'], ['198.51.100.8']],
  ['public /64s', ['2001:db8:1:2::1'], ['2001:db8:1:3::1']],
  ['addresses behind a carrier', ['100.64.0.1'], ['100.64.0.2']],
  ['IPv4 addresses that were translated', ['64:ff9b::1.2.3.4'], ['64:ff9b::1.2.3.5']],
];
const NOWHERE: readonly [string, string | undefined, From?][] = [
  ['loopback', '127.0.0.1'],
  ['loopback in an IPv6 coat', '::ffff:127.0.0.1'],
  ['loopback of IPv6', '::1'],
  ['loopback behind a proxy', PROXY, { via: '127.0.0.1' }],
  ['unspecified', '0.0.0.0'],
  ['unspecified of IPv6', '::'],
  ['broadcast', '255.255.255.255'],
  ['multicast', 'ff02::1'],
  ['a closed socket', undefined],
  ['a proxy that forwards nothing', PROXY],
  ['a proxy that forwards nonsense', PROXY, { via: 'unknown' }],
  ['a chain of proxies alone', PROXY, { via: 'fd99::7' }],
  ["the router's own address, in place of whoever came through it", '192.168.7.1'],
  ["the router's own address behind a proxy", PROXY, { via: '192.168.7.1' }],
  ["the router's own address of IPv6", 'fd00:1::1'],
  ['a public router', '198.51.100.1'],
  ['a proxy that nobody told us of', '192.168.7.5', { wasPassedOn: true }],
  ['a public proxy that nobody told us of', '203.0.113.9', { via: '192.168.7.5' }],
  ['a proxy in front of ours that nobody told us of', PROXY, { via: '192.168.7.5, 203.0.113.9' }],
];

describe('the room of a network', () => {
  it.each(TOGETHER)('is shared by %s', (_name, one, other) => {
    expect(roomOf(...one)).toMatch(/^net:/);
    expect(roomOf(...one)).toBe(roomOf(...other));
  });

  it.each(APART)('is not shared by %s', (_name, one, other) => {
    expect(roomOf(...one)).toMatch(/^net:/);
    expect(roomOf(...other)).toMatch(/^net:/);
    expect(roomOf(...one)).not.toBe(roomOf(...other));
  });

  it.each(NOWHERE.map(([name, address, from = {}]) => ({ name, address, from })))(
    'is none for $name',
    ({ address, from }) => {
      expect(roomOf(address, from)).toBeNull();
    },
  );

  it('cannot be chosen by what a client forwards', () => {
    const hop = fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('192.168.7.5', PROXY, 'fd99::1', '', 'x', '::1'));
    fc.assert(
      fc.property(fc.array(hop, { maxLength: 6 }), (hops) => {
        const forged = hops.join(', ');
        const own = roomOf('203.0.113.9');
        // Straight, and through a proxy that adds the address it saw.
        assert([null, own].includes(roomOf('203.0.113.9', { via: forged })));
        assert([null, own].includes(roomOf(PROXY, { via: `${forged}, 203.0.113.9` })));
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('the code of a named room', () => {
  it('is six symbols that nobody takes for another', () => {
    let next = 0;
    expect(randomCode((bound) => next++ % bound)).toBe(CODE_ALPHABET.slice(0, 6));
    for (const lookAlike of '01ILOU') expect(CODE_ALPHABET).not.toContain(lookAlike);
  });

  it.each([
    ['ABC234', 'ABC234'],
    ['abc234', 'ABC234'],
    ['aBc23', null],
    ['ABC2345', null],
    ['ABC 23', null],
    ['ABC1O0', null],
    ['ABC23\n', null],
    ['ßßß', null],
    ['ABCD2ſ', null],
    ['＋ABC23', null],
    ['', null],
    ['x'.repeat(100_000), null],
  ])('is read from %j', (text, code) => {
    expect(codeOf(text)).toBe(code);
  });
});
