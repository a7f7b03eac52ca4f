import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { startProcess, type TestProcess } from './processes.ts';
import { askRedis, redisProgram, startRedis, type TestRedis } from './redis.ts';
import { waitFor } from './waiting.ts';

const COUNT = 3;
const MASTER = 'mymaster';
const QUORUM = 2;
/** A Redis that is silent for so long is down, for a sentinel. */
const DOWN_AFTER_MS = 1_000;
/** Sentinels promote nobody else within twice this time. */
const FAILOVER_TIMEOUT_MS = 1_500;
const READY_DEADLINE_MS = 20_000;
const PROMOTED_DEADLINE_MS = 20_000;

/** A primary, two replicas, and three sentinels that watch over them. */
export interface GuardedRedis {
  /** The first one is the primary at first. */
  readonly servers: readonly [TestRedis, TestRedis, TestRedis];
  readonly sentinels: readonly TestProcess[];
  /** As REDIS_SENTINELS has it. */
  readonly addresses: string;
  /** Waits until each sentinel knows the others and the replicas: it can promote one from then on. */
  settled(): Promise<void>;
  /** Waits until the last two sentinels name another server than this one, which says itself that it is the primary. */
  promotedInsteadOf(server: TestRedis): Promise<TestRedis>;
}

export interface SentinelsOptions {
  /** Of all servers. */
  readonly password?: string;
  readonly sentinelPassword?: string;
}

/** Starts them and waits until each sentinel answers. */
export async function startSentinels(options: SentinelsOptions = {}): Promise<GuardedRedis> {
  const { password = '', sentinelPassword = '' } = options;
  const own = ['--repl-diskless-sync-delay', '0', ...(password === '' ? [] : ['--masterauth', password])];
  const first = await startRedis({ password, args: own });
  const replica = () => startRedis({ password, args: [...own, '--replicaof', first.host, String(first.port)] });
  const servers = [first, ...(await Promise.all([replica(), replica()]))] as const;
  const ports: number[] = [];
  while (ports.length < COUNT) ports.push(await freePort());
  const sentinels = ports.map((port) => {
    const folder = tempDirectory('sentinel');
    // A sentinel writes what it learns into its configuration.
    const path = join(folder, 'sentinel.conf');
    writeFileSync(path, configurationOf({ port, folder, master: first, password, sentinelPassword }));
    return startProcess(redisProgram(), [path, '--sentinel']);
  });
  const ask = (port: number, ...words: string[]) => askRedis(port, sentinelPassword, 'SENTINEL', words);
  const portNamedBy = async (port: number): Promise<number> =>
    Number(((await ask(port, 'get-master-addr-by-name', MASTER)) as string[])[1]);
  const haveAll = (what: string, wanted: RegExp) =>
    waitFor(what, READY_DEADLINE_MS, async () => {
      const states = await Promise.all(ports.map((port) => ask(port, 'master', MASTER)));
      return states.every((state) => wanted.test(String(state)));
    });
  await haveAll('the sentinels reach the primary', /flags,master,/);
  const known = new RegExp(`flags,master,.*num-slaves,${servers.length - 1},num-other-sentinels,${COUNT - 1},`);
  return {
    servers,
    sentinels,
    addresses: ports.map((port) => `127.0.0.1:${port}`).join(),
    settled: async () => void (await haveAll('the sentinels know each other and the replicas', known)),
    promotedInsteadOf: (before) =>
      waitFor('the sentinels have promoted another', PROMOTED_DEADLINE_MS, async () => {
        const named = await Promise.all(ports.slice(-QUORUM).map(portNamedBy));
        const next = servers.find(({ port }) => named.every((one) => one === port));
        if (next === undefined || next === before) return null;
        return String(await next.command('ROLE')).startsWith('master') ? next : null;
      }),
  };
}

interface SentinelPlace extends Required<SentinelsOptions> {
  readonly port: number;
  readonly folder: string;
  readonly master: TestRedis;
}

function configurationOf({ port, folder, master, password, sentinelPassword }: SentinelPlace): string {
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${MASTER} ${master.host} ${master.port} ${QUORUM}`,
    `sentinel down-after-milliseconds ${MASTER} ${DOWN_AFTER_MS}`,
    `sentinel failover-timeout ${MASTER} ${FAILOVER_TIMEOUT_MS}`,
    ...(password === '' ? [] : [`sentinel auth-pass ${MASTER} "${password}"`]),
    ...(sentinelPassword === '' ? [] : [`requirepass "${sentinelPassword}"`]),
  ];
  return `${lines.join('\n')}\n`;
}
