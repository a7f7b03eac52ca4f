import type { NodeHealth, NodeTraffic, TrafficHistory } from '../contracts/http.ts';
import { MAX_OPERATOR_TRANSFERS } from '../contracts/limits.ts';
import type {
  EventCursor,
  LastSnapshot,
  NodeFlow,
  NodeSnapshot,
  OperatorOverview,
  TransferActivity,
} from '../contracts/operator.ts';
import type { Clock } from '../kernel/clock.ts';
import type { EventRing } from './event-ring.ts';
import { LastSnapshots } from './last-snapshots.ts';
import { movingIds, type NodeRowSeen, overviewOf } from './overview.ts';
import type { ShownTransfers, TransferCounts, TransferRowShown } from './ports.ts';

/**
 * However many pages ask, nodes and database are asked so often. A little less than the 750 ms after which each page
 * asks again, so that a page never gets the same answer twice.
 */
const OVERVIEW_KEPT_MS = 650;
/** What has not answered by then is shown as it was. With the page's next question, a killed node shows within 2 s. */
const GATHER_MS = 800;
const NO_COUNTS: TransferCounts = { transferCount: 0, singleCopyCount: 0, homeCounts: new Map() };

export interface LookoutPorts {
  readonly nodeId: string;
  readonly clusterId: string;
  readonly mode: 'embedded' | 'cluster';
  readonly publicUrl: string | null;
  readonly version: string;
  readonly clock: Clock;
  readonly health: () => Promise<NodeHealth>;
  /** Null: the service that knows is not up. */
  readonly traffic: () => Promise<NodeTraffic | null>;
  readonly loadOf: (health: NodeHealth, traffic: NodeTraffic | null) => number;
  readonly flows: () => readonly NodeFlow[];
  readonly transfers: () => readonly TransferActivity[];
  readonly lease: () => { readonly nodeId: string; readonly epoch: number } | null;
  /** Nodes that the bus knows to be there, this one too. */
  readonly nodeIds: () => readonly string[];
  /** @throws when it does not answer within the time */
  readonly ask: (nodeId: string, eventsAfter: EventCursor | null, timeoutMs: number) => Promise<NodeSnapshot>;
  readonly rows: () => Promise<readonly NodeRowSeen[]>;
  readonly shown: ShownTransfers;
  /** Null: the database does not answer. */
  readonly history: () => Promise<TrafficHistory | null>;
}

/** What the rows said when they last could be read. */
interface Read {
  rows: readonly NodeRowSeen[] | null;
  transfers: readonly TransferRowShown[];
  counts: TransferCounts;
  history: TrafficHistory | null;
}

/** What this node knows, and what it finds out of all others for an operator. */
export class Lookout {
  readonly #ports: LookoutPorts;
  readonly #events: EventRing;
  readonly #heard = new LastSnapshots();
  readonly #cursors = new Map<string, EventCursor>();
  #movingIds: readonly string[] = [];
  #read: Read = { rows: null, transfers: [], counts: NO_COUNTS, history: null };
  #last: { readonly overview: Promise<OperatorOverview>; readonly atMs: number } | null = null;

  constructor(ports: LookoutPorts, events: EventRing) {
    this.#ports = ports;
    this.#events = events;
  }

  /** Of this node. */
  async snapshot(eventsAfter: EventCursor | null): Promise<NodeSnapshot> {
    const ports = this.#ports;
    // Before anything is awaited: what comes meanwhile is told the next time.
    const news = this.#events.since(eventsAfter);
    const [health, traffic] = await Promise.all([ports.health(), ports.traffic().catch(() => null)]);
    return {
      health,
      traffic,
      publicUrl: ports.publicUrl,
      load: ports.loadOf(health, traffic),
      version: ports.version,
      flows: ports.flows(),
      transfers: ports.transfers(),
      events: news.events,
      eventsUntil: news.until,
      silent: this.#silent(),
    };
  }

  /** Of the whole cluster; at most OVERVIEW_KEPT_MS old. */
  overview(): Promise<OperatorOverview> {
    const nowMs = this.#ports.clock.monotonicMs();
    if (this.#last === null || nowMs - this.#last.atMs >= OVERVIEW_KEPT_MS)
      this.#last = { overview: this.#make(), atMs: nowMs };
    return this.#last.overview;
  }

  #silent(): readonly LastSnapshot[] {
    const here = new Set(this.#ports.nodeIds());
    return this.#heard.silent((nodeId) => here.has(nodeId));
  }

  async #make(): Promise<OperatorOverview> {
    const ports = this.#ports;
    const [answers] = await Promise.all([this.#askAll(), this.#readAll()]);
    const answered = new Set(answers.map(({ health }) => health.nodeId));
    const silent = this.#heard.silent((nodeId) => answered.has(nodeId));
    this.#movingIds = movingIds(answers);
    return overviewOf({
      ...this.#read,
      atMs: ports.clock.now(),
      clusterId: ports.clusterId,
      mode: ports.mode,
      lease: ports.lease(),
      answers,
      silent: new Map(silent.map((snapshot) => [snapshot.health.nodeId, snapshot])),
      events: this.#events.events(),
    });
  }

  async #askAll(): Promise<readonly NodeSnapshot[]> {
    const ports = this.#ports;
    const nodeIds = ports.nodeIds();
    for (const nodeId of this.#cursors.keys()) if (!nodeIds.includes(nodeId)) this.#cursors.delete(nodeId);
    const asked = nodeIds.map((nodeId) =>
      nodeId === ports.nodeId
        ? this.snapshot(this.#events.since(null).until)
        : ports.ask(nodeId, this.#cursors.get(nodeId) ?? null, GATHER_MS),
    );
    const answers = (await Promise.allSettled(asked)).flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    for (const snapshot of answers) {
      this.#heard.hear(snapshot, ports.clock.now());
      this.#heard.learn(snapshot.silent);
      for (const event of snapshot.events) this.#events.add(event);
      this.#cursors.set(snapshot.health.nodeId, snapshot.eventsUntil);
    }
    return answers;
  }

  /** What does not come in time stays as it was; only the history says that it is missing. */
  async #readAll(): Promise<void> {
    const { rows, shown, history } = this.#ports;
    const read = this.#read;
    const keep = async <T>(found: Promise<T>, learn: (value: T) => void) => {
      const value = await within(found, GATHER_MS);
      if (value !== null) learn(value);
    };
    await Promise.all([
      keep(rows(), (found) => {
        read.rows = found;
      }),
      keep(shown.list(this.#movingIds, MAX_OPERATOR_TRANSFERS), (found) => {
        read.transfers = found;
      }),
      keep(shown.count(), (found) => {
        read.counts = found;
      }),
      within(history(), GATHER_MS).then((found) => {
        read.history = found;
      }),
    ]);
  }
}

/** Null: it failed, or did not come in time. */
async function within<T>(found: Promise<T>, limitMs: number): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limitMs);
  });
  try {
    return await Promise.race([found.catch(() => null), late]);
  } finally {
    clearTimeout(timer);
  }
}
