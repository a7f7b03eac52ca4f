import type { Events } from '../contracts/actions.ts';
import type { NodeState, PublicNode } from '../contracts/http.ts';
import { MAX_NODES } from '../contracts/limits.ts';
import type { PlaceableNode } from './membership.ts';
import type { NodeRow } from './ports.ts';

export type NodeReport = Events['node.reported'];

/** Three reports may be lost, or a node may think for three seconds, before it is taken to be away. */
export const REPORT_KEPT_MS = 3_500;

/**
 * What this node knows of the others: their reports of the last seconds, and the rows of those that are silent. Asking
 * it costs nothing, however often browsers do.
 */
export class ClusterView {
  readonly #heard = new Map<string, { report: NodeReport; atMs: number }>();
  #rows: readonly NodeRow[] = [];

  /** A node said how it is. True when it has just come into service: it may not know yet who else is here. */
  hear(report: NodeReport, nowMs: number): boolean {
    const before = this.#heard.get(report.nodeId)?.report.state;
    if (before === undefined && this.#heard.size >= MAX_NODES) this.#dropSilent(nowMs);
    if (before === undefined && this.#heard.size >= MAX_NODES) return false;
    this.#heard.set(report.nodeId, { report, atMs: nowMs });
    return !isInService(before) && isInService(report.state);
  }

  /** A node changed its state, which it says sooner than its next report. True as for `hear`. */
  changeState(nodeId: string, state: NodeState): boolean {
    const known = this.#heard.get(nodeId);
    if (known === undefined) return false;
    const before = known.report.state;
    known.report = { ...known.report, state };
    return !isInService(before) && isInService(state);
  }

  /** Rows of the database: nodes that were here lately and do not report are shown as gone. */
  learnRows(rows: readonly NodeRow[]): void {
    this.#rows = rows.slice(0, MAX_NODES);
  }

  /** Every node by its id. One that does not report has left until it does. */
  nodes(nowMs: number, leaderNodeId: string | null): readonly PublicNode[] {
    this.#dropSilent(nowMs);
    const shown = new Map<string, PublicNode>();
    for (const { id, publicUrl } of this.#rows) {
      shown.set(id, { id, publicUrl, state: 'left', isLeader: false, load: 0 });
    }
    for (const { report } of this.#heard.values()) {
      const { nodeId: id, publicUrl, state, load } = report;
      shown.set(id, { id, publicUrl, state, isLeader: id === leaderNodeId && state !== 'left', load });
    }
    return [...shown.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  /** Those that report, by id: where a transfer may be placed. */
  placeable(nowMs: number): readonly PlaceableNode[] {
    this.#dropSilent(nowMs);
    const found = [...this.#heard.values()].map(({ report: { nodeId: id, state, load, isDiskLow } }) => ({
      id,
      state,
      load,
      isDiskLow,
    }));
    return found.sort((a, b) => (a.id < b.id ? -1 : 1));
  }

  #dropSilent(nowMs: number): void {
    for (const [nodeId, { atMs }] of this.#heard) {
      if (nowMs - atMs > REPORT_KEPT_MS) this.#heard.delete(nodeId);
    }
  }
}

function isInService(state: NodeState | undefined): boolean {
  return state !== undefined && state !== 'joining' && state !== 'left';
}
