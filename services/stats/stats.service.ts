import type { ServiceSchema } from 'moleculer';
import type { NodeStats } from '../contracts/actions.ts';
import { type Call, defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { ActivityGauges } from '../kernel/traffic.ts';
import type { TrafficMeter } from './traffic-meter.ts';

const SAMPLE_EVERY_MS = 1_000;
const REPORT_TIMEOUT_MS = 1_000;

export interface StatsServiceDeps {
  readonly nodeId: string;
  readonly meter: TrafficMeter;
  readonly activity: ActivityGauges;
  readonly socketCount: () => number;
  /** Nodes whose stats service the registry knows, this one too. */
  readonly nodeIds: () => readonly string[];
  readonly call: Call;
  readonly onFault: (fault: unknown) => void;
}

/** What this node carries; any node answers for the whole cluster. */
export function statsService(deps: StatsServiceDeps): ServiceSchema {
  let loop: Loop | undefined;
  const own = (): NodeStats => ({
    nodeId: deps.nodeId,
    ...deps.meter.read(),
    activeUploads: deps.activity.activeUploads(),
    activeDownloads: deps.activity.activeDownloads(),
    openTransfers: deps.activity.openTransfers(),
    sockets: deps.socketCount(),
  });
  return defineService({
    name: 'stats',
    actions: {
      node: () => own(),
      cluster: async () => ({ nodes: await askAll(deps, own) }),
    },
    async started() {
      loop = startLoop(SAMPLE_EVERY_MS, async () => deps.meter.sample(), deps.onFault);
    },
    async stopped() {
      await loop?.stop();
    },
  });
}

/** A node that does not answer in time is left out: it shows as gone elsewhere. */
async function askAll(deps: StatsServiceDeps, own: () => NodeStats): Promise<readonly NodeStats[]> {
  const answers = await Promise.allSettled(
    deps
      .nodeIds()
      .map((nodeId) =>
        nodeId === deps.nodeId
          ? Promise.resolve(own())
          : deps.call('stats.node', {}, { nodeId, timeoutMs: REPORT_TIMEOUT_MS }),
      ),
  );
  return answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
}
