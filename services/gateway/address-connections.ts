import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import { addressKeyOf, isTrusted, parseTrustedNetworks } from './client-address.ts';

/** This machine's own programs, such as a proxy on it that nobody named, are no strangers. */
const OWN_MACHINE = ['127.0.0.0/8', '::1/128'];

/**
 * Closes each connection of a client that has `maxConnections` open, so that no address takes those of all others. Behind a
 * trusted proxy everybody has its address: it is not counted.
 * @param trustedProxies CIDR
 */
export function boundConnections(server: Server, maxConnections: number, trustedProxies: readonly string[]): void {
  const uncounted = parseTrustedNetworks(trustedProxies);
  const open = new Map<string, number>();
  /** A connection that is read once more, without an offer, is announced twice. */
  const seen = new WeakSet<Socket>();
  server.on('connection', (socket: Socket) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined || isTrusted(remoteAddress, uncounted) || seen.has(socket)) return;
    seen.add(socket);
    const key = addressKeyOf(remoteAddress);
    const before = open.get(key) ?? 0;
    if (before >= maxConnections) {
      socket.destroy();
      return;
    }
    open.set(key, before + 1);
    socket.once('close', () => {
      const left = (open.get(key) ?? 1) - 1;
      if (left > 0) open.set(key, left);
      else open.delete(key);
    });
  });
}

/** Whose connections are not counted, with the proxies that an operator trusts. */
export function uncountedNetworks(trustedProxies: readonly string[]): readonly string[] {
  return [...OWN_MACHINE, ...trustedProxies];
}
