import type { ServiceSchema } from 'moleculer';
import type { NodeState } from '../contracts/http.ts';
import { type Broadcast, type Call, defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { ClusterView, type NodeReport } from './cluster-view.ts';
import { LEASE_RENEW_MS, type Leadership } from './leadership.ts';
import { loadOf, placeTransfer, type SlotLimits } from './membership.ts';
import type { ClusterRepository, NodeRow } from './ports.ts';

/** "A node not seen so long is forgotten" is counted in minutes, so a row a few seconds old is fresh enough. */
const ANNOUNCE_EVERY_MS = 10_000;
/** As fresh as browsers need it; one small packet a node and second. */
const REPORT_EVERY_MS = 1_000;
/** This very process answers: what takes longer than this is not worth telling. */
const REPORT_TIMEOUT_MS = 1_000;
const ROWS_EVERY_MS = 2_000;

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
  const view = new ClusterView();
  const nodes = () => view.nodes(performance.now(), leadership.current()?.holderNodeId ?? null);

  return defineService({
    name: 'cluster',
    actions: {
      nodes: () => ({ clusterId: deps.clusterId, epoch: leadership.current()?.epoch ?? 0, nodes: nodes() }),
      place: () => ({ nodeId: placeTransfer(self.id, nodes()) }),
    },
    events: {
      'node.reported': (ctx) => view.hear(ctx.params, performance.now()),
      'node.state.changed': async (ctx) => {
        view.changeState(ctx.params.nodeId, ctx.params.state);
        if (ctx.params.nodeId !== self.id) return;
        state = ctx.params.state;
        void report(deps);
        await announce().catch((fault: unknown) => deps.onFault('announce', fault));
      },
    },
    async started() {
      loops.push(
        startLoop(ANNOUNCE_EVERY_MS, announce, (fault) => deps.onFault('announce', fault)),
        startLoop(
          REPORT_EVERY_MS,
          () => report(deps),
          (fault) => deps.onFault('report', fault),
        ),
        startLoop(
          ROWS_EVERY_MS,
          async () => view.learnRows(await repository.listNodes()),
          (fault) => deps.onFault('list nodes', fault),
        ),
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
      deps.broadcast('node.reported', { nodeId: self.id, publicUrl: self.publicUrl, state, load: 0 });
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

/** "All that browsers are told of it": said by the node itself, which knows its own limits best. */
async function report(deps: ClusterServiceDeps): Promise<void> {
  const own = await ownReport(deps);
  if (own !== null) deps.broadcast('node.reported', own);
}

/** Null while the services that know are not up. */
async function ownReport({ call, self, slots }: ClusterServiceDeps): Promise<NodeReport | null> {
  const options = { timeoutMs: REPORT_TIMEOUT_MS, nodeId: self.id };
  try {
    const [health, stats] = await Promise.all([call('node.health', {}, options), call('stats.node', {}, options)]);
    return {
      nodeId: self.id,
      publicUrl: self.publicUrl,
      state: health.state,
      load: loadOf({ health, stats }, slots),
    };
  } catch {
    return null;
  }
}
