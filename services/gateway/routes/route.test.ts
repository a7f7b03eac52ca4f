import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../../test/support/waiting.ts';
import { typeOfFault } from '../../contracts/errors.ts';
import { MAX_UNCOUNTED_ANSWER_BYTES, MIB } from '../../contracts/limits.ts';
import { HeldBytes } from '../../kernel/held-bytes.ts';
import type { EdgeContext } from '../edge-context.ts';
import { aliasesOf } from './route.ts';

/** More than a socket takes by itself. */
const LONG = 'x'.repeat(16 * MIB);
const clock = { nowMs: 0 };
const untaken = new HeldBytes({ maxBytes: 40 * MIB, sparedMs: 10_000, nowMs: () => clock.nowMs });
const contextOf = () => ({}) as EdgeContext;
const aliases = aliasesOf(
  {
    'GET /long': async () => ({ status: 200, body: LONG }),
    'GET /short': async () => ({ status: 200, body: 'x'.repeat(MAX_UNCOUNTED_ANSWER_BYTES - 2) }),
  },
  contextOf,
  untaken,
);
const refusals: string[] = [];
const server = createServer((req, res) => {
  aliases[`${req.method} ${req.url}`]?.(req, res, (fault) => {
    refusals.push(typeOfFault(fault));
    res.writeHead(503).end();
  });
});
let port = 0;
beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  ({ port } = server.address() as AddressInfo);
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

function ask(path: string, method = 'GET') {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined).pause();
  socket.write(`${method} ${path} HTTP/1.1\r\nHost: x\r\n\r\n`);
  return socket;
}

describe('answers that their clients do not read', () => {
  it('are kept up to one bound for all of them; then the one kept longest makes room', async () => {
    const first = ask('/long');
    await waitFor('the first is kept', 5_000, () => untaken.bytes > 16 * MIB);
    const second = ask('/long');
    await waitFor('the second is kept', 5_000, () => untaken.bytes > 32 * MIB);
    const third = ask('/long').resume();
    await waitFor('the third is refused', 5_000, () => refusals.length > 0);
    expect(refusals).toEqual(['busy']);
    const short = ask('/short').resume();
    await once(short, 'data');
    clock.nowMs += 10_000;
    ask('/long').resume();
    await waitFor('somebody is cut, and the next answer is read', 5_000, () => untaken.bytes < 17 * MIB);
    second.resume();
    let ofFirst = 0;
    first.on('data', (part: Buffer) => {
      ofFirst += part.length;
    });
    await once(first.resume(), 'close');
    // It was cut, not only no longer counted.
    expect(ofFirst).toBeLessThan(LONG.length);
    await waitFor('nothing is kept', 5_000, () => untaken.bytes === 0);
    for (const socket of [first, second, third, short]) socket.destroy();
    expect(refusals).toEqual(['busy']);
  });

  it('are no answers to HEAD, which nobody has to read', async () => {
    const socket = ask('/long', 'HEAD');
    const [head] = (await once(socket.resume(), 'data')) as [Buffer];
    expect(head.toString()).toContain(`Content-Length: ${LONG.length + 2}`);
    expect(untaken.bytes).toBe(0);
    socket.destroy();
  });
});
