/** Counts bodies at the client's edge, not between nodes: `peerlink_client_bytes_total`. */
export interface TrafficCounter {
  /** @param direction `in`: from clients, `out`: to clients. */
  add(direction: 'in' | 'out', bytes: number): void;
}

/** What is going on in the transfer service right now. Cheap: read at every scrape and every second. */
export interface ActivityGauges {
  /** Uploads and downloads (streams to or from clients) that hold a slot. */
  activeUploads(): number;
  activeDownloads(): number;
  /** Unsealed transfers whose home is this node and that are in memory. */
  openTransfers(): number;
  /** Running transfers whose only copy is here although more were asked for. */
  singleCopyTransfers(): number;
  /** Direct sends that run, whose home is this node. */
  openDirectSends(): number;
}

/** Counts bytes between nodes: on their way `to` the other node, or `from` it. Only who asked the other counts. */
export type CountPeerBytes = (nodeId: string, direction: 'to' | 'from', bytes: number) => void;
