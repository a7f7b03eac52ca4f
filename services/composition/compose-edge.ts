import type { IncomingMessage } from 'node:http';
import { parseTrustedNetworks } from '../gateway/client-address.ts';
import { ClusterWatch } from '../gateway/cluster-watch.ts';
import { createContextMaker } from '../gateway/edge-context.ts';
import { answerFault } from '../gateway/http-errors.ts';
import { createNetworkFacts } from '../gateway/network-facts.ts';
import { createPages } from '../gateway/pages.ts';
import { createRateLimits, type MakeRateLimiter, memoryRateLimiter } from '../gateway/rate-limit.ts';
import { redisRateLimiter } from '../gateway/redis-rate-limit.ts';
import { arrivalOf, localRoomOf } from '../gateway/rooms.ts';
import { startLoop } from '../kernel/loop.ts';
import type { EdgePorts } from '../transfer/data-plane/data-plane.ts';
import type { NodeCore, Phase } from './node-core.ts';
import { edgeSettings } from './settings.ts';

/** On most nodes it is this very process that answers. */
const CLUSTER_ANSWER_MS = 2_000;
/** How often the number of nodes that share the limits while Redis is down is read: nodes come and go by the minute. */
const NODES_COUNTED_EVERY_MS = 5_000;

/** The part of the edge that the data plane needs before the gateway exists. */
export function composeEdge(core: NodeCore, phase: Phase) {
  const { config, log, call, clusterId, onFault } = core;
  const settings = edgeSettings(config, clusterId);
  const rateLimits = createRateLimits(settings.rateLimits, limiterOf(core));
  const cluster = new ClusterWatch(
    () => call('cluster.nodes', {}, { timeoutMs: CLUSTER_ANSWER_MS }),
    () => performance.now(),
  );
  const { pagesDirectory, isCompressionEnabled } = settings;
  const pages = createPages(pagesDirectory, cluster.origins, (fault) => onFault('pages', fault), isCompressionEnabled);
  const makeContext = createContextMaker({
    settings,
    log,
    port: () => phase.port,
    nodeOrigins: cluster.origins,
    resolveSession: (token, requestId) => call('session.resolve', { token }, { requestId }),
  });
  const ports: EdgePorts = {
    answerFault,
    answerPage: (req, res) => pages.answerIndex(req, res),
    consumeRate: (limit, context, more) => rateLimits.consume(limit, context.addressKey, more),
  };
  const trusted = parseTrustedNetworks(settings.trustedProxies);
  const facts = createNetworkFacts();
  const { site } = config.node;
  let hasWarned = false;
  const localRoom = async (handshake: IncomingMessage) => {
    if (!makeContext(handshake).isPageDoubtful) return localRoomOf(arrivalOf(handshake), trusted, await facts(), site);
    if (!hasWarned) {
      hasWarned = true;
      const { host } = handshake.headers;
      log.warn({ host }, 'whose page has this name sees nobody of their network: if it is yours, set PUBLIC_URL');
    }
    return null;
  };
  return { settings, rateLimits, pages, cluster, makeContext, ports, localRoom };
}

/** One count for all nodes where there is Redis. */
function limiterOf({ redis, clusterId, clusterRepository }: NodeCore): MakeRateLimiter {
  if (redis === null) return memoryRateLimiter;
  let nodeCount = 1;
  // From the rows, since the bus may be away together with Redis; while the database is, the last count stays.
  const count = async () => {
    nodeCount = (await clusterRepository.listNodes()).filter(({ state }) => state !== 'left').length;
  };
  startLoop(NODES_COUNTED_EVERY_MS, count, () => undefined);
  return redisRateLimiter(redis, clusterId, () => nodeCount);
}
