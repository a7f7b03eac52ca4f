import type { NodeHealth, NodeReason, NodeState } from '../contracts/http.ts';

/** One look at the machine and the process. Without Redis, `isRedisUp` is true too. */
export type Measurements = Omit<NodeHealth, 'nodeId' | 'state' | 'reasons' | 'uptimeSeconds'>;

/** Above it people notice that every answer is slow. */
export const SLOW_LOOP_P99_MS = 200;
/** Below it a few uploads may fill the disk before anybody reacts. */
export const LOW_DISK_BYTES = 256 * 1024 * 1024;
export const LOW_DISK_SHARE = 0.02;

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
  return reasons;
}

/** Where a node is in its life decides first; only a node in full service is healthy or degraded. */
export type LifePhase = 'joining' | 'serving' | 'draining' | 'left';

export function stateOf(phase: LifePhase, reasons: readonly NodeReason[]): NodeState {
  if (phase !== 'serving') return phase;
  return reasons.length === 0 ? 'healthy' : 'degraded';
}
