import type { ServiceBroker, ServiceSchema } from 'moleculer';
import { tellServices } from '../bus/tell-services.ts';
import type { ServiceName } from '../config.ts';
import { createGateway } from '../gateway/gateway.service.ts';
import type { Operations } from '../gateway/ports.ts';
import { createTickets } from '../gateway/tickets.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { listenOn } from '../listen.ts';
import { nodeService } from '../node/node.service.ts';
import { FlowMeter } from '../operator/flow-meter.ts';
import { type GiveUpPorts, giveUp } from '../operator/give-up.ts';
import type { OperatorPorts } from '../repl/operator-server.ts';
import type { Metrics } from '../stats/adapters/prometheus.ts';
import { DirectMeter } from '../stats/direct-meter.ts';
import { TrafficMeter } from '../stats/traffic-meter.ts';
import { readRelease, versionResponse } from '../version.ts';
import { composeDrain, stopNode } from './compose-drain.ts';
import { composeEdge } from './compose-edge.ts';
import { composeOperator } from './compose-operator.ts';
import { clusterOf, composeSelf, presenceOf, sessionOf, statsOf } from './compose-self.ts';
import { composeTransfers } from './compose-transfers.ts';
import { assertNoTwin, type Foundation, type NodeCore, nodesWith, type Phase, prepare } from './node-core.ts';

const OPERATOR_CALL_MS = 5_000;
/** A wrong secret is no matter of seconds, and is there from the start. */
const LOOK_AT_SECRETS_EVERY_MS = 5_000;

export interface ComposedNode {
  readonly broker: ServiceBroker;
  readonly version: string;
  /** The operator's token when this start made it, to be shown this once; else null. */
  readonly madeToken: string | null;
  /** For the operator's commands. */
  readonly operator: OperatorPorts;
  /** Resolves to the port. Everything is up by then: the first /readyz is a 200. */
  listen(): Promise<number>;
  /**
   * Refuses new work, lets streams end, stops the services. Resolves at most shortly after `deadlineMs`, to the
   * number of transfers whose only copy stays in this slot; null when the database cannot tell, or not in time.
   */
  drain(deadlineMs: number): Promise<number | null>;
}

/** Builds every adapter and service of this node and starts them. */
export async function composeNode(foundation: Foundation): Promise<ComposedNode> {
  const { config } = foundation;
  const core = await prepare(foundation);
  const { broker } = core;
  const phase: Phase = { isServing: false, port: config.port };
  const meter = new TrafficMeter(core.clock);
  const directMeter = new DirectMeter();
  const edge = composeEdge(core, phase);
  const flows = new FlowMeter(core.nodeId, core.clock);
  const transfers = composeTransfers(core, edge.ports, meter, flows.add, directMeter);
  if (config.isCluster) await assertNoTwin(core, transfers.reaches);
  const self = composeSelf(core, transfers.dataPlane, meter, directMeter, transfers.mendingCounts);
  const release = readRelease(config.rootDirectory);
  const operator = composeOperator(core, {
    self,
    flows,
    transfers: transfers.transferActivity,
    scrub: transfers.scrub,
    reaches: transfers.reaches,
    holds: transfers.holds,
    giveUp: transfers.giveUp,
    version: release.version,
  });
  const gateway = createGateway({
    ...edge,
    call: core.call,
    clock: core.clock,
    log: core.log,
    tickets: createTickets(core.secret, () => core.clock.now()),
    dataPlane: transfers.dataPlane,
    people: self.presence,
    isRevoked: self.sessions.isRevoked,
    operations: operationsOf(core, phase, self.metrics, release),
    metrics: self.metrics,
    operator: operator.proof,
    isForPeersOnly: !config.services.includes('gateway'),
  });

  const drain = composeDrain(core, phase, { self, transfers });
  const schemas = {
    session: () => sessionOf(core, self),
    node: () => nodeService({ monitor: self.monitor, drain, onFault: (fault) => core.onFault('health', fault) }),
    stats: () => statsOf(core, transfers.dataPlane, meter, () => gateway.socketCount()),
    cluster: () => clusterOf(core, self),
    transfer: () => transfers.service(() => self.leadership.term()),
    gateway: () => gateway.schema,
  } satisfies Record<ServiceName, () => ServiceSchema>;
  // Whatever this process serves: who is asked about people has read of them.
  broker.createService(presenceOf(core, self));
  // Whatever this process serves: an operator is told of every node, by any node.
  broker.createService(operator.service());
  for (const name of config.services) broker.createService(schemas[name]());
  await Promise.all([broker.start(), edge.pages.loaded]);
  await tellServices(broker);
  const secrets = config.isCluster ? await watchSecrets(core) : null;
  // Not before: until then the bus is rightly found to be away.
  await self.monitor.look();
  const madeToken = await operator.tokens.establish(config.adminToken);

  return {
    broker,
    version: release.version,
    madeToken,
    operator: operatorPortsOf(core, operator.renewToken, transfers.giveUp),
    async listen() {
      self.monitor.enter('serving');
      phase.isServing = true;
      // Other nodes reach what is stored here on the same port.
      if (config.isCluster || config.services.includes('gateway'))
        phase.port = await listenOn(gateway.server, config.port, (fault) => core.onFault('accept', fault));
      return phase.port;
    },
    drain: (deadlineMs) => {
      // Not awaited: the database may be away.
      void secrets?.stop();
      return stopNode(core, deadlineMs, { drain, server: gateway.server, self, transfers });
    },
  };
}

/** For the operator's commands: any node answers for all. */
function operatorPortsOf(
  { broker, call, clusterRepository }: NodeCore,
  renewToken: OperatorPorts['renewToken'],
  giveUpPorts: GiveUpPorts,
): OperatorPorts {
  return {
    nodeIds: () => nodesWith(broker, 'node'),
    renewToken,
    drain: (nodeId) => call('node.drain', {}, { nodeId, timeoutMs: OPERATOR_CALL_MS }),
    knownNodeIds: async () => (await clusterRepository.listNodes()).map(({ id }) => id),
    giveUp: (nodeId, isConfirmed) => giveUp(giveUpPorts, nodeId, isConfirmed),
  };
}

/** Looks once, before anybody asks whether the node is ready, and from then on. */
async function watchSecrets({ secretWatch, onFault }: NodeCore): Promise<Loop> {
  const onLookFault = (fault: unknown) => onFault('compare secrets', fault);
  await secretWatch.look().catch(onLookFault);
  return startLoop(LOOK_AT_SECRETS_EVERY_MS, () => secretWatch.look(), onLookFault);
}

function operationsOf(
  { config, database, netIo, secretWatch }: NodeCore,
  phase: Phase,
  metrics: Metrics,
  release: ReturnType<typeof readRelease>,
): Operations {
  return {
    readiness: async () => {
      const parts = {
        services: phase.isServing,
        database: await database.isUp(),
        ...(config.isCluster ? { secret: secretWatch.isShared } : {}),
      };
      return { isReady: Object.values(parts).every((isUp) => isUp), parts };
    },
    version: () => versionResponse(release, netIo.kernels(), database.kind, config.isCluster ? 'cluster' : 'embedded'),
    metricsText: () => metrics.text(),
  };
}
