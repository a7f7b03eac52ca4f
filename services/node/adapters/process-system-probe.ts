import { statfs } from 'node:fs/promises';
import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import type { SystemProbe } from '../ports.ts';

const RESOLUTION_MS = 10;
const NANOSECONDS_PER_MS = 1e6;
/** A loop that worked for less of the two seconds between looks kept nobody waiting for longer than SLOW_LOOP_P99_MS. */
const WATCHED_ABOVE_USE = 0.1;

export interface ProbeOptions {
  readonly dataDirectory: string;
  readonly isDatabaseUp: () => Promise<boolean>;
  readonly isBusUp: () => boolean;
  readonly isRedisUp: () => boolean;
}

export function createProcessSystemProbe(options: ProbeOptions): SystemProbe {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let lastUse = performance.eventLoopUtilization();
  return {
    async measure() {
      const [disk, isDatabaseUp] = await Promise.all([statfs(options.dataDirectory), options.isDatabaseUp()]);
      const use = performance.eventLoopUtilization();
      const { utilization } = performance.eventLoopUtilization(use, lastUse);
      lastUse = use;
      // The histogram counts whole intervals: what is above the resolution is the delay.
      const p99Ms = delays.count === 0 ? 0 : Math.max(0, delays.percentile(99) / NANOSECONDS_PER_MS - RESOLUTION_MS);
      delays.reset();
      // It wakes the process a hundred times a second, which costs an idle node more than everything else it does.
      if (utilization > WATCHED_ABOVE_USE) delays.enable();
      else delays.disable();
      return {
        eventLoopDelayP99Ms: Math.round(p99Ms * 100) / 100,
        eventLoopUse: Math.round(utilization * 1000) / 1000,
        memoryBytes: process.memoryUsage.rss(),
        diskFreeBytes: disk.bavail * disk.bsize,
        diskTotalBytes: disk.blocks * disk.bsize,
        isDatabaseUp,
        isBusUp: options.isBusUp(),
        isRedisUp: options.isRedisUp(),
      };
    },
    uptimeSeconds: () => Math.floor(process.uptime()),
    close: () => void delays.disable(),
  };
}
