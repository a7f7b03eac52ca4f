import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { type Exit, startProcess } from './processes.ts';
import { isReady, ROOT } from './server.ts';
import { waitFor } from './waiting.ts';

interface StartOptions {
  /** A tree other than this one. */
  readonly root?: string;
  /** A data directory of an earlier start; a new one without. */
  readonly dataDirectory?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** A script of the tree; without, npm itself, as a person types it. */
  readonly script?: string;
  readonly deadlineMs?: number;
  /** It ends by a signal to every process of its group; without, by one to the first alone. */
  readonly isGroup?: boolean;
}

interface Started {
  readonly url: string;
  readonly port: number;
  readonly readyAfterMs: number;
  log(): string;
}

/** Starts the product from a tree, hands it over once it is ready, and ends it with SIGTERM whatever happened. */
export async function withStarted(options: StartOptions, body: (started: Started) => Promise<void>): Promise<Exit> {
  const { root = ROOT, dataDirectory = tempDirectory('data'), env = {}, script, deadlineMs = 60_000 } = options;
  const { isGroup = false } = options;
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const [command, args] = script === undefined ? ['npm', ['start']] : [process.execPath, [script]];
  const startedAt = performance.now();
  const program = startProcess(command, args, {
    cwd: root,
    env: { ...process.env, NODE_ENV: undefined, PORT: String(port), DATA_DIR: dataDirectory, ...env },
    isGroup: true,
  });
  try {
    await waitFor('/readyz answers 200', deadlineMs, async () => !program.isRunning() || (await isReady(url)));
    if (!program.isRunning()) throw new Error(`it ended\n${program.log()}`);
    await body({ url, port, readyAfterMs: performance.now() - startedAt, log: () => program.log() });
  } finally {
    // To npm alone it has to reach the server through npm's shell and the script.
    if (isGroup) program.signal('SIGTERM');
    else program.child.kill('SIGTERM');
  }
  return await program.exited(35_000);
}
