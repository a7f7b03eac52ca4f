import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';

/**
 * Below those that Linux gives to outgoing connections (32768 and up): one of these, of any program on the machine, may
 * take such a port between the look and the listening. Above 10080, which browsers refuse.
 */
const FIRST_PORT = 11_000;
const LAST_PORT = 32_000;
const TRIES = 100;

/** A TCP port of 127.0.0.1 that nothing listened on a moment ago. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    const port = randomInt(FIRST_PORT, LAST_PORT);
    if (await isFreePort(port)) return port;
  }
  throw new Error(`none of ${TRIES} ports between ${FIRST_PORT} and ${LAST_PORT} is free`);
}

/** Whether a server could listen on this port of 127.0.0.1 now. */
export async function isFreePort(port: number): Promise<boolean> {
  const server = createServer().listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    return false; // EADDRINUSE.
  }
  server.close();
  await once(server, 'close');
  return true;
}
