import { ensureProgram } from './apt.ts';
import { freePort, isFreePort } from './ports.ts';
import { startProcess } from './processes.ts';
import { waitFor } from './waiting.ts';

const START_DEADLINE_MS = 10_000;

/** A NATS server of the test's own, on loopback. */
export async function startNats(): Promise<{ readonly url: string; kill9(): Promise<void> }> {
  const program = ensureProgram('nats-server', 'nats-server', 'NATS (program nats-server)');
  const port = await freePort();
  const server = startProcess(program, ['--addr', '127.0.0.1', '--port', String(port)]);
  await waitFor('NATS listens', START_DEADLINE_MS, async () => {
    if (!server.isRunning()) throw new Error(`NATS ended at start\n${server.log()}`);
    return !(await isFreePort(port));
  });
  return { url: `nats://127.0.0.1:${port}`, kill9: () => server.kill9() };
}
