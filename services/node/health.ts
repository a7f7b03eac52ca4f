import type { NodeHealth, NodeState } from '../contracts/http.ts';

/** One look at the machine and the process. Without Redis, `isRedisUp` is true too. */
export type Measurements = Omit<NodeHealth, 'nodeId' | 'state' | 'reasons' | 'uptimeSeconds'>;

/** Above it a person notices that every answer is late. */
export const SLOW_LOOP_P99_MS = 200;
/** Below it a few uploads may fill the disk before anybody looks. */
export const LOW_DISK_BYTES = 256 * 1024 * 1024;
export const LOW_DISK_SHARE = 0.02;

/** Degraded with a short sentence for each reason; `[]` is healthy. */
export function reasonsOf(found: Measurements): readonly string[] {
  const reasons: string[] = [];
  if (found.eventLoopDelayP99Ms > SLOW_LOOP_P99_MS) {
    reasons.push(`the event loop is late by ${Math.round(found.eventLoopDelayP99Ms)} ms`);
  }
  if (found.diskFreeBytes < Math.min(LOW_DISK_BYTES, found.diskTotalBytes * LOW_DISK_SHARE)) {
    reasons.push(`only ${Math.floor(found.diskFreeBytes / 1024 / 1024)} MiB of disk are free`);
  }
  if (!found.isDatabaseUp) reasons.push('the database does not answer');
  if (!found.isBusUp) reasons.push('the bus is not connected');
  if (!found.isRedisUp) reasons.push('Redis does not answer');
  return reasons;
}

/** Where a node is in its life decides first; only a node in full service is healthy or degraded. */
export type LifePhase = 'joining' | 'serving' | 'draining' | 'left';

export function stateOf(phase: LifePhase, reasons: readonly string[]): NodeState {
  if (phase !== 'serving') return phase;
  return reasons.length === 0 ? 'healthy' : 'degraded';
}
