import { type FileHandle, open } from 'node:fs/promises';
import { endianness, networkInterfaces } from 'node:os';
import ipaddr from 'ipaddr.js';
import type { NetworkFacts, Subnet } from './rooms.ts';

/** Interfaces and routes change when a cable is plugged. */
const FACTS_KEPT_MS = 10_000;
/** Room for hundreds of routes; of a router that has all of the internet's, the default one stands first. */
const MAX_TABLE_BYTES = 64 * 1024;
/** RTF_GATEWAY of linux/route.h */
const IS_GATEWAY = 0x2;

/** What the operating system says of this machine's networks, at most ten seconds old. Never throws. */
export function createNetworkFacts(): () => Promise<NetworkFacts> {
  let known: Promise<NetworkFacts> | undefined;
  let readAtMs = 0;
  return () => {
    if (known === undefined || performance.now() - readAtMs > FACTS_KEPT_MS) {
      readAtMs = performance.now();
      known = readFacts();
    }
    return known;
  };
}

async function readFacts(): Promise<NetworkFacts> {
  const [ipv4, ipv6] = await Promise.all([tableText('/proc/net/route'), tableText('/proc/net/ipv6_route')]);
  const gateways = new Set([...ipv4Gateways(ipv4, endianness() === 'LE'), ...ipv6Gateways(ipv6)]);
  return { subnets: ownSubnets(networkInterfaces()), gateways };
}

export function ownSubnets(interfaces: ReturnType<typeof networkInterfaces>): readonly Subnet[] {
  return Object.entries(interfaces).flatMap(([interfaceName, addresses = []]) =>
    addresses.flatMap(({ cidr, internal }) => {
      if (internal || cidr === null) return [];
      const [address, prefixBits] = ipaddr.parseCIDR(cidr);
      return [{ interfaceName, address, prefixBits }];
    }),
  );
}

/** Empty where there is no such table: only Linux has it. */
async function tableText(path: string): Promise<string> {
  let file: FileHandle | undefined;
  try {
    file = await open(path);
    const buffer = Buffer.alloc(MAX_TABLE_BYTES);
    let length = 0;
    // Such a file gives a page at a time.
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) break;
      length += bytesRead;
    }
    return buffer.toString('latin1', 0, length);
  } catch {
    return '';
  } finally {
    await file?.close();
  }
}

/** Routers in the text of /proc/net/route: addresses are 32-bit numbers as the machine writes them. */
export function ipv4Gateways(table: string, isLittleEndian: boolean): readonly string[] {
  return table.split('\n').flatMap((line) => {
    const [, , gateway = '', flags = ''] = line.trim().split(/\s+/);
    if (!/^[0-9A-F]{8}$/i.test(gateway) || (Number.parseInt(flags, 16) & IS_GATEWAY) === 0) return [];
    const bytes = [...Buffer.from(gateway, 'hex')];
    return [new ipaddr.IPv4(isLittleEndian ? bytes.reverse() : bytes).toString()];
  });
}

/** Routers in the text of /proc/net/ipv6_route: addresses are 32 hex digits in their order. */
export function ipv6Gateways(table: string): readonly string[] {
  return table.split('\n').flatMap((line) => {
    const [, , , , nextHop = '', , , , flags = ''] = line.trim().split(/\s+/);
    if (!/^[0-9a-f]{32}$/i.test(nextHop) || (Number.parseInt(flags, 16) & IS_GATEWAY) === 0) return [];
    return [new ipaddr.IPv6([...Buffer.from(nextHop, 'hex')]).toString()];
  });
}
