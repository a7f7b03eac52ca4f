/** How a node stands, in the terms in which the page shows it. */
import type { OperatorNode, OperatorOverview } from '../../../../services/contracts/operator.ts';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';

/** Its state; `silent`: it should be there and does not answer. */
export type Standing = OperatorNode['health']['state'] | 'silent';
/** `calm`: nothing to look at. `waiting`: amber. `loss`: red. */
export type Tone = 'calm' | 'waiting' | 'loss';

const TONES: Record<Standing, Tone> = {
  healthy: 'calm',
  left: 'calm',
  joining: 'waiting',
  degraded: 'waiting',
  draining: 'waiting',
  silent: 'loss',
};
export const TONE_TEXT: Record<Tone, string> = { calm: '', waiting: 'text-amber-ink', loss: 'text-red-ink' };

export function standingOf({ health, isAnswering }: OperatorNode): Standing {
  return isAnswering || health.state === 'left' ? health.state : 'silent';
}

/** It is gone, and something in the cluster still names it. */
export function mayBeGivenUp(node: OperatorNode, { mode, transfers }: OperatorOverview): boolean {
  if (mode !== 'cluster' || node.isAnswering) return false;
  const { nodeId, state } = node.health;
  const isNamed = node.homeCount > 0 || transfers.some(({ replicaNodeId }) => replicaNodeId === nodeId);
  return state !== 'left' || isNamed || node.isGivenUp;
}

export function toneOf(node: OperatorNode): Tone {
  return TONES[standingOf(node)];
}

/** The beginning of an id: enough to tell nodes apart; the whole stands in its details. */
export function shortId(nodeId: string): string {
  return nodeId.slice(0, 6);
}

export interface ClusterSums {
  readonly nodeCount: number;
  readonly healthyCount: number;
  /** Those that are neither healthy nor gone. */
  readonly troubled: readonly OperatorNode[];
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly betweenPerSecond: number;
  readonly sockets: number;
}

export function sumsOf(overview: OperatorOverview): ClusterSums {
  const present = overview.nodes.filter((node) => standingOf(node) !== 'left');
  const sum = (of: (node: OperatorNode) => number) => present.reduce((total, node) => total + of(node), 0);
  return {
    nodeCount: present.length,
    healthyCount: present.filter((node) => standingOf(node) === 'healthy').length,
    troubled: present.filter((node) => standingOf(node) !== 'healthy'),
    bytesInPerSecond: sum(({ traffic }) => traffic?.bytesInPerSecond ?? 0),
    bytesOutPerSecond: sum(({ traffic }) => traffic?.bytesOutPerSecond ?? 0),
    betweenPerSecond: overview.flows.reduce((total, flow) => total + flow.bytesPerSecond, 0),
    sockets: sum(({ traffic }) => traffic?.sockets ?? 0),
  };
}

/** How the cluster is, in a sentence. */
export function headlineOf(sums: ClusterSums, messages: Messages, format: Formatter): string {
  const words = messages.cluster.headline;
  const { nodeCount, healthyCount } = sums;
  if (nodeCount === 0) return words.noNodes;
  if (healthyCount === nodeCount) return nodeCount === 1 ? words.oneHealthy : words.allHealthy(format.count(nodeCount));
  if (healthyCount === 0) return words.noneHealthy(nodeCount, format.count(nodeCount));
  return words.someHealthy(format.count(healthyCount), format.count(nodeCount));
}
