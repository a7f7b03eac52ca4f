import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { type OwnPostgres, startOwnPostgres } from '../../support/postgres.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, askJson } from './edge-client.ts';

/** "Whatever must change a row gets 503 with Retry-After within 2 s"; the rest is the machine's own slowness. */
const ANSWER_WITHIN_MS = 3_000;
const file = { files: [{ path: 'a.txt', sizeBytes: 3 }] };
let postgres: OwnPostgres;
let server: TestServer;

beforeAll(async () => {
  postgres = await startOwnPostgres();
  server = await startServer({ env: { DATABASE_URL: await postgres.createDatabase() } });
}, 240_000);

describe('a node on PostgreSQL', () => {
  it('says so, and does the same job', async () => {
    expect((await ask(server.url, '/version')).json()).toMatchObject({ storage: 'postgresql', mode: 'embedded' });
    const sent = await ask(server.url, '/hello.txt', { method: 'PUT', body: 'hello' });
    expect(sent.status).toBe(201);
    expect((await ask(server.url, new URL(sent.body.trim()).pathname)).body).toBe('hello');
  });

  it('answers within its time while PostgreSQL is frozen, and goes on when it is back', async () => {
    const Cookie = (await ask(server.url, '/api/session', { method: 'POST' })).cookie;
    const sent = await ask(server.url, '/kept.txt', { method: 'PUT', body: 'kept' });
    const share = new URL(sent.body.trim()).pathname;
    expect((await ask(server.url, share)).status).toBe(200);
    postgres.freeze();
    try {
      const tookMs: number[] = [];
      // The best of three: a machine that does much else may hold up one of them.
      while (tookMs.length < 3 && !tookMs.some((ms) => ms < ANSWER_WITHIN_MS)) {
        const startedMs = performance.now();
        const opened = await askJson(server.url, 'POST', '/api/transfers', file);
        tookMs.push(performance.now() - startedMs);
        expect(opened).toMatchObject({ status: 503, type: 'unavailable' });
        expect(Number(opened.headers['retry-after'])).toBeGreaterThan(0);
      }
      expect(Math.min(...tookMs)).toBeLessThan(ANSWER_WITHIN_MS);
      await waitFor(
        'the session is not in the cache any more',
        10_000,
        async () => (await ask(server.url, '/api/session', { headers: { Cookie } })).status === 503,
      );
      expect(await ask(server.url, '/readyz')).toMatchObject({ status: 503 });
      expect((await ask(server.url, '/readyz')).json()).toEqual({
        ready: false,
        parts: { services: true, database: false },
      });
      expect((await ask(server.url, '/healthz')).status).toBe(200);
      // A share whose row this node has read goes on.
      expect((await ask(server.url, share)).body).toBe('kept');
      await waitFor('the node calls itself degraded', 10_000, async () =>
        (await ask(server.url, '/metrics')).body.includes('peerlink_node_state{state="degraded"} 1'),
      );
      const said = await waitFor('the log says so', 5_000, () => /^.*"state":"degraded".*$/m.exec(server.log())?.[0]);
      expect(JSON.parse(said)).toMatchObject({ before: 'healthy', reasons: [{ what: 'no_database' }] });
      expect(server.log()).not.toContain('Request error');
      // Several works are tried each second; each kind of fault is told at once, and then once a minute.
      const told = [...server.log().matchAll(/^.*"background work failed".*$/gm)].map(([line]) => JSON.parse(line));
      expect(told.length).toBeGreaterThan(0);
      const kinds = told.map(({ what, err }) => `${what}: ${err.message}`);
      expect(kinds).toHaveLength(new Set(kinds).size);
    } finally {
      postgres.thaw();
    }
    await waitFor('it is ready again', 15_000, async () => (await ask(server.url, '/readyz')).status === 200);
    expect((await ask(server.url, '/api/session', { headers: { Cookie } })).status).toBe(200);
    expect((await askJson(server.url, 'POST', '/api/transfers', file)).status).toBe(201);
  }, 120_000);

  it('says that a body of unknown length is not recorded yet when it ends meanwhile, and seals it afterwards', async () => {
    const opened = await askJson(server.url, 'POST', '/api/transfers', { files: [{ path: 'a.txt', sizeBytes: null }] });
    const { transfer, uploadToken } = opened.json<{ transfer: { id: string }; uploadToken: string }>();
    const headers = { Authorization: `Bearer ${uploadToken}` };
    const sending = request(`${server.url}/api/transfers/${transfer.id}/files/0`, { method: 'PUT', headers });
    const answered = once(sending, 'response');
    const stateNow = async () =>
      (await ask(server.url, `/api/transfers/${transfer.id}`, { headers })).json<{ state: string }>();
    sending.write('all of ');
    await waitFor('the body is being received', 10_000, async () =>
      (await ask(server.url, '/metrics')).body.includes('peerlink_uploads_active 1'),
    );
    postgres.freeze();
    try {
      sending.end('it');
      const [answer] = (await answered) as [IncomingMessage];
      answer.resume();
      expect(answer.statusCode).toBe(503);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    } finally {
      postgres.thaw();
    }
    await waitFor('it is sealed', 15_000, async () => (await stateNow()).state === 'sealed');
  }, 60_000);

  it('outlives a restart of PostgreSQL, with its sessions', async () => {
    const Cookie = (await ask(server.url, '/api/session', { method: 'POST' })).cookie;
    await postgres.crashAndRestart();
    await waitFor('it is ready again', 15_000, async () => (await ask(server.url, '/readyz')).status === 200);
    expect((await ask(server.url, '/api/session', { headers: { Cookie } })).status).toBe(200);
    expect(server.process.isRunning()).toBe(true);
  }, 60_000);

  it('drains although PostgreSQL is frozen', async () => {
    postgres.freeze();
    try {
      const startedMs = performance.now();
      expect(await server.stop()).toEqual({ code: 0, signal: null });
      expect(performance.now() - startedMs).toBeLessThan(30_000);
    } finally {
      postgres.thaw();
    }
  }, 90_000);
});
