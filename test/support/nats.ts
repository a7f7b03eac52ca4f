import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ensureProgram } from './apt.ts';
import type { TestCertificate } from './certificates.ts';
import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './waiting.ts';

const START_DEADLINE_MS = 10_000;

/** A NATS server of the test's own, on loopback. */
export interface TestNats {
  /** `nats://127.0.0.1:<port>`, with user and password when it asks for them. */
  readonly url: string;
  readonly port: number;
  /** Names of its clients, one each. */
  clients(): Promise<readonly string[]>;
  /** SIGSTOP: connections stay, nothing answers. */
  freeze(): void;
  thaw(): void;
  kill9(): Promise<void>;
  /** Starts again on the same port. */
  restart(): Promise<void>;
}

export interface NatsServerOptions {
  readonly user?: string;
  readonly password?: string;
  /** As in its configuration; the server's own unless given. */
  readonly maxPayload?: string;
  /** Makes it insist on TLS. */
  readonly certificate?: TestCertificate;
}

export async function startNats(options: NatsServerOptions = {}): Promise<TestNats> {
  const program = ensureProgram('nats-server', 'nats-server', 'NATS (program nats-server)');
  const [port, monitorPort] = [await freePort(), await freePort()];
  const args = ['--addr', '127.0.0.1', '--port', String(port), '--http_port', String(monitorPort)];
  const { user = '', password = '', certificate } = options;
  if (user !== '') args.push('--user', user, '--pass', password);
  if (options.maxPayload !== undefined) args.push('--config', configurationOf(`max_payload: ${options.maxPayload}`));
  if (certificate !== undefined) {
    args.push('--tls', '--tlscert', certificate.certPath, '--tlskey', certificate.keyPath);
  }
  let server = await run(program, args);
  return {
    url: `nats://${user === '' ? '' : `${user}:${encodeURIComponent(password)}@`}127.0.0.1:${port}`,
    port,
    clients: async () => {
      const answer = await fetch(`http://127.0.0.1:${monitorPort}/connz`, { signal: AbortSignal.timeout(5_000) });
      const { connections } = (await answer.json()) as { connections: readonly { name?: string }[] };
      return connections.map(({ name }) => name ?? '');
    },
    freeze: () => server.signal('SIGSTOP'),
    thaw: () => server.signal('SIGCONT'),
    kill9: () => server.kill9(),
    restart: async () => {
      await server.kill9();
      server = await run(program, args);
    },
  };
}

function configurationOf(text: string): string {
  const path = join(tempDirectory('nats'), 'nats.conf');
  writeFileSync(path, text);
  return path;
}

async function run(program: string, args: readonly string[]): Promise<TestProcess> {
  const server = startProcess(program, args);
  await waitFor('NATS listens', START_DEADLINE_MS, () => {
    if (!server.isRunning()) throw new Error(`NATS ended at start\n${server.log()}`);
    // Not by trying its port: whoever listens there for a moment is in its way.
    return server.log().includes('Server is ready');
  });
  return server;
}
