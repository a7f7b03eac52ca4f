import type { NodeHealth, NodeStats } from '../contracts/actions.ts';
import type { NodeState, PublicNode } from '../contracts/http.ts';
import type { NodeRow } from './ports.ts';

/** What a node answered about itself just now; null: it did not answer. */
export type NodeReport = { readonly health: NodeHealth; readonly stats: NodeStats } | null;

export interface SlotLimits {
  readonly maxConcurrentUploads: number;
  readonly maxConcurrentDownloads: number;
}

/** 0 to 1: the larger of event-loop use and slots in use. */
export function loadOf(report: Exclude<NodeReport, null>, slots: SlotLimits): number {
  const { health, stats } = report;
  const load = Math.max(
    health.eventLoopUse,
    stats.activeUploads / slots.maxConcurrentUploads,
    stats.activeDownloads / slots.maxConcurrentDownloads,
  );
  return Math.round(Math.min(1, Math.max(0, load)) * 1000) / 1000;
}

/** A row and what its node says, as the outside sees it. A node that does not answer has left until it does. */
export function publicNode(
  row: NodeRow,
  report: NodeReport,
  leaderNodeId: string | null,
  slots: SlotLimits,
): PublicNode {
  const state: NodeState = report === null ? 'left' : report.health.state;
  return {
    id: row.id,
    publicUrl: row.publicUrl,
    state,
    isLeader: row.id === leaderNodeId && report !== null,
    load: report === null ? 0 : loadOf(report, slots),
  };
}

/** How much more than the median a node may carry before new transfers go elsewhere. */
const OVERLOADED_TIMES_MEDIAN = 2;

/** "The node that opened the transfer, unless it drains, is low on disk, or has twice the median load." */
export function placeTransfer(ownNodeId: string, nodes: readonly PublicNode[]): string {
  const able = nodes.filter((node) => node.state === 'healthy');
  const own = able.find((node) => node.id === ownNodeId);
  const byLoad = [...able].sort((a, b) => a.load - b.load);
  const least = byLoad[0];
  if (least === undefined) return ownNodeId;
  const medianLoad = byLoad[Math.floor((byLoad.length - 1) / 2)]?.load ?? 0;
  const isOverloaded = own !== undefined && medianLoad > 0 && own.load >= OVERLOADED_TIMES_MEDIAN * medianLoad;
  return own === undefined || isOverloaded ? least.id : own.id;
}
