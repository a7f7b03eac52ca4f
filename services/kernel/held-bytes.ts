/** What one client makes this process keep in memory for now. */
export interface Holding {
  /** Keeps so many bytes more. False: there is no room for them, and nothing changed. */
  add(bytes: number): boolean;
  /** Keeps so many fewer, at most all. */
  give(bytes: number): void;
  /** Keeps nothing any more, but may again. */
  clear(): void;
  /** What it keeps is on its way: its age begins anew. */
  moved(): void;
  /** Repeatable. */
  end(): void;
}

export interface HeldBytesOptions {
  readonly maxBytes: number;
  /** Whoever has kept something for less is not cut for others. */
  readonly sparedMs: number;
  readonly nowMs: () => number;
}

interface Holder {
  bytes: number;
  hasEnded: boolean;
  /** Since when it keeps something without having moved. */
  sinceMs: number;
  readonly cut: () => void;
}

/** With nobody to cut, everybody is not looked at again for each that asks. */
const LOOK_AGAIN_MS = 250;

/**
 * One bound for what all clients together make this process keep. When it is reached, whoever has kept most for longest
 * (bytes times age) is cut to make room: that is who began something and does not go on. Nobody is cut while there is room.
 */
export class HeldBytes {
  readonly #options: HeldBytesOptions;
  readonly #holders = new Set<Holder>();
  #bytes = 0;
  #nobodyBeforeMs = Number.NEGATIVE_INFINITY;

  constructor(options: HeldBytesOptions) {
    this.#options = options;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** @param cut ends what this is kept for; called at most once, never after `end`; afterwards nothing more can be kept */
  begin(cut: () => void): Holding {
    const holder: Holder = { bytes: 0, hasEnded: false, sinceMs: 0, cut };
    return {
      add: (bytes) => {
        if (holder.hasEnded || !this.#makeRoom(bytes, holder)) return false;
        if (holder.bytes === 0) holder.sinceMs = this.#options.nowMs();
        holder.bytes += bytes;
        this.#bytes += bytes;
        this.#holders.add(holder);
        return true;
      },
      give: (bytes) => {
        const given = Math.min(bytes, holder.bytes);
        holder.bytes -= given;
        this.#bytes -= given;
        if (holder.bytes === 0) this.#holders.delete(holder);
      },
      clear: () => this.#forget(holder),
      moved: () => {
        holder.sinceMs = this.#options.nowMs();
      },
      end: () => {
        holder.hasEnded = true;
        this.#forget(holder);
      },
    };
  }

  #forget(holder: Holder): void {
    this.#bytes -= holder.bytes;
    holder.bytes = 0;
    this.#holders.delete(holder);
  }

  #makeRoom(bytes: number, asking: Holder): boolean {
    const { maxBytes, nowMs } = this.#options;
    if (asking.bytes + bytes > maxBytes) return false;
    while (this.#bytes + bytes > maxBytes) {
      if (nowMs() < this.#nobodyBeforeMs) return false;
      const worst = this.#worstBeside(asking);
      if (worst === null) {
        this.#nobodyBeforeMs = nowMs() + LOOK_AGAIN_MS;
        return false;
      }
      this.#forget(worst);
      worst.hasEnded = true;
      worst.cut();
    }
    return true;
  }

  #worstBeside(asking: Holder): Holder | null {
    const { nowMs, sparedMs } = this.#options;
    const now = nowMs();
    let worst: Holder | null = null;
    let worstCost = 0;
    for (const holder of this.#holders) {
      const ageMs = now - holder.sinceMs;
      const cost = holder.bytes * ageMs;
      if (holder === asking || ageMs < sparedMs || cost <= worstCost) continue;
      worst = holder;
      worstCost = cost;
    }
    return worst;
  }
}
