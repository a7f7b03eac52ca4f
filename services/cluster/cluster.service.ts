import type { ServiceSchema } from 'moleculer';
import type { ClusterResponse, NodeState } from '../contracts/http.ts';
import { type Broadcast, type Call, defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { LEASE_RENEW_MS, type Leadership } from './leadership.ts';
import { type NodeReport, placeTransfer, publicNode, type SlotLimits } from './membership.ts';
import type { ClusterRepository, NodeRow } from './ports.ts';

/** "A node not seen so long is forgotten" is counted in minutes, so a row a few seconds old is fresh enough. */
const ANNOUNCE_EVERY_MS = 10_000;
/** A node that does not answer so fast would not serve a browser well either. */
const REPORT_TIMEOUT_MS = 1_000;

/** A piece of work that exactly one node does at a time. */
export interface LeaderDuty {
  readonly name: string;
  run(epoch: number): Promise<void>;
}

export interface ClusterServiceDeps {
  readonly clusterId: string;
  readonly self: Omit<NodeRow, 'seenAt' | 'state'>;
  readonly repository: ClusterRepository;
  readonly leadership: Leadership;
  readonly duties: readonly LeaderDuty[];
  readonly slots: SlotLimits;
  readonly forgetAfterSeconds: number;
  readonly call: Call;
  readonly broadcast: Broadcast;
  readonly onFault: (what: string, fault: unknown) => void;
}

const DUTIES_EVERY_MS = 5_000;

/** Who is here, who leads, and where a new transfer belongs. */
export function clusterService(deps: ClusterServiceDeps): ServiceSchema {
  const { repository, leadership, self } = deps;
  const loops: Loop[] = [];
  let state: NodeState = 'joining';
  const announce = () => repository.announce({ ...self, state });

  return defineService({
    name: 'cluster',
    actions: {
      nodes: () => describeCluster(deps),
      place: async () => ({ nodeId: placeTransfer(self.id, (await describeCluster(deps)).nodes) }),
    },
    events: {
      'node.state.changed': async (ctx) => {
        if (ctx.params.nodeId !== self.id) return;
        state = ctx.params.state;
        await announce().catch((fault: unknown) => deps.onFault('announce', fault));
      },
    },
    async started() {
      loops.push(
        startLoop(ANNOUNCE_EVERY_MS, announce, (fault) => deps.onFault('announce', fault)),
        startLoop(
          LEASE_RENEW_MS,
          () => renew(deps),
          (fault) => deps.onFault('lease', fault),
        ),
        startLoop(
          DUTIES_EVERY_MS,
          () => doDuties(deps),
          (fault) => deps.onFault('duties', fault),
        ),
      );
    },
    async stopped() {
      await Promise.all(loops.map((loop) => loop.stop()));
      state = 'left';
      // The database may be gone already; the lease then runs out by itself.
      await Promise.allSettled([leadership.resign(), announce()]);
    },
  });
}

async function renew({ leadership, broadcast }: ClusterServiceDeps): Promise<void> {
  const change = await leadership.tick();
  if (change !== null) broadcast('cluster.leader.changed', change);
}

async function doDuties(deps: ClusterServiceDeps): Promise<void> {
  const { leadership, repository } = deps;
  const forget: LeaderDuty = {
    name: 'forget nodes',
    run: async () => void (await repository.forgetNodes(deps.forgetAfterSeconds)),
  };
  for (const duty of [...deps.duties, forget]) {
    const lease = leadership.current();
    // Asked before each one: the lease may have run out during the last.
    if (!leadership.isLeader() || lease === null) return;
    await duty.run(lease.epoch).catch((fault: unknown) => deps.onFault(duty.name, fault));
  }
}

async function describeCluster(deps: ClusterServiceDeps): Promise<ClusterResponse> {
  const rows = await deps.repository.listNodes();
  const lease = deps.leadership.current();
  const nodes = await Promise.all(
    rows.map(async (row) => publicNode(row, await reportOf(deps, row.id), lease?.holderNodeId ?? null, deps.slots)),
  );
  return { clusterId: deps.clusterId, epoch: lease?.epoch ?? 0, nodes };
}

async function reportOf({ call, self }: ClusterServiceDeps, nodeId: string): Promise<NodeReport> {
  const options = { timeoutMs: REPORT_TIMEOUT_MS, ...(nodeId === self.id ? {} : { nodeId }) };
  try {
    const [health, stats] = await Promise.all([call('node.health', {}, options), call('stats.node', {}, options)]);
    return health.nodeId === nodeId ? { health, stats } : null;
  } catch {
    return null;
  }
}
