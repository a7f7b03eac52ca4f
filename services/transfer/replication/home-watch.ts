import { UnbrokenWatch } from '../../kernel/unbroken-watch.ts';

/** "A sealed transfer is promoted only after its home has been away for 60 s: its reads need no promotion." */
const AWAY_FOR_LONG_MS = 60_000;
/** Probes that failed further apart than this say nothing of the time between. One that looks does so every 10 s. */
const LONGEST_GAP_MS = 30_000;

/** Since when probes of other nodes by this very one have failed without a break. */
export class HomeWatch {
  readonly #nowMs: () => number;
  /** At most as many as there are nodes. */
  readonly #away = new Map<string, UnbrokenWatch>();

  /** @param nowMs for durations */
  constructor(nowMs: () => number) {
    this.#nowMs = nowMs;
  }

  /** A probe that had its outcome just now. */
  saw(nodeId: string, isThere: boolean): void {
    if (isThere) {
      this.#away.delete(nodeId);
      return;
    }
    const watch = this.#away.get(nodeId) ?? new UnbrokenWatch(LONGEST_GAP_MS);
    watch.saw(this.#nowMs());
    this.#away.set(nodeId, watch);
  }

  /** Away for a minute: what is sealed is taken over, and what nobody asks for. */
  isAwayForLong(nodeId: string): boolean {
    return (this.#away.get(nodeId)?.durationMs(this.#nowMs()) ?? 0) >= AWAY_FOR_LONG_MS;
  }
}
