import type { ServiceSchema } from 'moleculer';
import type { NodeTraffic, StatsResponse, TrafficHistory } from '../contracts/http.ts';
import { type Call, defineService } from '../define-service.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { ActivityGauges } from '../kernel/traffic.ts';
import type { SampleRepository } from './ports.ts';
import { historyOf, historyWindow, SAMPLES_KEPT_MS, type TrafficRecorder } from './traffic-history.ts';
import type { TrafficMeter } from './traffic-meter.ts';

const SAMPLE_EVERY_MS = 1_000;
const SAVE_EVERY_MS = 2_000;
const REPORT_TIMEOUT_MS = 1_000;
/** However many pages ask, the nodes and the database are asked so often. */
const ANSWER_KEPT_MS = 1_000;

export interface StatsServiceDeps {
  readonly nodeId: string;
  readonly meter: TrafficMeter;
  readonly recorder: TrafficRecorder;
  readonly samples: SampleRepository;
  /** The same at all nodes: their samples are added up. */
  readonly clock: Clock;
  readonly activity: ActivityGauges;
  readonly socketCount: () => number;
  /** Nodes whose stats service the registry knows, this one too. */
  readonly nodeIds: () => readonly string[];
  readonly call: Call;
  readonly onFault: (fault: unknown) => void;
}

/** What this node carries; any node answers for the whole cluster. */
export function statsService(deps: StatsServiceDeps): ServiceSchema {
  const { meter, recorder, activity, onFault } = deps;
  const loops: Loop[] = [];
  const own = (): NodeTraffic => ({
    nodeId: deps.nodeId,
    ...meter.read(),
    activeUploads: activity.activeUploads(),
    activeDownloads: activity.activeDownloads(),
    openTransfers: activity.openTransfers(),
    sockets: deps.socketCount(),
  });
  let last: { readonly answer: Promise<StatsResponse>; readonly atMs: number } | undefined;
  return defineService({
    name: 'stats',
    actions: {
      node: () => own(),
      cluster: () => {
        const nowMs = performance.now();
        if (last === undefined || nowMs - last.atMs >= ANSWER_KEPT_MS)
          last = { answer: describe(deps, own), atMs: nowMs };
        return last.answer;
      },
    },
    async started() {
      const look = async () => {
        meter.sample();
        recorder.tick(deps.clock.now(), meter.read());
      };
      loops.push(
        startLoop(SAMPLE_EVERY_MS, look, onFault),
        startLoop(SAVE_EVERY_MS, () => save(deps), onFault),
      );
    },
    async stopped() {
      await Promise.all(loops.map((loop) => loop.stop()));
      recorder.finish(meter.read());
      await save(deps).catch(onFault);
    },
  });
}

/** What the database does not take now it is asked to take again. */
async function save({ recorder, samples }: StatsServiceDeps): Promise<void> {
  const unsaved = recorder.unsaved();
  if (unsaved.length === 0) return;
  await samples.add(unsaved, SAMPLES_KEPT_MS);
  recorder.saved(unsaved);
}

async function describe(deps: StatsServiceDeps, own: () => NodeTraffic): Promise<StatsResponse> {
  const [nodes, history] = await Promise.all([askAll(deps, own), readHistory(deps)]);
  return { nodes, total: sumOf(nodes), history };
}

/** A node that does not answer in time is left out: it shows as gone elsewhere. */
async function askAll(deps: StatsServiceDeps, own: () => NodeTraffic): Promise<readonly NodeTraffic[]> {
  const answers = await Promise.allSettled(
    deps
      .nodeIds()
      .map((nodeId) =>
        nodeId === deps.nodeId
          ? Promise.resolve(own())
          : deps.call('stats.node', {}, { nodeId, timeoutMs: REPORT_TIMEOUT_MS }),
      ),
  );
  return answers
    .flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
    .sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
}

async function readHistory({ samples, clock, onFault }: StatsServiceDeps): Promise<TrafficHistory | null> {
  const { fromMs, toMs } = historyWindow(clock.now());
  try {
    return historyOf(await samples.between(fromMs, toMs), toMs);
  } catch (fault) {
    // The nodes' own figures are worth having without it.
    onFault(fault);
    return null;
  }
}

function sumOf(nodes: readonly NodeTraffic[]): StatsResponse['total'] {
  const sum = (name: Exclude<keyof NodeTraffic, 'nodeId'>) => nodes.reduce((total, node) => total + node[name], 0);
  return {
    clientBytesIn: sum('clientBytesIn'),
    clientBytesOut: sum('clientBytesOut'),
    peerBytes: sum('peerBytes'),
    bytesInPerSecond: sum('bytesInPerSecond'),
    bytesOutPerSecond: sum('bytesOutPerSecond'),
    activeUploads: sum('activeUploads'),
    activeDownloads: sum('activeDownloads'),
    openTransfers: sum('openTransfers'),
    sockets: sum('sockets'),
  };
}
