import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './ports.ts';
import { startPostgres, type TestPostgres } from './postgres.ts';
import { startRedis, type TestRedis } from './redis.ts';
import { type ServerOptions, startServer, type TestServer } from './server.ts';
import { waitFor } from './waiting.ts';

const SECRET = 'a secret for the nodes of one test only';
const TOGETHER_DEADLINE_MS = 30_000;
/** Of the nodes in the order of their first start, where clocks are wrong: right, far ahead, far behind. */
const WRONG_BY_MS = [0, 90_000, -90_000];

export interface ClusterOptions {
  readonly nodes: number;
  /** For every node. */
  readonly env?: ServerOptions['env'];
  /** For the node of this number, counted from 0 in the order of their first start. */
  readonly own?: (index: number) => NodeOptions;
  /** An own server, for tests that freeze or kill it; without, the clusters of a test file share one. */
  readonly postgres?: TestPostgres;
  readonly redis?: TestRedis;
  readonly isPageNeeded?: boolean;
  /** The second node's wall clock is 90 s ahead and the third's 90 s behind, also when they are started again. */
  readonly areClocksWrong?: boolean;
}

export type NodeOptions = Pick<
  ServerOptions,
  'env' | 'dataDirectory' | 'port' | 'host' | 'launcher' | 'root' | 'readyDeadlineMs'
>;

/** Nodes of one cluster: real processes with one PostgreSQL and one Redis. */
export interface TestCluster {
  readonly redis: TestRedis;
  readonly databaseUrl: string;
  readonly nodes: readonly TestServer[];
  /** Starts another node; or one again on the data directory and port of a stopped one. */
  start(options?: NodeOptions): Promise<TestServer>;
  /** Waits until every running node sees exactly these nodes as healthy. */
  settled(nodes?: readonly TestServer[]): Promise<void>;
}

interface SeenNode {
  readonly id: string;
  readonly state: string;
}

let shared: Promise<TestPostgres> | undefined;

function sharedPostgres(): Promise<TestPostgres> {
  shared ??= startPostgres();
  return shared;
}

/** Starts the nodes and waits until each sees all of them. */
export async function startCluster(options: ClusterOptions): Promise<TestCluster> {
  const [postgres, redis] = await Promise.all([options.postgres ?? sharedPostgres(), options.redis ?? startRedis()]);
  const databaseUrl = await postgres.createDatabase();
  const nodes: TestServer[] = [];
  const clocks = options.areClocksWrong === true ? new Clocks() : null;
  const launch = async (own: NodeOptions = {}) => {
    const clock = clocks?.of(own.dataDirectory) ?? {};
    const port = own.port ?? (await freePort());
    const server = await startServer({
      ...own,
      port,
      isPageNeeded: options.isPageNeeded ?? false,
      env: {
        DATABASE_URL: databaseUrl,
        REDIS_HOST: redis.host,
        REDIS_PORT: String(redis.port),
        USE_CLUSTER: 'true',
        CLUSTER_SECRET: SECRET,
        NODE_HOSTNAME: '127.0.0.1',
        ...clock,
        ...options.env,
        ...own.env,
      },
    });
    clocks?.stay(server.dataDirectory, clock);
    return server;
  };
  const cluster: TestCluster = {
    redis,
    databaseUrl,
    nodes,
    async start(own) {
      const server = await launch(own);
      nodes.push(server);
      return server;
    },
    async settled(wanted = nodes.filter((node) => node.process.isRunning())) {
      await waitFor(`${wanted.length} nodes see each other`, TOGETHER_DEADLINE_MS, async () => {
        const views = await Promise.all(wanted.map((node) => nodesSeenAt(node)));
        if (views.every((seen) => idsOfHealthy(seen).length === wanted.length)) return true;
        await delay(100);
        // The cause of the fault, should this be the last look.
        throw new Error(views.map((seen) => seen.map(({ id, state }) => `${id} ${state}`).join(', ')).join('; '));
      });
    },
  };
  // The first one migrates; the others start side by side.
  if (options.nodes > 0) await cluster.start(options.own?.(0));
  const others = Array.from({ length: Math.max(0, options.nodes - 1) }, (_, index) => launch(options.own?.(index + 1)));
  nodes.push(...(await Promise.all(others)));
  await cluster.settled();
  return cluster;
}

/** Wall clocks of machines, as the environment of their nodes; a data directory is a machine's. */
class Clocks {
  readonly #known = new Map<string, Record<string, string>>();
  #count = 0;

  of(dataDirectory: string | undefined): Record<string, string> {
    const known = dataDirectory === undefined ? undefined : this.#known.get(dataDirectory);
    if (known !== undefined) return known;
    const wrongByMs = WRONG_BY_MS[this.#count % WRONG_BY_MS.length] ?? 0;
    this.#count += 1;
    if (wrongByMs === 0) return {};
    const options = `${process.env.NODE_OPTIONS ?? ''} --require="${join(__dirname, 'wrong-clock.cjs')}"`;
    return { NODE_OPTIONS: options.trim(), WRONG_CLOCK_MS: String(wrongByMs) };
  }

  stay(dataDirectory: string, clock: Record<string, string>): void {
    this.#known.set(dataDirectory, clock);
  }
}

/** Ids of the nodes that this node sees as healthy. */
export async function healthyNodes(node: Pick<TestServer, 'url'>): Promise<readonly string[]> {
  return idsOfHealthy(await nodesSeenAt(node));
}

const idsOfHealthy = (nodes: readonly SeenNode[]): readonly string[] =>
  nodes.filter(({ state }) => state === 'healthy').map(({ id }) => id);

async function nodesSeenAt(node: Pick<TestServer, 'url'>): Promise<readonly SeenNode[]> {
  const answer = await fetch(`${node.url}/api/cluster`, { signal: AbortSignal.timeout(5_000) });
  const { nodes } = (await answer.json()) as { nodes: readonly SeenNode[] };
  return nodes;
}
