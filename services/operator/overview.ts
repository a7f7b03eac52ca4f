import type { NodeHealth, NodeState, TrafficHistory } from '../contracts/http.ts';
import { MAX_OPERATOR_TRANSFERS } from '../contracts/limits.ts';
import type {
  LastSnapshot,
  NodeFlow,
  NodeSnapshot,
  OperatorEvent,
  OperatorNode,
  OperatorOverview,
  OperatorTransfer,
} from '../contracts/operator.ts';
import type { TransferCounts, TransferRowShown } from './ports.ts';

/** A node's row: that it is or was there, whether or not it answers. */
export interface NodeRowSeen {
  readonly id: string;
  readonly publicUrl: string | null;
  readonly state: NodeState;
  readonly isGivenUp: boolean;
}

export interface OverviewParts {
  readonly atMs: number;
  readonly clusterId: string;
  readonly mode: 'embedded' | 'cluster';
  /** The lease as last seen. */
  readonly lease: { readonly nodeId: string; readonly epoch: number } | null;
  /** Of the nodes that answered. */
  readonly answers: readonly NodeSnapshot[];
  /** What was last heard of the others, each once. */
  readonly silent: ReadonlyMap<string, LastSnapshot>;
  /** Until they are forgotten; null: the database did not answer. */
  readonly rows: readonly NodeRowSeen[] | null;
  readonly transfers: readonly TransferRowShown[];
  readonly counts: TransferCounts;
  readonly events: readonly OperatorEvent[];
  readonly history: TrafficHistory | null;
}

export function overviewOf(parts: OverviewParts): OperatorOverview {
  const answering = new Set(parts.answers.map(({ health }) => health.nodeId));
  // A lease outlives its holder by some seconds, in which nobody leads.
  const leader = parts.lease !== null && answering.has(parts.lease.nodeId) ? parts.lease : null;
  return {
    at: new Date(parts.atMs).toISOString(),
    clusterId: parts.clusterId,
    mode: parts.mode,
    leader,
    nodes: nodesOf(parts, leader?.nodeId ?? null),
    flows: sumOfFlows(parts.answers),
    transfers: transfersOf(parts.transfers, parts.answers),
    transferCount: parts.counts.transferCount,
    singleCopyCount: parts.counts.singleCopyCount,
    events: parts.events,
    history: parts.history,
  };
}

function nodesOf({ answers, silent, rows, counts }: OverviewParts, leaderId: string | null): readonly OperatorNode[] {
  const nodes = new Map<string, OperatorNode>();
  const homeCount = (nodeId: string) => counts.homeCounts.get(nodeId) ?? 0;
  const rowById = new Map(rows?.map((row) => [row.id, row]));
  // While the database is away nobody can say that a node was forgotten.
  const known = rows === null ? silent.keys() : rowById.keys();
  for (const nodeId of known) {
    const row = rowById.get(nodeId);
    const snapshot = silent.get(nodeId);
    const health = snapshot?.health ?? unheard(nodeId, row?.state ?? 'left');
    nodes.set(nodeId, {
      // "One that left": only the row says so of a node that was killed.
      health: row?.state === 'left' ? { ...health, state: 'left' } : health,
      publicUrl: snapshot?.publicUrl ?? row?.publicUrl ?? null,
      isLeader: false,
      isAnswering: false,
      isGivenUp: row?.isGivenUp ?? false,
      load: 0,
      traffic: null,
      version: snapshot?.version ?? '',
      homeCount: homeCount(nodeId),
    });
  }
  for (const { health, publicUrl, load, traffic, version } of answers) {
    const { nodeId } = health;
    nodes.set(nodeId, {
      health,
      publicUrl,
      isLeader: nodeId === leaderId,
      isAnswering: true,
      isGivenUp: false,
      load,
      traffic,
      version,
      homeCount: homeCount(nodeId),
    });
  }
  return [...nodes.values()].sort((a, b) => (a.health.nodeId < b.health.nodeId ? -1 : 1));
}

/** Of a node that nobody who answers has ever heard. */
function unheard(nodeId: string, state: NodeState): NodeHealth {
  return {
    nodeId,
    state,
    reasons: [],
    eventLoopDelayP99Ms: 0,
    eventLoopUse: 0,
    memoryBytes: 0,
    diskFreeBytes: 0,
    diskTotalBytes: 0,
    isDatabaseUp: false,
    isBusUp: false,
    isRedisUp: false,
    uptimeSeconds: 0,
  };
}

/** Each byte is counted by the one node that asked, so what two nodes tell of one flow adds up. */
function sumOfFlows(answers: readonly NodeSnapshot[]): readonly NodeFlow[] {
  const sums = new Map<string, NodeFlow>();
  for (const flow of answers.flatMap(({ flows }) => flows)) {
    const key = `${flow.fromNodeId} ${flow.toNodeId}`;
    const before = sums.get(key)?.bytesPerSecond ?? 0;
    sums.set(key, { ...flow, bytesPerSecond: before + flow.bytesPerSecond });
  }
  return [...sums.values()];
}

/** "Those that move or are open first, then the newest." */
function transfersOf(rows: readonly TransferRowShown[], answers: readonly NodeSnapshot[]): readonly OperatorTransfer[] {
  const committed = new Map<string, number>();
  const strips = new Map<string, string>();
  const readers = new Map<string, number>();
  for (const { transfers } of answers) {
    for (const { id, committedBytes, strip, readerCount } of transfers) {
      if (committedBytes !== null) committed.set(id, committedBytes);
      if (strip) strips.set(id, strip);
      readers.set(id, (readers.get(id) ?? 0) + readerCount);
    }
  }
  const shown = rows.map((row) => ({
    ...row,
    committedBytes: row.state === 'sealed' ? row.totalBytes : (committed.get(row.id) ?? null),
    strip: row.state === 'open' ? (strips.get(row.id) ?? null) : null,
    readerCount: readers.get(row.id) ?? 0,
  }));
  const isFirst = ({ state, readerCount }: OperatorTransfer) => state === 'open' || readerCount > 0;
  const byAge = (a: OperatorTransfer, b: OperatorTransfer) =>
    a.createdAt === b.createdAt ? (a.id < b.id ? -1 : 1) : a.createdAt < b.createdAt ? 1 : -1;
  return shown.sort((a, b) => Number(isFirst(b)) - Number(isFirst(a)) || byAge(a, b)).slice(0, MAX_OPERATOR_TRANSFERS);
}

/** Ids of transfers that somebody reads or writes somewhere, for the next look at the rows. */
export function movingIds(answers: readonly NodeSnapshot[]): readonly string[] {
  const ids = answers.flatMap(({ transfers }) =>
    transfers.filter(({ readerCount }) => readerCount > 0).map(({ id }) => id),
  );
  return [...new Set(ids)].slice(0, MAX_OPERATOR_TRANSFERS);
}
