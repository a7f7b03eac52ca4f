import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { OperatorOverview } from '../../../services/contracts/operator.ts';
import { startProcess } from '../../support/processes.ts';
import { ROOT, startServer, type TestServer } from '../../support/server.ts';
import { openTerminal } from '../../support/terminal.ts';
import { waitFor } from '../../support/waiting.ts';
import { type Ask, ask, askJson } from './edge-client.ts';

const OVERVIEW = '/api/operator/overview';
const SESSION = '/api/operator/session';
const TOKEN_LINE = /^Operator token, shown only this once: ([\w-]{32})$/gm;
/** Whoever is told whether a token is right is the only proxy here, so each test has an address to itself. */
const env = { TRUSTED_PROXIES: '127.0.0.1/32' };

let server: TestServer;
let token: string;
beforeAll(async () => {
  server = await startServer({ isFirstStart: true, env });
  token = tokensIn(server.log())[0] ?? '';
}, 180_000);
afterAll(async () => void (await server.stop()));

const tokensIn = (text: string): readonly string[] => [...text.matchAll(TOKEN_LINE)].map(([, found]) => found ?? '');
const bearer = (value: string) => ({ Authorization: `Bearer ${value}` });
const overviewWith = (headers: Ask['headers'] = {}) => ask(server.url, OVERVIEW, { headers });
const signIn = (value: unknown, headers: Readonly<Record<string, string>> = {}) =>
  askJson(server.url, 'POST', SESSION, { token: value }, headers);
const from = (address: string) => ({ 'X-Forwarded-For': address });

async function renew(extra: Readonly<Record<string, string>> = {}): Promise<string> {
  const program = startProcess(process.execPath, [join(ROOT, 'scripts', 'admin-token.mjs')], {
    cwd: ROOT,
    // A page built now would be another one than the installation serves.
    env: { PATH: process.env.PATH, DATA_DIR: server.dataDirectory, VITE_CHUNK_SIZE: '65536', ...extra },
  });
  expect(await program.exited(60_000)).toEqual({ code: 0, signal: null });
  return program.log();
}
/** What the page was last built of; null: it was not built. */
function pageStamp(): string | null {
  const path = join(ROOT, 'dist', '.build', 'page');
  return existsSync(path) ? readFileSync(path, 'utf8') : null;
}

describe('the operator', () => {
  it('finds his token once on standard output after the first start, and in no line of the log', () => {
    expect(tokensIn(server.log())).toHaveLength(1);
    expect(server.log().split(token)).toHaveLength(2);
  });

  it('sees the node with a bearer, and without one nobody is told anything', async () => {
    const seen = await overviewWith(bearer(token));
    expect(seen.status).toBe(200);
    expect(seen.headers['cache-control']).toBe('no-store');
    const overview = seen.json<OperatorOverview>();
    const [node] = overview.nodes;
    expect(overview).toMatchObject({ mode: 'embedded', transferCount: 0, flows: [], leader: { epoch: 1 } });
    expect(node).toMatchObject({
      isLeader: true,
      isAnswering: true,
      health: { state: expect.stringMatching(/^(healthy|degraded)$/) },
      version: '2.0.0',
    });
    expect(overview.events.map(({ kind }) => kind).sort()).toEqual(['elected', 'joined']);
    expect(overview.history?.total.clientBytesIn).toHaveLength(90);
    const nodeId = node?.health.nodeId ?? '';
    const asked = [
      await overviewWith(),
      await overviewWith({ ...from('203.0.113.1'), ...bearer(`${token}x`) }),
      await overviewWith({ Cookie: 'pl_operator=o2.1790000000.abc.def' }),
      await ask(server.url, `/api/operator/nodes/${nodeId}/drain`, { method: 'POST' }),
      await ask(server.url, '/api/operator/nodes/nobodyhere12/drain', { method: 'POST' }),
      await ask(server.url, `/api/operator/nodes/${nodeId}/give-up`),
      await ask(server.url, `/api/operator/nodes/${nodeId}/give-up`, { method: 'POST' }),
    ];
    for (const answer of asked) {
      expect([answer.status, answer.type]).toEqual([401, 'bad_token']);
      expect(answer.body).not.toContain(nodeId);
    }
  });

  it('signs in for a cookie that only this path and this site get, and signs out for good', async () => {
    const wrong = await signIn(`${token.slice(1)}x`, from('203.0.113.2'));
    expect([wrong.status, wrong.type, wrong.cookie]).toEqual([401, 'bad_token', '']);
    const signedIn = await signIn(token);
    expect(signedIn.status).toBe(204);
    const [cookie = ''] = signedIn.headers['set-cookie'] ?? [];
    expect(cookie).toMatch(
      /^pl_operator_[\w-]+=[\w.-]+; Max-Age=43200; Path=\/api\/operator; HttpOnly; SameSite=Strict$/,
    );
    expect((await overviewWith({ Cookie: signedIn.cookie })).status).toBe(200);
    const overHttps = await signIn(token, { 'X-Forwarded-Proto': 'https' });
    const [secure = ''] = overHttps.headers['set-cookie'] ?? [];
    expect(secure).toMatch(/^__Secure-pl_operator_.*; HttpOnly; Secure; SameSite=Strict$/);
    const forged = signedIn.cookie.replace(/o2\.\d+\./, 'o2.9999999999.');
    expect(forged).not.toBe(signedIn.cookie);
    expect((await overviewWith({ Cookie: forged })).type).toBe('bad_token');
    const out = await ask(server.url, SESSION, { method: 'DELETE', headers: { Cookie: signedIn.cookie } });
    expect(out.status).toBe(204);
    expect(out.headers['set-cookie']?.[0]).toMatch(/=; Max-Age=0; Path=\/api\/operator;/);
    // Whoever has a copy of it has nothing, and whoever signed in elsewhere stays.
    expect((await overviewWith({ Cookie: signedIn.cookie })).type).toBe('bad_token');
    const onHttps = { Cookie: overHttps.cookie, 'X-Forwarded-Proto': 'https' };
    expect((await overviewWith(onHttps)).status).toBe(200);
    const outElsewhere = { method: 'DELETE', headers: { ...onHttps, Origin: 'https://evil.example' } };
    expect((await ask(server.url, SESSION, outElsewhere)).type).toBe('bad_origin');
    expect((await overviewWith(onHttps)).status).toBe(200);
  });

  it('changes something with the cookie only from our own page', async () => {
    const { cookie } = await signIn(token);
    const drain = (headers: Readonly<Record<string, string>>) =>
      ask(server.url, '/api/operator/nodes/nobodyhere12/drain', { method: 'POST', headers });
    expect((await drain({ Cookie: cookie })).type).toBe('bad_origin');
    expect((await drain({ Cookie: cookie, Origin: 'https://evil.example' })).type).toBe('bad_origin');
    expect((await drain({ Cookie: cookie, Origin: server.url })).type).toBe('not_found');
    expect((await drain(bearer(token))).type).toBe('not_found');
    expect((await overviewWith({ Cookie: cookie, Origin: 'https://evil.example' })).type).toBe('bad_origin');
    expect((await signIn(token, { Origin: 'https://evil.example' })).type).toBe('bad_origin');
    for (const value of [undefined, 7, '', 'x'.repeat(2_000)]) expect((await signIn(value)).type).toBe('bad_request');
  });

  it('gives up on no node that nobody knows, nor on the one he asks, and only from our own page', async () => {
    const { cookie } = await signIn(token);
    const [nodeId] = (await overviewWith(bearer(token)))
      .json<OperatorOverview>()
      .nodes.map(({ health }) => health.nodeId);
    const giveUp = (method: string, id: string | undefined, headers: Ask['headers'] = bearer(token)) =>
      ask(server.url, `/api/operator/nodes/${id}/give-up`, { method, headers: headers ?? {} });
    for (const method of ['GET', 'POST']) {
      const unknown = await giveUp(method, 'nobodyhere12');
      expect([unknown.status, unknown.type]).toEqual([404, 'not_found']);
      const living = await giveUp(method, nodeId);
      expect([living.status, living.type]).toEqual([409, 'node_alive']);
      expect(living.json<{ detail: string }>().detail).toBe(
        `Node ${nodeId} is the one you ask. It lives: drain it instead.`,
      );
    }
    expect((await giveUp('POST', nodeId, { Cookie: cookie })).type).toBe('bad_origin');
    expect((await giveUp('POST', nodeId, { Cookie: cookie, Origin: 'https://evil.example' })).type).toBe('bad_origin');
    expect((await giveUp('POST', nodeId, { Cookie: cookie, Origin: server.url })).type).toBe('node_alive');
    expect((await giveUp('GET', nodeId, { Cookie: cookie })).type).toBe('node_alive');
  });

  it('has his transfers listed without names or addresses, those that are open first', async () => {
    const put = await ask(server.url, '/a-secret-name.bin', { method: 'PUT', body: 'twelve bytes' });
    expect(put.status).toBe(201);
    const opened = await askJson(server.url, 'POST', '/api/transfers', {
      files: [{ path: 'b-secret', sizeBytes: 50 }],
    });
    expect(opened.status).toBe(201);
    const answer = await waitFor('both are in the overview', 5_000, async () => {
      const found = await overviewWith(bearer(token));
      return found.json<OperatorOverview>().transferCount === 2 ? found : null;
    });
    const { transfers, nodes } = answer.json<OperatorOverview>();
    expect(nodes[0]?.homeCount).toBe(2);
    expect(
      transfers.map(({ state, totalBytes, committedBytes, strip, readerCount }) => ({
        state,
        totalBytes,
        committedBytes,
        strip,
        readerCount,
      })),
    ).toEqual([
      { state: 'open', totalBytes: 50, committedBytes: 0, strip: '0', readerCount: 0 },
      { state: 'sealed', totalBytes: 12, committedBytes: 12, strip: null, readerCount: 0 },
    ]);
    for (const secret of ['secret', '127.0.0.1', '203.0.113']) expect(answer.body).not.toContain(secret);
  });

  it('is told no more whether a token is right after five wrong ones from an address, however many come at once', async () => {
    const address = from('203.0.113.9');
    const guesses = await Promise.all(Array.from({ length: 9 }, (_, n) => signIn(`wrong token number ${n}`, address)));
    const types = guesses.map(({ type }) => type).sort();
    expect(types).toEqual([...Array(5).fill('bad_token'), ...Array(4).fill('rate_limited')]);
    for (const answer of [await signIn(token, address), await overviewWith({ ...address, ...bearer(token) })]) {
      expect([answer.status, answer.type]).toEqual([429, 'rate_limited']);
      expect(Number(answer.headers['retry-after'])).toBeGreaterThan(0);
    }
    expect((await overviewWith({ ...from('203.0.113.10'), ...bearer(token) })).status).toBe(200);
  });

  it('has the commands of the console on one process too, and is told what to do where none runs', async () => {
    const repl = `${process.execPath} ${join(ROOT, 'dist', 'services', 'main.js')} --repl`;
    const terminal = openTerminal(repl, { DATA_DIR: server.dataDirectory });
    await terminal.says(/peerlink \$ $/);
    terminal.type('peerlink nodes');
    expect(await terminal.says(/^1 node$/m)).toMatch(/^\w{12} +(healthy|degraded) +leads /m);
    terminal.type('peerlink scrub');
    await terminal.says(/: 1 chunk checked, 0 repaired, 0 damaged/);
    terminal.type('peerlink dance');
    await terminal.says(/there is no command peerlink dance; usage: peerlink nodes/);
    terminal.type('peerlink give-up nobody');
    const [, nodeId] = /no node is called nobody; there are: (\w+)/.exec(await terminal.says(/there are: \w+\s/)) ?? [];
    terminal.type(`peerlink give-up ${nodeId} --confirm`);
    await terminal.says(new RegExp(`^Node ${nodeId} is the one you ask. It lives: drain it instead.$`, 'm'));
    terminal.type('call node.health');
    await terminal.says(/eventLoopUse/);
    terminal.type('quit');
    expect(await terminal.ended()).toBe(0);
    const nowhere = openTerminal(repl, { DATA_DIR: join(server.dataDirectory, 'nowhere') });
    await nowhere.says(/No PeerLink is running on .*Start it with npm start/);
    expect(await nowhere.ended()).toBe(1);
  }, 60_000);

  it('makes the old token and its cookies worthless with npm run admin-token, while the node runs and while it does not', async () => {
    const { cookie } = await signIn(token);
    const page = pageStamp();
    const [made = ''] = tokensIn(await renew());
    expect(pageStamp()).toBe(page);
    expect((await overviewWith({ ...from('203.0.113.20'), ...bearer(token) })).type).toBe('bad_token');
    expect((await overviewWith({ Cookie: cookie })).type).toBe('bad_token');
    expect((await overviewWith(bearer(made))).status).toBe(200);
    await server.stop();
    const said = await renew({ ADMIN_TOKEN: 'chosen-by-the-operator' });
    expect(said).toContain('ADMIN_TOKEN is set');
    const [second = ''] = tokensIn(said);
    server = await startServer({ dataDirectory: server.dataDirectory, env });
    expect((await overviewWith(bearer(made))).type).toBe('bad_token');
    expect((await overviewWith(bearer(second))).status).toBe(200);
    expect(tokensIn(server.log())).toEqual([]);
    await server.stop();
    server = await startServer({
      dataDirectory: server.dataDirectory,
      env: { ...env, ADMIN_TOKEN: 'chosen-by-the-operator' },
    });
    expect((await overviewWith({ ...from('203.0.113.21'), ...bearer(second) })).type).toBe('bad_token');
    expect((await overviewWith(bearer('chosen-by-the-operator'))).status).toBe(200);
    expect(server.log()).not.toContain('chosen-by-the-operator');
  }, 120_000);
});
