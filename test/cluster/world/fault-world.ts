import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Pool } from 'pg';
import { atEnd } from '../../support/cleanup.ts';
import { type ClusterOptions, type NodeOptions, startCluster, type TestCluster } from '../../support/cluster.ts';
import { type OwnPostgres, startOwnPostgres } from '../../support/postgres.ts';
import type { Exit } from '../../support/processes.ts';
import { startRedis, type TestRedis } from '../../support/redis.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { type Door, NodeRing } from '../clients/node-ring.ts';
import { checkOperations } from '../history/check-operations.ts';
import { checkLeases, checkTransfers } from '../history/check-rows.ts';
import { History } from '../history/operations.ts';
import { type Audit, beginAudit } from './audit.ts';
import type { Bridge } from './namespaces.ts';
import { PLAN } from './plan.ts';
import { type Random, randomOf } from './random.ts';

/** Settings under which no limit of the operator stands in the way of a test. */
const ROOMY = {
  MAX_CONCURRENT_TRANSFERS: '1000',
  MAX_CONCURRENT_UPLOADS: '100',
  MAX_CONCURRENT_DOWNLOADS: '100',
  RATE_LIMIT_UPLOADS_PER_MINUTE: '100000',
  RATE_LIMIT_DOWNLOADS_PER_MINUTE: '100000',
  MAX_FILE_SIZE: '20GiB',
};
const LOG_SHOWN = 6_000;
/** One fault of the product makes a hundred of these. */
const FAULTS_SHOWN = 12;
const IN_SYNC_DEADLINE_MS = 30_000;

export interface WorldNode extends Door {
  /** In rows of the database. */
  readonly id: string;
  /** The process that runs now. */
  server: TestServer;
}

export interface Ownership {
  readonly home: string;
  readonly replica: string | null;
  readonly replicaState: string;
  readonly state: string;
  readonly epoch: number;
}

/** A cluster with what faults need: who is home of what, the means to kill and freeze, a history and its checks. */
export class FaultWorld {
  readonly cluster: TestCluster;
  readonly postgres: OwnPostgres;
  readonly redis: TestRedis;
  readonly nodes: WorldNode[] = [];
  readonly history = new History();
  readonly random: Random;
  readonly audit: Audit;
  readonly pool: Pool;
  /** Where nodes in namespaces reach PostgreSQL and Redis: at the bridge's host. */
  readonly ports: { readonly database: number; readonly redis: number };
  readonly #own: (index: number) => NodeOptions;
  readonly #cookies = new Map<string, string>();
  /** Processes that the test ended. */
  readonly #ended = new Set<TestServer>();

  constructor(
    parts: Pick<FaultWorld, 'cluster' | 'postgres' | 'redis' | 'random' | 'audit' | 'pool' | 'ports'> & {
      readonly own: (index: number) => NodeOptions;
    },
  ) {
    this.cluster = parts.cluster;
    this.postgres = parts.postgres;
    this.redis = parts.redis;
    this.random = parts.random;
    this.audit = parts.audit;
    this.pool = parts.pool;
    this.ports = parts.ports;
    this.#own = parts.own;
    for (const server of parts.cluster.nodes) this.#adopt(server);
  }

  #adopt(server: TestServer): WorldNode {
    const file = readFileSync(join(server.dataDirectory, 'node-0', 'node.json'), 'utf8');
    const { nodeId } = JSON.parse(file) as { nodeId: string };
    const node = { name: `node-${this.nodes.length + 1}`, url: server.url, id: nodeId, server };
    this.nodes.push(node);
    return node;
  }

  /** Another node; waits until all see it. */
  async grow(): Promise<WorldNode> {
    const node = this.#adopt(await this.cluster.start(this.#own(this.nodes.length)));
    await this.settled();
    return node;
  }

  byId(nodeId: string | null): WorldNode {
    const node = this.nodes.find(({ id }) => id === nodeId);
    if (node === undefined) throw new Error(`no node ${nodeId ?? 'without a name'} here`);
    return node;
  }

  running(): WorldNode[] {
    return this.nodes.filter(({ server }) => server.process.isRunning());
  }

  others(...than: readonly WorldNode[]): WorldNode[] {
    return this.running().filter((node) => !than.includes(node));
  }

  /** The nodes as a client sees them that begins with `first`. Dead ones stay in its list: it cannot know. */
  ring(first: WorldNode): NodeRing {
    return new NodeRing(() => this.nodes, first);
  }

  async ownership(transferId: string): Promise<Ownership> {
    const { rows } = await this.pool.query<Ownership>(
      `SELECT home_node_id AS home, replica_node_id AS replica, replica_state AS "replicaState", state, epoch
       FROM transfers WHERE id = $1`,
      [transferId],
    );
    const [row] = rows;
    if (row === undefined) throw new Error(`no transfer ${transferId}`);
    return row;
  }

  /** Waits until these transfers have a second copy of everything. */
  async inSync(...transferIds: readonly string[]): Promise<void> {
    for (const id of transferIds) {
      await waitFor(`transfer ${id} has an in-sync replica`, IN_SYNC_DEADLINE_MS, async () => {
        return (await this.ownership(id)).replicaState === 'in_sync';
      });
    }
  }

  /** Who holds the leader's lease now. */
  async leader(): Promise<{ readonly node: WorldNode; readonly epoch: number }> {
    return await waitFor('somebody leads', IN_SYNC_DEADLINE_MS, async () => {
      const { rows } = await this.pool.query<{ id: string; epoch: number }>(
        'SELECT holder_node_id AS id, epoch FROM leader_lease WHERE expires_at > now()',
      );
      return rows[0] === undefined ? null : { node: this.byId(rows[0].id), epoch: rows[0].epoch };
    });
  }

  /** A session's Cookie header, made at that node and good at every one. */
  async cookie(name: string): Promise<string> {
    const known = this.#cookies.get(name);
    if (known !== undefined) return known;
    const [node] = this.running();
    const answer = await fetch(`${node?.url}/api/session`, {
      method: 'POST',
      headers: { origin: node?.url ?? '', 'content-type': 'application/json' },
      body: '{}',
    });
    const cookie = (answer.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
    if (!answer.ok || cookie === '') throw new Error(`no session: ${answer.status} ${await answer.text()}`);
    this.#cookies.set(name, cookie);
    return cookie;
  }

  async kill(node: WorldNode): Promise<void> {
    this.#ended.add(node.server);
    await node.server.kill9();
  }

  /** SIGTERM; resolves when the drain has ended. */
  async stop(node: WorldNode): Promise<Exit> {
    this.#ended.add(node.server);
    return await node.server.stop();
  }

  freeze(node: WorldNode): void {
    node.server.process.signal('SIGSTOP');
  }

  thaw(node: WorldNode): void {
    node.server.process.signal('SIGCONT');
  }

  /** Starts a node that ended, on its data and port, and waits until all see each other. */
  async restart(node: WorldNode): Promise<void> {
    const { dataDirectory, port } = node.server;
    node.server = await this.cluster.start({ ...this.#own(this.nodes.indexOf(node)), dataDirectory, port });
    await this.settled();
  }

  /** Waits until all nodes see each other. @throws with the log of a node that ended by itself */
  async settled(): Promise<void> {
    const gone = this.nodes.find(({ server }) => !server.process.isRunning() && !this.#ended.has(server));
    if (gone !== undefined) throw new Error(`${gone.name} ended by itself\n${gone.server.log().slice(-LOG_SHOWN)}`);
    await this.cluster.settled(this.running().map(({ server }) => server));
  }

  /** Everything that clients, transfers and leases did against the promises so far. */
  async faultsFound(): Promise<string[]> {
    const names = new Map(this.nodes.map(({ id, name }) => [name, id]));
    const effects = (await this.audit.expiries()).map((effect) => ({
      ...effect,
      by: names.get(effect.by) ?? effect.by,
    }));
    const faults = [
      ...checkOperations(this.history.operations),
      ...checkTransfers(await this.audit.transfers()),
      ...checkLeases(await this.audit.leases(), effects),
    ];
    if (faults.length > 0) await this.keepEvidence();
    const more = faults.length - FAULTS_SHOWN;
    return more > 0 ? [...faults.slice(0, FAULTS_SHOWN), `and ${more} more`] : faults;
  }

  /** Tells what clients did from then on, when one of them stood still for longer than it may. */
  explain(stalls: Readonly<Record<string, number>>, mostMs: number, sinceMs: number, roles: string): void {
    if (Math.max(...Object.values(stalls)) <= mostMs) return;
    process.stderr.write(
      `faults: ${JSON.stringify(stalls)}, at most ${mostMs}; ${roles}\n${this.history.tellSince(sinceMs)}`,
    );
  }

  /** For who looks for the cause: what everybody did and said, in the folder that is named for it. */
  async keepEvidence(): Promise<void> {
    if (PLAN.evidencePath === null) return;
    mkdirSync(PLAN.evidencePath, { recursive: true });
    const keep = (name: string, text: string) => writeFileSync(join(PLAN.evidencePath ?? '', name), text);
    const { operations } = this.history;
    keep('history.jsonl', operations.map((operation) => `${JSON.stringify(operation)}\n`).join(''));
    keep('transfers.json', JSON.stringify(await this.audit.transfers(), null, 1));
    keep('leases.json', JSON.stringify(await this.audit.leases(), null, 1));
    keep('nodes.json', JSON.stringify(this.nodes.map(({ name, id, url }) => ({ name, id, url }))));
    for (const { name, server } of this.nodes) keep(`${name}.log`, server.log());
  }

  /** A short time that the seed chooses. */
  async moment(fromMs: number, toMs: number): Promise<void> {
    await delay(fromMs + this.random.below(toMs - fromMs));
  }
}

/** Starts a world. Its name and the plan's seed decide what is random in it. */
export async function startWorld(
  name: string,
  options: Pick<ClusterOptions, 'nodes' | 'env' | 'redis'> & { readonly bridge?: Bridge },
): Promise<FaultWorld> {
  process.stderr.write(`faults: ${name} with seed ${PLAN.seed} (PEERLINK_FAULT_SEED)\n`);
  const { bridge } = options;
  // A bus that is not on loopback asks for a password.
  const password = 'a password of one test only';
  const [postgres, redis] = await Promise.all([
    startOwnPostgres(),
    options.redis ?? startRedis(bridge === undefined ? {} : { password }),
  ]);
  const databaseUrl = await postgres.createDatabase();
  const lent =
    bridge === undefined
      ? null
      : {
          bridge,
          databasePort: await bridge.lend(Number(new URL(databaseUrl).port)),
          redisPort: await bridge.lend(redis.port),
        };
  const own = (index: number): NodeOptions => {
    const address = new URL(databaseUrl);
    address.searchParams.set('application_name', `node-${index + 1}`);
    const namespace = lent?.bridge.namespaces[index];
    if (lent === null || namespace === undefined) return { env: { DATABASE_URL: address.href } };
    address.hostname = lent.bridge.host;
    address.port = String(lent.databasePort);
    const { host, launcher } = namespace;
    const env = {
      DATABASE_URL: address.href,
      REDIS_HOST: lent.bridge.host,
      REDIS_PORT: String(lent.redisPort),
      REDIS_PASSWORD: password,
      NODE_HOSTNAME: host,
    };
    return { host, launcher, env };
  };
  const cluster = await startCluster({
    nodes: options.nodes,
    env: { LOG_LEVEL: 'info', ...ROOMY, ...options.env },
    postgres: { createDatabase: async () => databaseUrl },
    redis,
    own,
  });
  const pool = new Pool({ connectionString: databaseUrl, max: 2 });
  pool.on('error', () => {}); // PostgreSQL is killed on purpose; the next query connects anew.
  atEnd(() => pool.end());
  return new FaultWorld({
    cluster,
    postgres,
    redis,
    pool,
    own,
    ports: { database: lent?.databasePort ?? 0, redis: lent?.redisPort ?? 0 },
    audit: await beginAudit(pool),
    random: randomOf(PLAN.seed, name),
  });
}
