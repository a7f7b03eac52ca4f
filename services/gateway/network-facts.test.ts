import { describe, expect, it } from '@jest/globals';
import { createNetworkFacts, ipv4Gateways, ipv6Gateways, ownSubnets } from './network-facts.ts';

describe('what the operating system says of networks', () => {
  it('names the routers of the IPv4 table, in either order of bytes', () => {
    const table = (gateway: string) => `Iface\tDestination\tGateway \tFlags\tRefCnt
eth0\t00000000\t${gateway}\t0003\t0
eth0\t000200C0\t00000000\t0001\t0
eth0\tbroken
`;
    expect(ipv4Gateways(table('010200C0'), true)).toEqual(['192.0.2.1']);
    expect(ipv4Gateways(table('C0000201'), false)).toEqual(['192.0.2.1']);
    expect(ipv4Gateways('', true)).toEqual([]);
  });

  it('names the routers of the IPv6 table', () => {
    const none = '0'.repeat(32);
    const table = `fd00${none.slice(4)} 40 ${none} 00 ${none} 00000100 00000001 00000000 00000001     eth0
${none} 00 ${none} 00 fd00${none.slice(5)}1 00000400 00000003 00000000 00000003     eth0
${none} 00 ${none} 00 zz
`;
    expect(ipv6Gateways(table)).toEqual(['fd00::1']);
    expect(ipv6Gateways('')).toEqual([]);
  });

  it('has the networks of the interfaces without loopback', () => {
    const of = (address: string, cidr: string | null, internal = false) =>
      ({ address, cidr, internal, netmask: '', mac: '', family: 'IPv4' }) as const;
    const found = ownSubnets({
      lo: [of('127.0.0.1', '127.0.0.1/8', true)],
      eth0: [of('10.0.0.5', '10.0.0.5/24'), of('10.0.0.6', null)],
      down: undefined as never,
    });
    expect(found.map(({ interfaceName, address, prefixBits }) => [interfaceName, `${address}/${prefixBits}`])).toEqual([
      ['eth0', '10.0.0.5/24'],
    ]);
  });

  it('is there on this machine, and asked for once in a while', async () => {
    const facts = createNetworkFacts();
    const [first, again] = [await facts(), await facts()];
    expect(again).toBe(first);
    expect(first.subnets.every(({ address }) => address.range() !== 'loopback')).toBe(true);
  });
});
