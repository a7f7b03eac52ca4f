import Redis from 'ioredis';
import { ensureProgram } from './apt.ts';
import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './waiting.ts';

const START_DEADLINE_MS = 10_000;

/** A Redis server of the test's own, on loopback, without persistence. */
export interface TestRedis {
  readonly host: string;
  readonly port: number;
  /** `redis://127.0.0.1:<port>`, with the password when it has one. */
  readonly url: string;
  /** One command over a connection of its own. */
  command(name: string, ...args: string[]): Promise<unknown>;
  /** SIGSTOP: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
  /** SIGKILL; everything it knew is gone. */
  kill9(): Promise<void>;
  /** Starts again on the same port, empty. */
  restart(): Promise<void>;
}

export interface RedisServerOptions {
  readonly password?: string;
  /** More of its command line: `--replicaof`, its host and its port. */
  readonly args?: readonly string[];
}

/** Debian's or the system's redis-server; installs it when there is none. */
export function redisProgram(): string {
  return ensureProgram('redis-server', 'redis-server', 'Redis 6.0 or newer (program redis-server)');
}

/** Starts one and waits until it answers. */
export async function startRedis(options: RedisServerOptions = {}): Promise<TestRedis> {
  const program = redisProgram();
  const port = await freePort();
  const folder = tempDirectory('redis');
  const password = options.password ?? '';
  const args = ['--port', String(port), '--bind', '127.0.0.1', '--dir', folder, '--save', '', '--appendonly', 'no'];
  if (password !== '') args.push('--requirepass', password);
  args.push(...(options.args ?? []));
  let server = await run(program, args, port);
  return {
    host: '127.0.0.1',
    port,
    url: `redis://${password === '' ? '' : `:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    command: (name, ...rest) => askRedis(port, password, name, rest),
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    kill9: () => server.kill9(),
    restart: async () => {
      await server.kill9();
      server = await run(program, args, port);
    },
  };
}

async function run(program: string, args: readonly string[], port: number): Promise<TestProcess> {
  const server = startProcess(program, args);
  await waitFor('Redis answers', START_DEADLINE_MS, async () => {
    if (!server.isRunning()) throw new Error(`Redis ended at start\n${server.log()}`);
    // One with a password answers NOAUTH, which is an answer.
    return askRedis(port, '', 'PING', []).then(
      () => true,
      (fault: Error) => fault.message.startsWith('NOAUTH'),
    );
  });
  return server;
}

/** One command over a connection of its own. */
export async function askRedis(
  port: number,
  password: string,
  name: string,
  args: readonly string[],
): Promise<unknown> {
  const client = new Redis({
    host: '127.0.0.1',
    port,
    ...(password === '' ? {} : { password }),
    lazyConnect: true,
    enableReadyCheck: false,
    retryStrategy: () => null,
    connectTimeout: 2_000,
    commandTimeout: 5_000,
  });
  client.on('error', () => undefined);
  try {
    await client.connect();
    return await client.call(name, ...args);
  } finally {
    // What is closed already would be waited for: ioredis waits two seconds for its end, and Jest with it.
    if (client.status !== 'end') client.disconnect();
  }
}
