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
  readonly isSecretShared: () => boolean;
  /** Told at each look at which the disk could not be asked. */
  readonly onDiskFault: (fault: unknown) => void;
}

export function createProcessSystemProbe(options: ProbeOptions): SystemProbe {
  const delays = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delays.enable();
  let lastUse = performance.eventLoopUtilization();
  let totalBytes: number | null = null;
  /** A disk that was there and cannot be asked any more has no room for anybody. @throws the system's fault at the first look */
  const diskSpace = async () => {
    try {
      const { bavail, blocks, bsize } = await statfs(options.dataDirectory);
      totalBytes = blocks * bsize;
      return { freeBytes: bavail * bsize, totalBytes };
    } catch (fault) {
      if (totalBytes === null) throw fault;
      options.onDiskFault(fault);
      return { freeBytes: 0, totalBytes };
    }
  };
  return {
    async measure() {
      const [disk, isDatabaseUp] = await Promise.all([diskSpace(), options.isDatabaseUp()]);
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
        diskFreeBytes: disk.freeBytes,
        diskTotalBytes: disk.totalBytes,
        isDatabaseUp,
        isBusUp: options.isBusUp(),
        isRedisUp: options.isRedisUp(),
        isSecretShared: options.isSecretShared(),
      };
    },
    uptimeSeconds: () => Math.floor(process.uptime()),
    close: () => void delays.disable(),
  };
}
