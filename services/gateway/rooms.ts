import type { IncomingMessage } from 'node:http';
import type ipaddr from 'ipaddr.js';
import { clientAddress, isTrusted, parseAddress, parseHop, type TrustedNetworks } from './client-address.ts';

/** A network that one of this machine's interfaces is in. */
export interface Subnet {
  readonly interfaceName: string;
  readonly address: ipaddr.IPv4 | ipaddr.IPv6;
  readonly prefixBits: number;
}

/** What the operating system says of the networks around this node. */
export interface NetworkFacts {
  /** Without loopback. */
  readonly subnets: readonly Subnet[];
  /** Addresses of routers in this machine's tables; a container's gateway is one. */
  readonly gateways: ReadonlySet<string>;
}

/** How a request came here. */
export interface Arrival {
  readonly socketAddress: string | undefined;
  readonly forwardedFor: string | undefined;
  /** Somebody on the way says that they passed it on: `X-Forwarded-For`, `Forwarded` or `Via`. */
  readonly wasPassedOn: boolean;
}

export function arrivalOf({ socket, headers }: IncomingMessage): Arrival {
  const forwardedFor = [headers['x-forwarded-for'] ?? []].flat().join(',');
  return {
    socketAddress: socket.remoteAddress,
    forwardedFor: forwardedFor === '' ? undefined : forwardedFor,
    wasPassedOn: forwardedFor !== '' || headers.forwarded !== undefined || headers.via !== undefined,
  };
}

/** Nobody is reached by these from another machine, or more than one is. */
const NOBODYS = new Set(['loopback', 'unspecified', 'broadcast', 'multicast']);
const PRIVATE = new Set(['private', 'linkLocal', 'uniqueLocal']);
/** Translated addresses: a /64 of them holds all of IPv4. */
const TRANSLATED = new Set(['rfc6052', 'rfc6145', 'teredo']);
/** Without a netmask: what most people's routers give out. */
const GUESSED_BITS = { ipv4: 24, ipv6: 64 } as const;
const WHOLE_BITS = { ipv4: 32, ipv6: 128 } as const;
const SITE_BITS = { ipv4: 32, ipv6: 64 } as const;

/**
 * Key of the room that everybody shares who comes from the same network; null: the address says nothing about where
 * somebody is. A key holds an address, so it never leaves the servers.
 * @param site where this node stands: many places have the same private addresses, public ones are everywhere the same
 */
export function localRoomOf(
  arrival: Arrival,
  trusted: TrustedNetworks,
  facts: NetworkFacts,
  site: string | null = null,
): string | null {
  const isDirect = !isTrusted(arrival.socketAddress, trusted);
  const address = parseAddress(clientAddress(arrival.socketAddress, arrival.forwardedFor, trusted));
  if (address === undefined || NOBODYS.has(address.range())) return null;
  const text = address.toString();
  // "Never by an address that is a proxy's": also of one that nobody told us of, but which gives itself away.
  if (isDirect ? arrival.wasPassedOn : firstHopOf(arrival.forwardedFor) !== text) return null;
  // The chain ends at a proxy, or at a router that put its own address in place of whoever came through it.
  if (isTrusted(text, trusted) || facts.gateways.has(text)) return null;
  const kind = address.kind();
  if (TRANSLATED.has(address.range())) return keyOf(address, WHOLE_BITS[kind]);
  if (!PRIVATE.has(address.range())) return keyOf(address, SITE_BITS[kind]);
  const there = site === null ? '' : `%${site}`;
  if (!isDirect) return keyOf(address, GUESSED_BITS[kind]) + there;
  const subnet = linkOf(arrival.socketAddress, address, facts) ?? subnetOf(address, facts);
  const key = subnet === undefined ? keyOf(address, GUESSED_BITS[kind]) : keyOf(subnet.address, subnet.prefixBits);
  return key + there;
}

/** Whether such an address is one of many in its network: a public one is all that there is of a network. */
export function isPrivate(address: string): boolean {
  return PRIVATE.has(parseAddress(address)?.range() ?? '');
}

/** The hop that all others passed on for; undefined when it is no address. */
function firstHopOf(forwardedFor = ''): string | undefined {
  return parseHop(forwardedFor.split(',', 1)[0] ?? '')?.toString();
}

/**
 * A link-local address of IPv6 (`fe80::1%eth0`) says nothing but the interface: it belongs to the network that is found
 * there, so that who came by a `.local` name sees who typed an address.
 */
function linkOf(
  socketAddress: string | undefined,
  address: ipaddr.IPv4 | ipaddr.IPv6,
  { subnets }: NetworkFacts,
): Subnet | undefined {
  if (address.kind() !== 'ipv6' || address.range() !== 'linkLocal') return undefined;
  const zone = /%(.+)$/.exec(socketAddress ?? '')?.[1];
  const there = subnets.filter((subnet) => subnet.interfaceName === zone && isNamedNetwork(subnet));
  return there.find((subnet) => subnet.address.kind() === 'ipv4') ?? there[0];
}

const isNamedNetwork = ({ address, prefixBits }: Subnet): boolean =>
  PRIVATE.has(address.range()) && address.range() !== 'linkLocal' && prefixBits < WHOLE_BITS[address.kind()];

/** The smallest network of this node's that the address is in. One of a single address is a tunnel's end. */
function subnetOf(address: ipaddr.IPv4 | ipaddr.IPv6, { subnets }: NetworkFacts): Subnet | undefined {
  return subnets
    .filter(
      ({ address: own, prefixBits }) =>
        own.kind() === address.kind() &&
        prefixBits > 0 &&
        prefixBits < WHOLE_BITS[own.kind()] &&
        address.match(own, prefixBits),
    )
    .sort((a, b) => b.prefixBits - a.prefixBits)[0];
}

function keyOf(address: ipaddr.IPv4 | ipaddr.IPv6, prefixBits: number): string {
  const bytes = address.toByteArray().map((byte, index) => {
    const kept = Math.min(8, Math.max(0, prefixBits - index * 8));
    return byte & (0xff << (8 - kept)) & 0xff;
  });
  return `net:${Buffer.from(bytes).toString('hex')}/${prefixBits}`;
}

/** Digits and capitals that nobody takes for another, and no U, so that fewer words come about: 30 symbols. */
export const CODE_ALPHABET = '23456789ABCDEFGHJKMNPQRSTVWXYZ';
const CODE_LENGTH = 6;
const CODE = new RegExp(`^[${CODE_ALPHABET}]{${CODE_LENGTH}}$`);

/** @param randomIndex gives a whole number from 0 below its bound, which nobody can foresee */
export function randomCode(randomIndex: (bound: number) => number): string {
  return Array.from({ length: CODE_LENGTH }, () => CODE_ALPHABET[randomIndex(CODE_ALPHABET.length)]).join('');
}

/** The code as it is kept: capitals. Null: it is none. */
export function codeOf(text: string): string | null {
  // Not every letter: that of `ı`, for one, is an I.
  const code = /^\w{1,16}$/.test(text) ? text.toUpperCase() : '';
  return CODE.test(code) ? code : null;
}

export const namedRoomKey = (code: string): string => `code:${code}`;
