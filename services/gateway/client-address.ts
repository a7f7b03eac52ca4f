import ipaddr from 'ipaddr.js';

export type TrustedNetworks = readonly [ipaddr.IPv4 | ipaddr.IPv6, number][];

/** More hops than any real chain of proxies has. */
const MAX_FORWARDED_HOPS = 32;

export function parseTrustedNetworks(cidrs: readonly string[]): TrustedNetworks {
  return cidrs.map((text) => ipaddr.parseCIDR(text));
}

/** IPv4 in an IPv6 coat is IPv4; a zone id is dropped. Undefined when it is no address. */
export function parseAddress(text: string | undefined): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  const bare =
    text
      ?.trim()
      .replace(/^\[(.*)\]$/, '$1')
      .replace(/%.*$/, '') ?? '';
  // ipaddr.js also reads "1" and "0x7f.1"; nobody sends those but to confuse.
  const isDotted = /^\d{1,3}(\.\d{1,3}){3}$/.test(bare);
  if (!isDotted && !(bare.includes(':') && ipaddr.IPv6.isValid(bare))) return undefined;
  return ipaddr.isValid(bare) ? ipaddr.process(bare) : undefined;
}

/** An address in X-Forwarded-For, where IPv4, and IPv6 in brackets, may have a port. */
export function parseHop(hop: string): ipaddr.IPv4 | ipaddr.IPv6 | undefined {
  return parseAddress(hop.trim().replace(/^(\d[\d.]*|\[[^\]]*\]):\d{1,5}$/, '$1'));
}

export function isTrusted(address: string | undefined, networks: TrustedNetworks): boolean {
  const parsed = parseAddress(address);
  return (
    parsed !== undefined &&
    networks.some(([network, bits]) => network.kind() === parsed.kind() && parsed.match(network, bits))
  );
}

/**
 * The client's address: the socket's, or, when that is a trusted proxy, the right-most address of X-Forwarded-For
 * that is not one. Whatever stands left of it was written by the client and means nothing.
 */
export function clientAddress(
  socketAddress: string | undefined,
  forwardedFor: string | undefined,
  networks: TrustedNetworks,
): string {
  let client = parseAddress(socketAddress);
  if (client === undefined) return '0.0.0.0';
  if (forwardedFor === undefined || !isTrusted(client.toString(), networks)) return client.toString();
  const hops = forwardedFor.split(',').slice(-MAX_FORWARDED_HOPS).reverse();
  for (const hop of hops) {
    const parsed = parseHop(hop);
    if (parsed === undefined) break;
    client = parsed;
    if (!isTrusted(client.toString(), networks)) break;
  }
  return client.toString();
}

/** What limits count by: an IPv4 address, or the /64 of an IPv6 one, since an Internet provider gives one subscriber a whole /64. */
export function addressKeyOf(address: string): string {
  const parsed = parseAddress(address);
  if (parsed === undefined) return 'unknown';
  if (parsed.kind() === 'ipv4') return parsed.toString();
  const parts = (parsed as ipaddr.IPv6).parts.slice(0, 4).map((part) => part.toString(16));
  return `${parts.join(':')}::/64`;
}
