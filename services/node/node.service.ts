import type { ServiceSchema } from 'moleculer';
import { defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { NodeDrain } from './drain.ts';
import type { NodeMonitor } from './node-monitor.ts';

/** Often enough that a full disk or a lost database shows within seconds. */
const LOOK_EVERY_MS = 2_000;

export interface NodeServiceDeps {
  readonly monitor: NodeMonitor;
  readonly drain: NodeDrain;
  readonly onFault: (fault: unknown) => void;
}

/** This node's health: event loop, memory, disk, database, bus. */
export function nodeService({ monitor, drain, onFault }: NodeServiceDeps): ServiceSchema {
  let loop: Loop | undefined;
  return defineService({
    name: 'node',
    actions: {
      health: () => monitor.health(),
      drain: () => {
        drain.begin();
        return drain.status();
      },
    },
    async started() {
      loop = startLoop(LOOK_EVERY_MS, () => monitor.look(), onFault);
    },
    async stopped() {
      await loop?.stop();
    },
  });
}
