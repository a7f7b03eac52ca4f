import './thread-pool.ts';
import './heap-growth.ts';
import './navigator.ts';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { loadNetIo, type NetIo, StaleBinaryError } from '../native/index.ts';
import type { ComposedNode } from './composition/compose-node.ts';
import { type Config, faultMessage, loadConfigFromProcess } from './config.ts';
import { PeerLinkError } from './contracts/errors.ts';
import { type DataDirectory, takeDataDirectory } from './database/data-directory.ts';
import type { Database } from './database/database.ts';
import { assertPortFree } from './listen.ts';
import { createLogger } from './logging.ts';
import type { RedisLink } from './redis/redis-link.ts';
import { serveOperator } from './repl/operator-server.ts';
import type { PrivateSocket } from './repl/private-socket.ts';
import { attachRepl } from './repl/repl-client.ts';
import { replSocketPath, serveRepl } from './repl/repl-server.ts';
import type { Misspelt } from './setting-names.ts';

/** "The process exits within 30 s in any case": streams get most of it, the services and the database the rest. */
const DRAIN_STREAMS_MS = 20_000;
const EXIT_IN_ANY_CASE_MS = 28_000;
/** A supervisor signals every process of a group, and the parent passes its own on: within this time they are one. */
const SAME_SIGNAL_MS = 1_000;

/** Ends the process with a text for the operator, written before anything is logged as JSON. */
function refuse(text: string): never {
  process.stderr.write(text.endsWith('\n') ? text : `${text}\n`);
  process.exit(1);
}

function openNetIo({ isNativeAddonUsed, nativeKernel }: Config): NetIo {
  try {
    return loadNetIo({ useNative: isNativeAddonUsed, ...(nativeKernel === null ? {} : { kernel: nativeKernel }) });
  } catch (fault) {
    if (!(fault instanceof RangeError)) throw fault;
    return refuse(faultMessage([`PEERLINK_NATIVE_KERNEL: ${fault.message}`]));
  }
}

async function start(): Promise<void> {
  const outcome = loadConfigFromProcess();
  if (!outcome.ok) refuse(faultMessage(outcome.faults));
  const { config, misspelt } = outcome;
  if (process.argv.includes('--admin-token')) await renewToken(config);
  else if (process.argv.includes('--repl')) await openRepl(config);
  else await serve(config, misspelt);
}

async function renewToken(config: Config): Promise<void> {
  const { renewAdminToken } = await import('./composition/renew-admin-token.ts');
  showToken(await renewAdminToken(config, () => openNetIo(config)));
  if (config.adminToken !== null)
    process.stdout.write('ADMIN_TOKEN is set: the next start makes that one count again. Change it there too.\n');
  process.exit(0);
}

async function openRepl(config: Config): Promise<void> {
  const { databaseUrl } = config;
  const terminal = { input: process.stdin, output: process.stdout };
  if (config.isCluster && databaseUrl !== null) {
    const { openConsole } = await import('./composition/open-console.ts');
    await openConsole({ ...config, databaseUrl }, terminal);
    process.exit(0);
  }
  // In the first slot: embedded, there is one.
  if (await attachRepl(replSocketPath(join(config.dataDirectory, 'node-0')), terminal)) return;
  refuse(`No PeerLink is running on ${config.dataDirectory}. Start it with npm start, then run npm run repl again.`);
}

/** Starts this node. */
async function serve(config: Config, misspelt: readonly Misspelt[]): Promise<void> {
  const netIo = openNetIo(config);
  // The lock comes before the slow parts, so that a second process on the directory knows at once.
  const directory = await takeDataDirectory({
    directory: config.dataDirectory,
    slots: config.isCluster ? 'many' : 'single',
    netIo,
  });
  if (config.isCluster || config.services.includes('gateway')) await assertPortFree(config.port);
  const log = createLogger({ level: config.logLevel, nodeId: directory.nodeId });
  watchForFaults(log);
  for (const name of misspelt) log.warn(name, 'a setting whose name is not known is ignored; it may be misspelt');
  const { reason } = netIo.kernels();
  if (reason !== undefined) log.warn({ reason }, 'net_io runs on the TypeScript fallback, which is many times slower');

  // Loaded here and not above: Prisma, Moleculer and Socket.IO take most of a second.
  const [database, redis, { composeNode }] = await Promise.all([
    import('./database/open-database.ts').then(({ openDatabase }) =>
      openDatabase({ url: config.databaseUrl, directory: directory.path, log }),
    ),
    openRedisOf(config, log),
    import('./composition/compose-node.ts'),
  ]);
  // Before the port is open: whoever sees /readyz answer may already ask for the end.
  const beginDrains = drainOnSignals(log);
  const node = await composeNode({ config, log, netIo, directory, database, redis });
  const repl = await serveRepl(node.broker, directory.path).catch((fault: unknown) => {
    // A path too long for a socket, or a volume that knows none, costs the console and nothing else.
    log.warn({ err: fault }, 'there is no console on this process');
    return null;
  });
  const operator = await serveOperator(node.operator, directory.path).catch((fault: unknown) => {
    log.warn({ err: fault }, 'npm run peerlink does not reach this process');
    return null;
  });
  const port = await node.listen();
  beginDrains({ log, directory, database, redis, node, repl, operator });
  announce(config, log, node.version, port);
  if (node.madeToken !== null) showToken(node.madeToken);
}

async function openRedisOf(config: Config, log: Logger): Promise<RedisLink | null> {
  const { redis, bus } = config;
  if (redis === null) return null;
  const [{ openRedis }, { assertGuarded }, { isBusOnRedis }] = await Promise.all([
    import('./redis/redis-link.ts'),
    import('./redis/guarded-redis.ts'),
    import('./bus/bus-address.ts'),
  ]);
  const link = await openRedis(redis, log);
  if (!isBusOnRedis(config)) await assertGuarded(redis, bus.isInsecureAllowed, log);
  return link;
}

function announce(config: Config, log: Logger, version: string, port: number): void {
  const address = config.publicUrl ?? `http://localhost:${port}`;
  const text = `PeerLink ${version} serves ${address} (data in ${config.dataDirectory})`;
  if (config.mode === 'production') log.info(text);
  else process.stdout.write(`${text}\n`);
}

/** A line of its own, never one of the log: logs are kept and passed on. */
function showToken(token: string): void {
  process.stdout.write(`Operator token, shown only this once: ${token}\n`);
}

interface Parts {
  readonly log: Logger;
  readonly directory: DataDirectory;
  readonly database: Database;
  readonly redis: RedisLink | null;
  readonly node: ComposedNode;
  readonly repl: PrivateSocket | null;
  readonly operator: PrivateSocket | null;
}

/**
 * "SIGTERM drains." A second signal does not wait.
 * @returns to be called with what a drain needs, once it is there; a signal that came before is obeyed then
 */
function drainOnSignals(log: Logger): (parts: Parts) => void {
  let parts: Parts | undefined;
  let firstAt: number | undefined;
  const begin = () => {
    if (parts === undefined || firstAt === undefined) return;
    void drain(parts).then(
      () => process.exit(0),
      (fault: unknown) => {
        log.error({ err: fault }, 'the drain failed');
        process.exit(1);
      },
    );
  };
  const onSignal = (signal: NodeJS.Signals) => {
    if (firstAt !== undefined) {
      if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1);
      return;
    }
    firstAt = performance.now();
    log.info({ signal }, 'draining');
    setTimeout(() => {
      log.warn('the drain took too long; streams that are left are cut');
      process.exit(0);
    }, EXIT_IN_ANY_CASE_MS).unref();
    begin();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return (complete) => {
    parts = complete;
    begin();
  };
}

async function drain({ log, directory, database, redis, node, repl, operator }: Parts): Promise<void> {
  const onlyCopies = await node.drain(DRAIN_STREAMS_MS);
  await repl?.close();
  await operator?.close();
  redis?.close();
  await database.close();
  await directory.release();
  log.info({ onlyCopies }, 'stopped; transfers with their only copy here stay in the data directory');
}

/** A fault nobody caught leaves unknown state behind: it is written down and the process ends. */
function watchForFaults(log: Logger): void {
  const onFault = (fault: unknown) => {
    log.fatal({ err: fault }, 'a fault that nobody caught');
    process.exit(1);
  };
  process.on('uncaughtException', onFault).on('unhandledRejection', onFault);
}

start().catch((fault: unknown) => {
  // The system's own faults (EACCES, ENOSPC, ...) name a path, and are the operator's: a stack would only hide it.
  const isOperators =
    fault instanceof PeerLinkError ||
    fault instanceof StaleBinaryError ||
    (fault instanceof Error && 'syscall' in fault);
  if (isOperators) refuse(`PeerLink cannot start: ${fault.message}`);
  refuse(`PeerLink cannot start: ${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}`);
});
