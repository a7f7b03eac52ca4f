import { loadOf } from '../cluster/membership.ts';
import type { TransferActivity } from '../contracts/operator.ts';
import type { OperatorProof } from '../gateway/ports.ts';
import { randomId } from '../kernel/ids.ts';
import { createPrismaOperatorTokenStore } from '../operator/adapters/prisma-operator-token-store.ts';
import { createPrismaShownTransfers } from '../operator/adapters/prisma-shown-transfers.ts';
import { EventRing } from '../operator/event-ring.ts';
import { eventOfBack, eventOfGone, type NodeSeen } from '../operator/events.ts';
import type { FlowMeter } from '../operator/flow-meter.ts';
import { Lookout } from '../operator/lookout.ts';
import { type OperatorServiceDeps, operatorService } from '../operator/operator.service.ts';
import { OperatorTokens, SIGNED_IN_SECONDS } from '../operator/operator-tokens.ts';
import { createPrismaSampleRepository } from '../stats/adapters/prisma-sample-repository.ts';
import { historyOf, historyWindow } from '../stats/traffic-history.ts';
import type { composeSelf } from './compose-self.ts';
import { type NodeCore, nodesWith } from './node-core.ts';

const RUN_ID_LENGTH = 8;
/** This very process answers. */
const TRAFFIC_MS = 1_000;
/** A step of the history takes ten seconds. */
const HISTORY_KEPT_MS = 2_000;

export interface OperatorParts {
  readonly self: Pick<ReturnType<typeof composeSelf>, 'monitor' | 'leadership'>;
  readonly flows: FlowMeter;
  readonly transfers: () => readonly TransferActivity[];
  readonly scrub: OperatorServiceDeps['scrub'];
  readonly reaches: OperatorServiceDeps['reaches'];
  readonly holds: OperatorServiceDeps['holds'];
  readonly giveUp: OperatorServiceDeps['giveUp'];
  readonly version: string;
}

/** What this node shows an operator, and how an operator is authenticated. */
export function composeOperator(core: NodeCore, parts: OperatorParts) {
  const { flows, scrub, reaches, holds, giveUp } = parts;
  const tokens = new OperatorTokens(createPrismaOperatorTokenStore(core.database), core.secret, core.clock);
  const events = new EventRing(randomId(RUN_ID_LENGTH));
  const lookout = lookoutOf(core, parts, events);
  watchNodes(core, events);
  const proof: OperatorProof = {
    isToken: (token) => tokens.isToken(token),
    seal: () => tokens.seal(),
    isSealed: (seal) => tokens.isSealed(seal),
    signOut: async (seal) => {
      // As with a new token: others would find out within a second.
      if (await tokens.signOut(seal)) core.broadcast('operator.signed.out', {});
    },
    sealedSeconds: SIGNED_IN_SECONDS,
  };
  return {
    proof,
    tokens,
    renewToken: async () => {
      const token = await tokens.renew();
      // Others would find out within a second; one that does not reach the database hears it here.
      core.broadcast('operator.token.renewed', {});
      return token;
    },
    service: () =>
      operatorService({
        lookout,
        events,
        flows,
        tokens,
        scrub,
        reaches,
        holds,
        giveUp,
        clock: core.clock,
        onFault: (fault) => core.onFault('operator', fault),
      }),
  };
}

/** What this node knows of itself, and how it asks the others for the same. */
function lookoutOf(core: NodeCore, { self, flows, transfers, version }: OperatorParts, events: EventRing): Lookout {
  const { config, nodeId, broker, call } = core;
  return new Lookout(
    {
      nodeId,
      clusterId: core.clusterId,
      mode: config.isCluster ? 'cluster' : 'embedded',
      publicUrl: config.node.publicUrl,
      version,
      clock: core.clock,
      health: () => self.monitor.health(),
      traffic: () => call('stats.node', {}, { nodeId, timeoutMs: TRAFFIC_MS }),
      loadOf: (health, stats) => (stats === null ? health.eventLoopUse : loadOf({ health, stats }, config.limits)),
      flows: () => flows.flows(),
      transfers,
      lease: () => {
        const lease = self.leadership.current();
        return lease === null ? null : { nodeId: lease.holderNodeId, epoch: lease.epoch };
      },
      nodeIds: () => nodesWith(broker, 'operator'),
      ask: (asked, eventsAfter, timeoutMs) => call('operator.node', { eventsAfter }, { nodeId: asked, timeoutMs }),
      rows: () => core.clusterRepository.listNodes(),
      shown: createPrismaShownTransfers(core.database),
      history: historyReader(core),
    },
    events,
  );
}

/** What Moleculer's registry knows of a node; a part of its Node. */
interface RegistryNode {
  readonly id: string;
  readonly instanceID: string | null;
  readonly services: readonly { readonly name?: string }[];
}

/** Nodes that come back and nodes that are missed, as this one sees it. A console is none. */
function watchNodes({ broker, clock }: NodeCore, events: EventRing): void {
  const isKnown = (id: string) => events.has(id);
  const now = () => new Date(clock.now()).toISOString();
  const onNode = (act: (node: NodeSeen, isUnexpected: boolean) => void) => (said: unknown) => {
    const { node, unexpected } = said as { node: RegistryNode; unexpected?: boolean };
    if (node.instanceID === null || !node.services.some(({ name }) => name === 'operator')) return;
    act({ nodeId: node.id, instanceId: node.instanceID }, unexpected === true);
  };
  broker.localBus.on(
    '$node.disconnected',
    onNode((node, isUnexpected) => events.add(eventOfGone(node, isUnexpected, now(), isKnown))),
  );
  broker.localBus.on(
    '$node.connected',
    onNode((node) => {
      const event = eventOfBack(node, now(), isKnown);
      if (event !== null) events.add(event);
    }),
  );
}

function historyReader({ database, clock }: NodeCore) {
  const samples = createPrismaSampleRepository(database);
  const read = async () => {
    const { fromMs, toMs } = historyWindow(clock.now());
    return historyOf(await samples.between(fromMs, toMs), toMs);
  };
  let last: { readonly found: ReturnType<typeof read>; readonly atMs: number } | null = null;
  return () => {
    const atMs = performance.now();
    if (last === null || atMs - last.atMs >= HISTORY_KEPT_MS) last = { found: read(), atMs };
    return last.found;
  };
}
