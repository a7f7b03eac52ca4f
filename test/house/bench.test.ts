import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { atEnd } from '../support/cleanup.ts';
import { startProcess } from '../support/processes.ts';
import { ROOT } from './tree.ts';

const END_MS = 30_000;

async function portOf(answer: RequestListener): Promise<number> {
  const server = createServer(answer).listen(0, '127.0.0.1');
  atEnd(() => {
    server.closeAllConnections();
    server.close();
  });
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function finished(args: readonly string[]): Promise<{ readonly code: number | null; readonly log: string }> {
  const program = startProcess(process.execPath, args, { cwd: ROOT });
  const { code } = await program.exited(END_MS);
  return { code, log: program.log() };
}

const client = (name: string, task: object) => finished([join('bench', 'clients', name), JSON.stringify(task)]);

describe('a benchmark', () => {
  it.each([
    [join('bench', 'run.mjs'), '--quik', /Unknown option '--quik'[^\n]*\n[^\n]*idle-sockets/],
    [join('bench', 'run.mjs'), '--only=downlaod', /no row downlaod\n[^\n]*download/],
    [join('bench', 'cluster.mjs'), '--help', /Unknown option '--help'[^\n]*\n[^\n]*loop-delay/],
    [join('native', 'bench', 'run.mjs'), '--quick', /takes no arguments/],
  ])(
    '%s refuses %s before it measures anything',
    async (program, argument, said) => {
      const { code, log } = await finished(['--import', 'tsx', program, argument]);
      expect({ code, log }).toEqual({ code: 1, log: expect.stringMatching(said) });
    },
    60_000,
  );
});

describe('a client of the benchmarks', () => {
  it('does not count a body that is shorter than asked for', async () => {
    const port = await portOf((_request, response) => response.end('short'));
    const { code, log } = await client('raw-http.mjs', { kind: 'get', port, path: '/', sizeBytes: 1024, count: 2 });
    expect(code).not.toBe(0);
    expect(log).toContain('a body of 5 bytes, wanted 1024');
  }, 60_000);

  it('counts bodies of the right size', async () => {
    const port = await portOf((_request, response) => response.end('short'));
    const { code, log } = await client('raw-http.mjs', { kind: 'get', port, path: '/', sizeBytes: 5, count: 2 });
    expect(code).toBe(0);
    expect(JSON.parse(log)).toMatchObject({ bytes: 10 });
  }, 60_000);

  it('ends with a fault when it is to load a server that takes nothing', async () => {
    const port = await portOf((_request, response) => response.writeHead(429).end());
    const { code, log } = await client('load.mjs', { port, sizeBytes: 1024 });
    expect(code).not.toBe(0);
    expect(log).toContain('429');
  }, 60_000);

  it('ends with a fault when what it reads slowly ends early, or is refused', async () => {
    const [short, refused] = await Promise.all([
      portOf((_request, response) => response.end('short')),
      portOf((_request, response) => response.writeHead(404).end()),
    ]);
    const task = { path: '/', bytesPerSecond: 1_000_000, seconds: 20 };
    expect((await client('slow-reader.mjs', { ...task, port: short })).log).toContain('the body ended after');
    expect((await client('slow-reader.mjs', { ...task, port: refused })).log).toContain('HTTP/1.1 404');
  }, 60_000);
});
