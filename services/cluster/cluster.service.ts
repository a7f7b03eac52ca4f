import type { ServiceSchema } from 'moleculer';
import type { Logger } from 'pino';
import type { NodeState } from '../contracts/http.ts';
import { type Broadcast, type Call, defineService } from '../define-service.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { UnbrokenWatch } from '../kernel/unbroken-watch.ts';
import { ClusterView, type NodeReport } from './cluster-view.ts';
import { CLUSTER_LEASE, type Leadership, LONE_LEASE } from './leadership.ts';
import { loadOf, placeTransfer, type SlotLimits } from './membership.ts';
import type { ClusterRepository, LeaderHints, OwnNodeRow } from './ports.ts';

/** How often a node queries the database on its own account. */
export interface ClusterPace {
  readonly announceEveryMs: number;
  readonly rowsEveryMs: number;
  /** See LeaseTimes. */
  readonly leaseEveryMs: number;
  readonly dutiesEveryMs: number;
}
/** "A node not seen so long is forgotten" is counted in minutes, so a row a few seconds old is fresh enough. */
export const CLUSTER_PACE: ClusterPace = {
  announceEveryMs: 10_000,
  rowsEveryMs: 2_000,
  leaseEveryMs: CLUSTER_LEASE.renewMs,
  dutiesEveryMs: 5_000,
};
/** Of a node whose database nobody else can open: nobody comes, goes or takes the lead, and each statement costs it milliseconds. */
export const LONE_PACE: ClusterPace = {
  announceEveryMs: 20_000,
  rowsEveryMs: 20_000,
  leaseEveryMs: LONE_LEASE.renewMs,
  dutiesEveryMs: 20_000,
};
/** As fresh as browsers need it, at one small packet per node and second. */
const REPORT_EVERY_MS = 1_000;
/** This very process answers: what takes longer than this is not worth telling. */
const REPORT_TIMEOUT_MS = 1_000;
/** Two reads of the rows that are later than planned by more than this say nothing about who was alive in between. */
const LONGEST_DELAY_MS = 8_000;

/** Rows are renewed every ten seconds: two were missed. */
const GONE_AFTER_SECONDS = 30;

/** A piece of work that exactly one node does at a time. */
export interface LeaderDuty {
  readonly name: string;
  /** Each statement carries the term, so that a leader that was replaced without noticing changes nothing. Resolves to how much was done. */
  run(term: LeaderTerm): Promise<number>;
}

export interface ClusterServiceDeps {
  readonly clusterId: string;
  readonly self: Omit<OwnNodeRow, 'state'>;
  readonly repository: ClusterRepository;
  readonly leadership: Leadership;
  /** Null: one node. */
  readonly hints: LeaderHints | null;
  readonly pace: ClusterPace;
  readonly duties: readonly LeaderDuty[];
  readonly slots: SlotLimits;
  readonly forgetAfterSeconds: number;
  readonly call: Call;
  readonly broadcast: Broadcast;
  readonly onFault: (what: string, fault: unknown) => void;
  readonly log: Logger;
}

/** Who is here, who leads, and where a new transfer belongs. */
export function clusterService(deps: ClusterServiceDeps): ServiceSchema {
  const { repository, leadership, self, onFault } = deps;
  let loops: readonly Loop[] = [];
  let state: NodeState = 'joining';
  /** The node service has spoken: whoever is asked before answers nothing, and the broker warns of each question. */
  let hasSpoken = false;
  const announce = () => repository.announce({ ...self, state });
  const view = new ClusterView();
  /** Until everybody's next report a newcomer would show the others as gone, and choose none of them. */
  const greet = (nodeId: string) => {
    if (nodeId !== self.id && hasSpoken) void report(deps);
  };
  const nodes = () => view.nodes(performance.now(), leadership.current()?.holderNodeId ?? null);

  return defineService({
    name: 'cluster',
    actions: {
      nodes: () => ({ clusterId: deps.clusterId, epoch: leadership.current()?.epoch ?? 0, nodes: nodes() }),
      place: () => ({ nodeId: placeTransfer(self.id, view.placeable(performance.now())) }),
    },
    events: {
      'node.reported': (ctx) => {
        if (view.hear(ctx.params, performance.now())) greet(ctx.params.nodeId);
      },
      'node.state.changed': async (ctx) => {
        if (view.changeState(ctx.params.nodeId, ctx.params.state)) greet(ctx.params.nodeId);
        if (ctx.params.nodeId !== self.id) return;
        state = ctx.params.state;
        hasSpoken = true;
        void report(deps);
        // Whoever takes over begins now, not when this node is gone.
        if (state === 'draining') await resign(deps).catch((fault: unknown) => onFault('resign', fault));
        await announce().catch((fault: unknown) => onFault('announce', fault));
      },
    },
    async started() {
      deps.hints?.listen(
        () => void tellOfChange(deps, leadership.hear()).catch((fault: unknown) => onFault('lease', fault)),
      );
      loops = startLoops(deps, view, announce, async () => {
        if (hasSpoken) await report(deps);
      });
    },
    async stopped() {
      await Promise.all(loops.map((loop) => loop.stop()));
      state = 'left';
      deps.broadcast('node.reported', {
        nodeId: self.id,
        publicUrl: self.publicUrl,
        state,
        load: 0,
        isDiskLow: false,
      });
      // The database may be gone already; the lease then runs out by itself.
      await Promise.allSettled([resign(deps), announce()]);
    },
  });
}

/** What a node does for the cluster again and again, each at its own pace. */
function startLoops(
  deps: ClusterServiceDeps,
  view: ClusterView,
  announce: () => Promise<void>,
  reportState: () => Promise<void>,
): readonly Loop[] {
  const { repository, leadership, pace } = deps;
  const watch = new UnbrokenWatch(pace.rowsEveryMs + LONGEST_DELAY_MS);
  const readRows = async () => {
    view.learnRows(await repository.listNodes());
    watch.saw(performance.now());
  };
  const every = (everyMs: number, what: string, act: () => Promise<void>) =>
    startLoop(everyMs, act, (fault) => deps.onFault(what, fault));
  return [
    every(pace.announceEveryMs, 'announce', announce),
    every(REPORT_EVERY_MS, 'report', reportState),
    every(pace.rowsEveryMs, 'list nodes', readRows),
    every(pace.leaseEveryMs, 'lease', () => tellOfChange(deps, leadership.tick())),
    every(pace.dutiesEveryMs, 'duties', () => doDuties(deps, watch)),
  ];
}

async function tellOfChange(
  { broadcast, hints, self, log }: ClusterServiceDeps,
  looking: ReturnType<Leadership['tick']>,
): Promise<void> {
  const change = await looking;
  if (change === null) return;
  broadcast('cluster.leader.changed', change);
  if (change.nodeId !== self.id) return;
  log.info({ epoch: change.epoch }, 'this node leads');
  hints?.tell();
}

async function resign({ leadership, hints }: ClusterServiceDeps): Promise<void> {
  await leadership.resign();
  hints?.tell();
}

async function doDuties(deps: ClusterServiceDeps, watch: UnbrokenWatch): Promise<void> {
  const { leadership, repository, forgetAfterSeconds } = deps;
  // After an outage of the database, or of the whole site, everybody's row is old; a node that is forgotten is not asked for
  // the copies it may have.
  const couldBeSeen = () => watch.durationMs(performance.now()) >= forgetAfterSeconds * 1000;
  const own: readonly LeaderDuty[] = [
    { name: 'mark nodes gone', run: (term) => repository.markGone(GONE_AFTER_SECONDS, term) },
    {
      name: 'forget nodes',
      run: async (term) => (couldBeSeen() ? repository.forgetNodes(forgetAfterSeconds, term) : 0),
    },
  ];
  for (const duty of [...deps.duties, ...own]) {
    // Asked before each one: the lease may have run out during the last.
    const term = leadership.term();
    if (term === null) return;
    try {
      const count = await duty.run(term);
      if (count > 0) deps.log.info({ duty: duty.name, epoch: term.epoch, count }, 'the leader acted');
    } catch (fault) {
      deps.onFault(duty.name, fault);
    }
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
      isDiskLow: health.reasons.some(({ what }) => what === 'low_disk'),
    };
  } catch {
    return null;
  }
}
