import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { NodeState } from '../../contracts/http.ts';
import type { ActivityGauges } from '../../kernel/traffic.ts';
import type { DirectReading } from '../direct-meter.ts';
import type { TrafficReading } from '../traffic-meter.ts';

/** Since the process started. */
export interface MendingCounts {
  readonly scrubbedChunks: number;
  readonly repairedChunks: number;
  readonly damagedChunks: number;
}

/** Where each scrape reads what it shows. */
export interface MetricSources {
  readonly traffic: () => TrafficReading;
  readonly direct: () => DirectReading;
  readonly activity: ActivityGauges;
  readonly nodeState: () => Promise<NodeState>;
  readonly disk: () => { readonly freeBytes: number; readonly totalBytes: number } | null;
  readonly eventLoopDelayP99Ms: () => number | null;
  readonly isLeader: () => boolean;
  readonly mending?: () => MendingCounts;
  /** Packets of the bus that were not taken, by reason. */
  readonly busRejections: () => ReadonlyMap<string, number>;
  /** Null: there is none. */
  readonly isRedisUp?: () => boolean | null;
  /** Who is online by a socket of this node, in a room. */
  readonly peopleCount?: () => number;
}

export interface Metrics {
  observeRequest(request: { route: string; method: string; status: number; seconds: number }): void;
  socketOpened(path: 'control' | 'chunks'): void;
  socketClosed(path: 'control' | 'chunks'): void;
  sessionLookedUp(result: 'hit' | 'miss' | 'away'): void;
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
}

const STATES: readonly NodeState[] = ['joining', 'healthy', 'degraded', 'draining', 'left'];
/** From a cached answer to the longest stream anybody waits for. */
const DURATION_BUCKETS_SECONDS = [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];

const NEVER_MS = 24 * 3_600_000;
/** What prom-client says of the loop by that measure. */
const LOOP_FIGURES = ['min', 'max', 'mean', 'stddev', 'p50', 'p90', 'p99'];

/** Prometheus text of this node. Labels have a bounded number of values: routes are templates. */
export function createPrometheusMetrics(sources: MetricSources): Metrics {
  const registry = new Registry();
  const registers = [registry];
  // Its own measure of the loop would wake the process a hundred times a second; the node's health has one that rests.
  collectDefaultMetrics({ register: registry, prefix: 'peerlink_', eventLoopMonitoringPrecision: NEVER_MS });
  for (const figure of LOOP_FIGURES) registry.removeSingleMetric(`peerlink_nodejs_eventloop_lag_${figure}_seconds`);
  counters(registers, sources);
  gauges(registers, sources);

  const durations = new Histogram({
    name: 'peerlink_http_request_duration_seconds',
    help: 'From the head of a request to the end of its answer',
    labelNames: ['route', 'method', 'status'],
    buckets: DURATION_BUCKETS_SECONDS,
    registers,
  });
  const sockets = new Gauge({
    name: 'peerlink_sockets',
    help: 'Open Socket.IO connections',
    labelNames: ['path'],
    registers,
  });
  for (const path of ['control', 'chunks']) sockets.set({ path }, 0);

  const lookups = new Counter({
    name: 'peerlink_session_lookups_total',
    help: 'Sessions looked up: known to the cache, not known to it, cache away',
    labelNames: ['result'],
    registers,
  });
  for (const result of ['hit', 'miss', 'away']) lookups.inc({ result }, 0);

  return {
    sessionLookedUp: (result) => lookups.inc({ result }),
    observeRequest: ({ route, method, status, seconds }) =>
      durations.observe({ route, method, status: String(status) }, seconds),
    socketOpened: (path) => sockets.inc({ path }),
    socketClosed: (path) => sockets.dec({ path }),
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

type Label = Readonly<Record<string, string>>;

/** Counters whose totals are kept elsewhere: each scrape sets them anew. */
function counters(registers: Registry[], { traffic, direct, busRejections, mending }: MetricSources): void {
  const labelled = (name: string, help: string, label: string, read: () => Iterable<readonly [Label, number]>) =>
    new Counter({
      name,
      help,
      labelNames: [label],
      registers,
      collect() {
        this.reset();
        for (const [labels, total] of read()) this.inc(labels, total);
      },
    });
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  labelled(
    'peerlink_client_bytes_total',
    'Bytes of bodies from and to clients at the edge; traffic between nodes is not in it',
    'direction',
    () => {
      const { clientBytesIn, clientBytesOut } = traffic();
      return [
        [{ direction: 'in' }, clientBytesIn],
        [{ direction: 'out' }, clientBytesOut],
      ];
    },
  );
  counter(
    'peerlink_peer_bytes_total',
    "Bytes of bodies between this node and others, as the one that asked saw them; none are in the clients' bytes",
    () => traffic().peerBytes,
  );
  labelled(
    'peerlink_bus_rejected_total',
    'Packets of the bus that no node of this cluster signed, or that came before',
    'reason',
    () => [...busRejections()].map(([reason, count]) => [{ reason }, count]),
  );
  labelled(
    'peerlink_direct_offers_total',
    'Offers to a recipient by what became of them, each change at the node that made it',
    'outcome',
    () => [...direct().offers].map(([outcome, count]) => [{ outcome }, count]),
  );
  counter(
    'peerlink_direct_bytes_total',
    "Bytes of direct sends that recipients' sockets took from this node",
    () => direct().receivedBytes,
  );
  counter('peerlink_texts_total', 'Texts that people sent each other through this node', () => direct().texts);
  counter('peerlink_chunks_scrubbed_total', 'Stored chunks read and checked', () => mending?.().scrubbedChunks ?? 0);
  counter('peerlink_chunks_repaired_total', 'Chunks mended from another copy', () => mending?.().repairedChunks ?? 0);
  counter(
    'peerlink_chunks_damaged_total',
    'Chunks found damaged that no copy could mend',
    () => mending?.().damagedChunks ?? 0,
  );
}

function gauges(registers: Registry[], sources: MetricSources): void {
  const gauge = (name: string, help: string, read: () => number | null) =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        const value = read();
        // prom-client begins such a gauge at 0 and keeps the last value: what is not known is shown by no sample at all.
        if (value === null) this.remove();
        else this.set(value);
      },
    });
  gauge('peerlink_uploads_active', 'Upload streams right now', () => sources.activity.activeUploads());
  gauge('peerlink_downloads_active', 'Download streams right now', () => sources.activity.activeDownloads());
  gauge('peerlink_transfers_open', 'Unsealed transfers at home here', () => sources.activity.openTransfers());
  gauge('peerlink_transfers_single_copy', 'Transfers that have their only copy here although more were asked for', () =>
    sources.activity.singleCopyTransfers(),
  );
  gauge('peerlink_direct_sends_open', 'Direct sends at home here that have not ended', () =>
    sources.activity.openDirectSends(),
  );
  gauge('peerlink_people', 'People who are online in a room by a socket of this node', () =>
    sources.peopleCount === undefined ? null : sources.peopleCount(),
  );
  gauge('peerlink_leader', '1 while this node leads', () => (sources.isLeader() ? 1 : 0));
  gauge('peerlink_redis_up', '1 while Redis answers this node; absent without Redis', () => {
    const isUp = sources.isRedisUp?.() ?? null;
    return isUp === null ? null : Number(isUp);
  });
  gauge('peerlink_disk_free_bytes', 'Free on the disk of the data directory', () => sources.disk()?.freeBytes ?? null);
  gauge(
    'peerlink_disk_total_bytes',
    'Size of the disk of the data directory',
    () => sources.disk()?.totalBytes ?? null,
  );
  gauge('peerlink_event_loop_delay_p99_seconds', 'Event loop delay over the last look', () => {
    const delayMs = sources.eventLoopDelayP99Ms();
    return delayMs === null ? null : delayMs / 1000;
  });
  new Gauge({
    name: 'peerlink_node_state',
    help: '1 for the state this node is in',
    labelNames: ['state'],
    registers,
    async collect() {
      const current = await sources.nodeState();
      for (const state of STATES) this.set({ state }, state === current ? 1 : 0);
    },
  });
}
