import { setTimeout as delay } from 'node:timers/promises';
import type { NodeRow } from '../cluster/ports.ts';
import type { NodeHealth } from '../contracts/http.ts';
import type { Call } from '../define-service.ts';
import type { ReplicaPlacement } from '../transfer/replication/ports.ts';

/** "Attach elsewhere (20 % free disk first)." */
const WANTED_FREE_SHARE = 0.2;
const HEALTH_MS = 1_000;
/** An address changes with a restart of its node only. */
const ADDRESS_KEPT_MS = 2_000;
/** A database that is well answers in a few milliseconds. */
const WAIT_FOR_NEWS_MS = 250;

export interface PlacementDeps {
  /** Nodes that answer the bus and serve transfers. */
  readonly nodeIds: () => readonly string[];
  readonly call: Call;
}

/** Chooses where a copy goes: a healthy node with room, those with 20 % free disk first, the least busy of them. */
export function createPlacement(deps: PlacementDeps): ReplicaPlacement {
  return {
    async choose(exclude) {
      const asked = deps.nodeIds().filter((nodeId) => !exclude.includes(nodeId));
      const answers = await Promise.all(asked.map((nodeId) => healthOf(deps, nodeId)));
      const found = answers.filter((health) => health !== null);
      const well = found.filter(({ state }) => state === 'healthy');
      // All are degraded when Redis is away: a second copy there is better than none.
      const healthy = well.length > 0 ? well : found.filter(({ state }) => state === 'degraded');
      const roomy = healthy.filter((health) => health.diskFreeBytes >= WANTED_FREE_SHARE * health.diskTotalBytes);
      const [best] = (roomy.length > 0 ? roomy : healthy).sort((a, b) => a.eventLoopUse - b.eventLoopUse);
      return best?.nodeId ?? null;
    },
  };
}

function healthOf(deps: PlacementDeps, nodeId: string): Promise<NodeHealth | null> {
  return deps.call('node.health', {}, { nodeId, timeoutMs: HEALTH_MS }).catch(() => null);
}

export interface NodeAddresses {
  /** For other nodes; null when nobody knows it. */
  peerUrl(nodeId: string): Promise<string | null>;
  /** For browsers; null when they may not go there. */
  publicUrl(nodeId: string): Promise<string | null>;
}

/**
 * Addresses of the nodes table, kept for two seconds; while the database is away or slow, the last ones: who asks for an
 * address wants to know whether a node lives, and must not find out that the database does not.
 */
export function nodeAddresses(
  repository: { listNodes(): Promise<readonly NodeRow[]> },
  { keptMs = ADDRESS_KEPT_MS } = {},
): NodeAddresses {
  let known = new Map<string, NodeRow>();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  const read = async () => {
    const rows = await repository.listNodes();
    known = new Map(rows.map((row) => [row.id, row]));
  };
  const find = async (nodeId: string): Promise<NodeRow | undefined> => {
    if (performance.now() - lookedAtMs > keptMs || !known.has(nodeId)) {
      reading ??= read()
        .catch(() => {})
        .finally(() => {
          lookedAtMs = performance.now();
          reading = null;
        });
      const late = new AbortController();
      const waited = known.has(nodeId)
        ? [reading, delay(WAIT_FOR_NEWS_MS, undefined, { signal: late.signal }).catch(() => {})]
        : [reading];
      await Promise.race(waited).finally(() => late.abort());
    }
    return known.get(nodeId);
  };
  return {
    peerUrl: async (nodeId) => (await find(nodeId))?.peerUrl ?? null,
    publicUrl: async (nodeId) => (await find(nodeId))?.publicUrl ?? null,
  };
}
