/** What one stream may still send and its lease's row does not count yet. */
export interface LeaseFlight {
  /** So many of its bytes are counted in the row now. */
  landed(bytes: number): void;
  /** Repeatable. */
  end(): void;
}

/**
 * Bytes that streams under leases are about to be served here. Rows count what was served, some seconds late: without
 * this, whoever begins fifty downloads at once under one lease is served fifty times.
 */
export class LeaseFlights {
  readonly #bytes = new Map<string, number>();

  bytes(leaseId: string, fileIndex: number): number {
    return this.#bytes.get(`${leaseId} ${fileIndex}`) ?? 0;
  }

  begin(leaseId: string, fileIndex: number, plannedBytes: number): LeaseFlight {
    const key = `${leaseId} ${fileIndex}`;
    let leftBytes = plannedBytes;
    const change = (by: number) => {
      const bytes = (this.#bytes.get(key) ?? 0) + by;
      if (bytes <= 0) this.#bytes.delete(key);
      else this.#bytes.set(key, bytes);
    };
    change(plannedBytes);
    const landed = (bytes: number) => {
      const counted = Math.min(bytes, leftBytes);
      leftBytes -= counted;
      change(-counted);
    };
    return { landed, end: () => landed(leftBytes) };
  }
}
