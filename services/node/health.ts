import type { NodeHealth, NodeReason, NodeState } from '../contracts/http.ts';

/** One look at the machine and the process. Without Redis, `isRedisUp` is true too. */
export type Measurements = Omit<NodeHealth, 'nodeId' | 'state' | 'reasons' | 'uptimeSeconds'>;

/** Above it people notice that every answer is slow. */
export const SLOW_LOOP_P99_MS = 200;
/** A loop that is slow again so soon comes and goes: what it is told as would change with every look. */
const SLOW_AGAIN_WITHIN_MS = 60_000;
/** How long it must then be calm to count as such, the first time; each time it comes back, twice as long. */
const FIRST_CALM_MS = 5_000;
const MAX_CALM_MS = 60_000;
/** Below it a few uploads may fill the disk before anybody reacts. */
export const LOW_DISK_BYTES = 256 * 1024 * 1024;
const LOW_DISK_SHARE = 0.02;

/** `[]` is healthy. */
export function reasonsOf(found: Measurements): readonly NodeReason[] {
  const reasons: NodeReason[] = [];
  if (found.eventLoopDelayP99Ms > SLOW_LOOP_P99_MS) {
    reasons.push({ what: 'slow_loop', delayMs: Math.round(found.eventLoopDelayP99Ms) });
  }
  if (found.diskFreeBytes < Math.min(LOW_DISK_BYTES, found.diskTotalBytes * LOW_DISK_SHARE)) {
    reasons.push({ what: 'low_disk', freeBytes: found.diskFreeBytes });
  }
  if (!found.isDatabaseUp) reasons.push({ what: 'no_database' });
  if (!found.isBusUp) reasons.push({ what: 'no_bus' });
  if (!found.isRedisUp) reasons.push({ what: 'no_redis' });
  if (found.isSecretShared === false) reasons.push({ what: 'other_secret' });
  return reasons;
}

/** The delay that counts: the more often a loop is slow again within a minute, the longer it counts as slow. */
export class LoopDelay {
  /** Of the last slow look; null: it does not count as slow. */
  #slowMs: number | null = null;
  #slowAtMs = 0;
  #calmMs = 0;
  #overAtMs = Number.NEGATIVE_INFINITY;

  /** @param p99Ms of this look @returns that, or the delay of the last slow look while that counts on */
  look(p99Ms: number, nowMs: number): number {
    if (p99Ms > SLOW_LOOP_P99_MS) {
      if (this.#slowMs === null) {
        const isBack = nowMs - this.#overAtMs < SLOW_AGAIN_WITHIN_MS;
        this.#calmMs = isBack ? Math.min(MAX_CALM_MS, Math.max(FIRST_CALM_MS, 2 * this.#calmMs)) : 0;
      }
      this.#slowMs = p99Ms;
      this.#slowAtMs = nowMs;
    } else if (this.#slowMs !== null && nowMs - this.#slowAtMs >= this.#calmMs) {
      this.#slowMs = null;
      this.#overAtMs = nowMs;
    }
    return this.#slowMs ?? p99Ms;
  }
}

/** Where a node is in its life decides first; only a node in full service is healthy or degraded. */
export type LifePhase = 'joining' | 'serving' | 'draining' | 'left';

export function stateOf(phase: LifePhase, reasons: readonly NodeReason[]): NodeState {
  if (phase !== 'serving') return phase;
  return reasons.length === 0 ? 'healthy' : 'degraded';
}
