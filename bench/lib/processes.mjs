// Starts and measures the servers: each is a process of its own, and so is each client.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const BENCH = fileURLToPath(new URL('..', import.meta.url));
const LOOP_DELAY = join(BENCH, 'lib', 'loop-delay.cjs');
const START_DEADLINE_MS = 60_000;
const STOP_DEADLINE_MS = 35_000;
const CLIENT_DEADLINE_MS = 300_000;
const running = new Set();

export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function waitFor(what, deadlineMs, look) {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false && found !== null) return found;
    if (Date.now() > end) throw new Error(`${what}: not within ${deadlineMs} ms`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** A server of ours or of others. `port` is known at once, or said by the program as "listening N". */
export class ServerProcess {
  #child;
  #logPath;
  #name;

  constructor(name, command, args, { env = {}, logPath, cwd } = {}) {
    this.#name = name;
    this.#logPath = logPath;
    const log = openSync(logPath, 'w');
    const isNode = command === process.execPath;
    this.#child = spawn(command, args, {
      cwd,
      env: { ...process.env, NODE_ENV: 'production', ...env },
      stdio: isNode ? ['ignore', log, log, 'ipc'] : ['ignore', log, log],
    });
    closeSync(log);
    running.add(this.#child);
    this.#child.once('exit', () => running.delete(this.#child));
  }

  static node(name, args, options) {
    return new ServerProcess(name, process.execPath, ['--require', LOOP_DELAY, ...args], options);
  }

  get pid() {
    return this.#child.pid;
  }

  log() {
    return readFileSync(this.#logPath, 'utf8');
  }

  async listeningPort() {
    return await waitFor(`${this.#name} listens`, START_DEADLINE_MS, () => {
      this.assertRunning();
      const match = /^listening (\d+)$/m.exec(this.log());
      return match === null ? undefined : Number(match[1]);
    });
  }

  assertRunning() {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) {
      throw new Error(`${this.#name} ended:\n${this.log().slice(-2000)}`);
    }
  }

  /** CPU seconds of the process, all its threads, and its children (nginx's workers). */
  cpuSeconds() {
    return cpuSecondsOf(this.pid);
  }

  rssBytes() {
    return rssBytesOf(this.pid);
  }

  /** Runs `work` and answers how late the server's event loop ran meanwhile, in ms. */
  async loopDelayDuring(work) {
    await this.#ask('loop-delay:start');
    const result = await work();
    return { result, delay: await this.#ask('loop-delay:stop') };
  }

  /** Resident memory once nothing is left that the collector would take: what a start leaves behind says nothing. */
  async settledRssBytes() {
    await this.#ask('collect');
    return this.rssBytes();
  }

  #ask(message) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${this.#name} does not answer the bench`)), 10_000);
      this.#child.once('message', (answer) => {
        clearTimeout(timer);
        resolve(answer);
      });
      this.#child.send(message);
    });
  }

  async stop() {
    await end(this.#child, 'SIGTERM');
  }
}

async function end(child, signal) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  const timer = setTimeout(() => child.kill('SIGKILL'), STOP_DEADLINE_MS);
  await gone;
  clearTimeout(timer);
}

/** At once, with what they started themselves: nginx's workers outlive a master that is killed. */
export async function stopAll() {
  const families = [...running].map((child) => ({ child, children: childrenOf(child.pid) }));
  await Promise.all(families.map(({ child }) => end(child, 'SIGKILL')));
  for (const pid of families.flatMap(({ children }) => children)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It went with its parent.
    }
  }
}

/** Once, whatever asks for it: servers and files in memory that are left behind cost whoever measures next. */
export function endOnSignals(cleanUp) {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.once(signal, () => void cleanUp().finally(() => process.exit(1)));
}

function childrenOf(pid) {
  const path = `/proc/${pid}/task/${pid}/children`;
  return existsSync(path) ? readFileSync(path, 'utf8').trim().split(' ').filter(Boolean).map(Number) : [];
}

function cpuSecondsOf(pid) {
  let nanoseconds = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    const text = readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8');
    nanoseconds += Number(text.split(' ')[0]);
  }
  return nanoseconds / 1e9 + childrenOf(pid).reduce((sum, child) => sum + cpuSecondsOf(child), 0);
}

function rssBytesOf(pid) {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

/** Runs a client program of bench/clients in its own process; it gets `task` as JSON and prints its result as JSON. */
export function runClient(program, task) {
  return startClient(program, task).result;
}

export function startClient(program, task) {
  const child = spawn(process.execPath, [join(BENCH, 'clients', program), JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  running.add(child);
  child.once('exit', () => running.delete(child));
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (part) => {
    text += part;
  });
  const result = new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), task.deadlineMs ?? CLIENT_DEADLINE_MS);
    child.once('close', (code, signal) => {
      clearTimeout(timer);
      const last = text.trim().split('\n').at(-1);
      // A client that was stopped while it held something open has said nothing at its end.
      if (code === 0) resolve(last === '' ? null : JSON.parse(last));
      else reject(new Error(`${program} ended with ${code ?? signal}: ${JSON.stringify(task).slice(0, 300)}`));
    });
  });
  result.catch(() => {});
  const assertRunning = () => {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`${program} ended before its time`);
  };
  return { result, assertRunning, stop: () => end(child, 'SIGTERM'), said: () => text };
}
