import { isLoopbackHost } from '../kernel/loopback-host.ts';

/** Where a node of the cluster says that other nodes reach it. */
export interface PeerAddress {
  readonly nodeId: string;
  /** An origin. */
  readonly peerUrl: string;
}

/**
 * "A loopback name is refused unless every member is on it": of a mixed cluster, half would ask itself for the bytes of
 * the others. @returns what is wrong, beginning with a setting's name; null: nothing
 */
export function peerAddressFault(ownPeerUrl: string, others: readonly PeerAddress[]): string | null {
  const isOwnLoopback = isLoopbackUrl(ownPeerUrl);
  const other = others.find(({ peerUrl }) => isLoopbackUrl(peerUrl) !== isOwnLoopback);
  if (other === undefined) return null;
  const why = isOwnLoopback
    ? `${ownPeerUrl} can be reached from this machine only, while node ${other.nodeId} of the cluster is at ${other.peerUrl}`
    : `this node is at ${ownPeerUrl}, while node ${other.nodeId} of the cluster is at ${other.peerUrl}, which only its own machine can reach`;
  return `NODE_HOSTNAME (or NODE_PEER_URL) must be a name that every member can reach: ${why}. Loopback works only when all members are on it`;
}

function isLoopbackUrl(url: string): boolean {
  const { hostname } = new URL(url);
  return isLoopbackHost(hostname) || hostname.toLowerCase().endsWith('.localhost');
}
