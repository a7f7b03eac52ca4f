import { randomBytes } from 'node:crypto';
import { closeSync, linkSync, openSync, readdirSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { codeOf } from './system-faults.ts';

/** Held until `release` or until the process dies, however it dies: the kernel closes the listening socket. */
export interface SocketLock {
  release(): Promise<void>;
}

const NAME = /^lock-(\d{6,})\.socket$/;
/** A holder that is stopped still has a listening socket: no answer means held. */
const PROBE_DEADLINE_MS = 500;
/** Each try that fails means that another process got further, so more than a few are strange. */
const MAX_TRIES = 50;

/**
 * Takes an exclusive lock on a directory with nothing but a listening UNIX socket. Null: a living process holds it.
 *
 * Locks are numbered and the highest number counts; it is never removed, only followed. Who finds it dead listens on a
 * socket of its own first and then links it under the next number. Linking is atomic and refuses an existing name, so of
 * several that follow the same dead lock one wins, and a lock that is there but refuses connections is dead for certain.
 * Throws the system's error where the file system has no sockets or links.
 */
export async function takeSocketLock(directory: string): Promise<SocketLock | null> {
  for (let attempt = 0; attempt < MAX_TRIES; attempt += 1) {
    const highest = highestNumber(directory);
    if (highest > 0 && (await isHeld(directory, nameOf(highest)))) return null;
    const lock = await follow(directory, highest + 1);
    if (lock !== null) return lock;
  }
  return null;
}

async function follow(directory: string, number: number): Promise<SocketLock | null> {
  const draft = `draft-${randomBytes(8).toString('hex')}.socket`;
  const server = await listen(directory, draft);
  try {
    linkSync(path.join(directory, draft), path.join(directory, nameOf(number)));
  } catch (fault) {
    await close(server);
    if (codeOf(fault) === 'EEXIST') return null;
    throw fault;
  } finally {
    rmSync(path.join(directory, draft), { force: true });
  }
  // The number was free because its lock was removed by the holder of a higher one, not because it is the next.
  if (highestNumber(directory) > number) {
    rmSync(path.join(directory, nameOf(number)), { force: true });
    await close(server);
    return null;
  }
  for (const name of readdirSync(directory)) {
    if (NAME.test(name) && numberOf(name) < number) rmSync(path.join(directory, name), { force: true });
  }
  return { release: () => close(server) };
}

function listen(directory: string, name: string): Promise<net.Server> {
  return withShortPath(
    directory,
    name,
    (address) =>
      new Promise((resolve, reject) => {
        const server = net.createServer((socket) => socket.destroy());
        server.once('error', reject);
        server.listen(address, () => {
          server.off('error', reject);
          server.unref();
          resolve(server);
        });
      }),
  );
}

function isHeld(directory: string, name: string): Promise<boolean> {
  return withShortPath(
    directory,
    name,
    (address) =>
      new Promise((resolve) => {
        const socket = net.connect(address);
        const settle = (held: boolean) => {
          clearTimeout(timer);
          socket.destroy();
          resolve(held);
        };
        const timer = setTimeout(() => settle(true), PROBE_DEADLINE_MS);
        socket.once('connect', () => settle(true));
        // A full queue of connections (EAGAIN) has a living owner; a removed name was followed by somebody.
        socket.once('error', (fault) => settle(codeOf(fault) !== 'ECONNREFUSED' && codeOf(fault) !== 'ENOENT'));
      }),
  );
}

/** A socket's path is limited to about 100 bytes; through the folder's descriptor it is short wherever it lies. */
async function withShortPath<T>(directory: string, name: string, use: (address: string) => Promise<T>): Promise<T> {
  if (process.platform !== 'linux') return use(path.join(directory, name));
  const descriptor = openSync(directory, 'r');
  try {
    return await use(`/proc/self/fd/${descriptor}/${name}`);
  } finally {
    closeSync(descriptor);
  }
}

function highestNumber(directory: string): number {
  return Math.max(
    0,
    ...readdirSync(directory)
      .filter((name) => NAME.test(name))
      .map(numberOf),
  );
}

function nameOf(number: number): string {
  return `lock-${String(number).padStart(6, '0')}.socket`;
}

function numberOf(name: string): number {
  return Number(NAME.exec(name)?.[1] ?? 0);
}

function close(server: net.Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}
