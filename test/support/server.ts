import { cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { VARIABLES } from '../../services/config-variables.ts';
import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { type Exit, startProcess, type TestProcess } from './processes.ts';
import { waitFor } from './waiting.ts';

/** The root of the project's tree. */
export const ROOT = join(__dirname, '..', '..');

export interface ServerOptions {
  /** Variables of CONFIG besides PORT and DATA_DIR; undefined takes one away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** A data directory of an earlier server; a new one without. */
  readonly dataDirectory?: string;
  /** Begins with an empty data directory; without, with a copy of one whose database is there and holds nothing. */
  readonly isFirstStart?: boolean;
  /** The port of an earlier server; a free one without. */
  readonly port?: number;
  /** Also builds the page, for tests that open it. */
  readonly isPageNeeded?: boolean;
  /** A tree other than this one, already built. */
  readonly root?: string;
  readonly readyDeadlineMs?: number;
  /** Where the test reaches it; 127.0.0.1 without. */
  readonly host?: string;
  /** A program that becomes the server, with its arguments: `ip netns exec NAME`. */
  readonly launcher?: readonly [string, ...string[]];
}

/** A running server of the test's own: a real process with a data directory and a port to itself. */
export interface TestServer {
  /** `http://127.0.0.1:<port>`, or the host that was asked for. */
  readonly url: string;
  readonly port: number;
  readonly dataDirectory: string;
  readonly pid: number;
  /** From the start of the process to the first 200 of /readyz. */
  readonly readyAfterMs: number;
  readonly process: TestProcess;
  /** What it has printed so far. */
  log(): string;
  /** SIGKILL. Its data directory stays: start another server on it. */
  kill9(): Promise<void>;
  /** SIGTERM, and waits for the drain to end. */
  stop(): Promise<Exit>;
}

/** Far above what a start takes: tests about other things go on on a busy machine; test/house/ times the start. */
const READY_DEADLINE_MS = 120_000;
const STOP_DEADLINE_MS = 35_000;
const PREPARE_DEADLINE_MS = 180_000;
/** Longer than any run of the tests: another one may still use what an earlier build made. */
const TEMPLATE_KEPT_MS = 2 * 60 * 60_000;

/** Nothing of the surroundings' settings reaches a test's server, nor of a `.env`: a given empty value is none. */
function environment(options: ServerOptions, port: number, dataDirectory: string): NodeJS.ProcessEnv {
  const { PATH, HOME, LANG, TMPDIR, NODE_OPTIONS } = process.env;
  const unset = Object.fromEntries(Object.keys(VARIABLES).map((name) => [name, '']));
  const given = { PATH, HOME, LANG, TMPDIR, NODE_OPTIONS, PORT: String(port), DATA_DIR: dataDirectory, ...options.env };
  return { ...unset, ...Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined)) };
}

const preparing = new Map<boolean, Promise<void>>();

/** Compiles what has changed since the last time; once for each test file, and not at all where the whole run began with it. */
async function prepare(isPageNeeded: boolean): Promise<void> {
  if (process.env.PEERLINK_TEST_IS_PREPARED === 'true') return;
  let done = preparing.get(isPageNeeded);
  if (done === undefined) {
    done = (async () => {
      const program = startProcess(process.execPath, [
        join(ROOT, 'scripts', 'prepare.mjs'),
        ...(isPageNeeded ? ['--page'] : []),
      ]);
      const { code } = await program.exited(PREPARE_DEADLINE_MS);
      if (code !== 0) throw new Error(`the server could not be prepared\n${program.log()}`);
    })();
    preparing.set(isPageNeeded, done);
  }
  await done;
}

/** Copies a data directory that no server uses: all but the sockets of the one that did. */
function copyData(from: string, to: string): void {
  cpSync(from, to, { recursive: true, filter: (path) => !path.endsWith('.socket') });
}

/**
 * A data directory with an empty database, made once for each build: creating one costs seconds of every test.
 * Null while the tree does not compile.
 */
async function dataTemplate(): Promise<string | null> {
  const built = join(ROOT, 'dist', '.build');
  if (!existsSync(join(built, 'server'))) return null;
  const template = join(built, `data-${readFileSync(join(built, 'server'), 'utf8').slice(0, 16)}`);
  if (existsSync(template)) return template;
  forgetTemplates(built);
  const server = await startServer({ isFirstStart: true });
  await server.stop();
  const copy = `${template}-${process.pid}`;
  copyData(server.dataDirectory, copy);
  try {
    renameSync(copy, template);
  } catch {
    // Another test file made it meanwhile: that one is as good.
    rmSync(copy, { recursive: true, force: true });
  }
  return template;
}

/** Those of builds that are long over take 40 MB each. */
function forgetTemplates(built: string): void {
  for (const name of readdirSync(built).filter((one) => one.startsWith('data-'))) {
    const path = join(built, name);
    const madeMs = statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? Number.POSITIVE_INFINITY;
    if (Date.now() - madeMs > TEMPLATE_KEPT_MS) rmSync(path, { recursive: true, force: true });
  }
}

async function newDataDirectory(options: ServerOptions): Promise<string> {
  const path = tempDirectory('data');
  const isEmpty =
    options.isFirstStart === true || options.root !== undefined || options.env?.DATABASE_URL !== undefined;
  const template = isEmpty ? null : await dataTemplate();
  if (template !== null) copyData(template, path);
  return path;
}

/** True when the server answers /readyz with 200. */
export async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) })).status === 200;
  } catch {
    return false; // Not listening yet.
  }
}

/** Starts the compiled server and waits until it is ready; the error of one that is not carries its log. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  if (options.root === undefined) await prepare(options.isPageNeeded ?? false);
  const root = options.root ?? ROOT;
  const dataDirectory = options.dataDirectory ?? (await newDataDirectory(options));
  const port = options.port ?? (await freePort());
  const startedAt = performance.now();
  const [command, ...args] = [...(options.launcher ?? []), process.execPath, join(root, 'dist', 'services', 'main.js')];
  const program = startProcess(command as string, args, { cwd: root, env: environment(options, port, dataDirectory) });
  const url = `http://${options.host ?? '127.0.0.1'}:${port}`;
  const deadlineMs = options.readyDeadlineMs ?? READY_DEADLINE_MS;
  try {
    await waitFor('/readyz answers 200', deadlineMs, async () => !program.isRunning() || (await isReady(url)));
    if (!program.isRunning()) throw new Error('the server ended before it was ready');
  } catch (fault) {
    await program.kill9();
    throw new Error(`${(fault as Error).message}\n${program.log()}`, { cause: fault });
  }
  return {
    url,
    port,
    dataDirectory,
    pid: program.pid,
    readyAfterMs: performance.now() - startedAt,
    process: program,
    log: () => program.log(),
    kill9: () => program.kill9(),
    stop: async () => {
      program.signal('SIGTERM');
      return await program.exited(STOP_DEADLINE_MS);
    },
  };
}
