import type { NodeHealth, NodeState, NodeTraffic } from '../contracts/http.ts';

export interface SlotLimits {
  readonly maxConcurrentUploads: number;
  readonly maxConcurrentDownloads: number;
}

/** 0 to 1: the larger of event-loop use and slots in use. */
export function loadOf(
  { health, stats }: { readonly health: NodeHealth; readonly stats: NodeTraffic },
  slots: SlotLimits,
): number {
  const load = Math.max(
    health.eventLoopUse,
    stats.activeUploads / slots.maxConcurrentUploads,
    stats.activeDownloads / slots.maxConcurrentDownloads,
  );
  return Math.round(Math.min(1, Math.max(0, load)) * 1000) / 1000;
}

/** How much more than the median a node may carry before new transfers go elsewhere. */
const OVERLOADED_TIMES_MEDIAN = 2;
/** Below this a node counts as idle: twice a negligible load is still negligible. */
const NOTABLE_LOAD = 0.25;

/** A node as placement sees it. */
export interface PlaceableNode {
  readonly id: string;
  readonly state: NodeState;
  /** 0 to 1, see PublicNode. */
  readonly load: number;
  readonly isDiskLow: boolean;
}

/** "Placed there, unless that node drains, is degraded, or has a load of at least 0.25 and twice the median." */
export function placeTransfer(ownNodeId: string, nodes: readonly PlaceableNode[]): string {
  const able = ableNodes(nodes);
  const own = able.find((node) => node.id === ownNodeId);
  const byLoad = [...able].sort((a, b) => a.load - b.load);
  const least = byLoad[0];
  if (least === undefined) return ownNodeId;
  const medianLoad = byLoad[Math.floor((byLoad.length - 1) / 2)]?.load ?? 0;
  const isOverloaded =
    own !== undefined && own.load >= NOTABLE_LOAD && own.load >= OVERLOADED_TIMES_MEDIAN * medianLoad;
  return own === undefined || isOverloaded ? least.id : own.id;
}

/** All are degraded when Redis or the database is away, and then that is no reason; to have no room stays one. */
function ableNodes(nodes: readonly PlaceableNode[]): readonly PlaceableNode[] {
  const healthy = nodes.filter((node) => node.state === 'healthy');
  if (healthy.length > 0) return healthy;
  const degraded = nodes.filter((node) => node.state === 'degraded');
  const roomy = degraded.filter((node) => !node.isDiskLow);
  return roomy.length > 0 ? roomy : degraded;
}
