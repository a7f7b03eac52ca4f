import { beforeAll, describe, expect, it } from '@jest/globals';
import { startServer, type TestServer } from '../../support/server.ts';
import { type Answer, ask, askJson, openMany, ownAddress } from './edge-client.ts';

const file = { files: [{ path: 'a.txt', sizeBytes: 3 }] };
const linkOf = (answer: Answer) => answer.json<{ transfer: { link: string } }>().transfer.link;

describe('without a trusted proxy', () => {
  let server: TestServer;

  beforeAll(async () => {
    server = await startServer({
      env: {
        RATE_LIMIT_UPLOADS_PER_MINUTE: '5',
        RATE_LIMIT_DOWNLOADS_PER_MINUTE: '3',
        MAX_CONCURRENT_TRANSFERS: '100',
        ENABLE_METRICS: 'false',
        CORS_ORIGIN: 'http://peerlink.test:7000',
      },
    });
  }, 240_000);

  it('begins links with the Host only when it is this machine or listed, and ignores X-Forwarded-Host', async () => {
    const link = async (headers: Record<string, string>) =>
      linkOf(await askJson(server.url, 'POST', '/api/transfers', file, headers));
    expect(await link({ Host: 'peerlink.test:7000' })).toMatch(/^http:\/\/peerlink\.test:7000\/d\//);
    expect(await link({ Host: 'evil.com', 'X-Forwarded-Host': 'evil.com', 'X-Forwarded-Proto': 'https' })).toMatch(
      new RegExp(`^http://localhost:${server.port}/d/`),
    );
    expect(
      await link({ Host: `127.0.0.1:${server.port}`, 'X-Forwarded-Host': 'evil.com', Forwarded: 'host=evil.com' }),
    ).toMatch(new RegExp(`^http://127\\.0\\.0\\.1:${server.port}/d/`));
  });

  it('counts by the address of the socket, whatever X-Forwarded-For says', async () => {
    const answers: Answer[] = [];
    for (let count = 0; count < 8; count += 1) {
      answers.push(
        await ask(server.url, `/f${count}`, {
          method: 'PUT',
          body: 'abc',
          headers: {
            'X-Forwarded-For': `203.0.113.${count}`,
            'X-Real-IP': `203.0.113.${count}`,
            Forwarded: `for=203.0.113.${count}`,
          },
        }),
      );
    }
    // Three of the five were used for the links above.
    expect(answers.map(({ status }) => status)).toEqual([201, 201, 429, 429, 429, 429, 429, 429]);
    expect(answers[2]?.type).toBe('rate_limited');
    expect(Number(answers[2]?.headers['retry-after'])).toBeGreaterThan(0);
    const share = new URL(answers[0]?.body.trim() ?? '').pathname;
    const downloads = [];
    for (let count = 0; count < 5; count += 1) downloads.push((await ask(server.url, share)).status);
    expect(downloads).toEqual([200, 200, 200, 429, 429]);
  });

  it('has no /metrics when ENABLE_METRICS is false', async () => {
    expect(await ask(server.url, '/metrics')).toMatchObject({ status: 404, type: 'not_found' });
  });

  it('holds whoever guesses a password', async () => {
    const opened = await askJson(server.url, 'POST', '/api/transfers', { ...file, password: 'geheim' });
    expect(opened).toMatchObject({ status: 429 });
  });
});

describe('behind a trusted proxy with PUBLIC_URL', () => {
  let server: TestServer;
  /** Of these files 150 may be connections of one address. */
  const openFiles = 400;
  const proxyAddress = ownAddress() ?? '127.0.0.1';
  const viaProxy = (address: string, more: Record<string, string> = {}) => ({
    'X-Forwarded-For': address,
    'X-Forwarded-Proto': 'https',
    Host: 'share.example.com',
    ...more,
  });

  beforeAll(async () => {
    server = await startServer({
      launcher: ['prlimit', `--nofile=${openFiles}:${openFiles}`],
      env: {
        TRUSTED_PROXIES: `127.0.0.0/8,${proxyAddress}`,
        PUBLIC_URL: 'https://share.example.com',
        RATE_LIMIT_UPLOADS_PER_MINUTE: '4',
      },
    });
  }, 240_000);

  it('counts each client by itself, by the right-most address that is no proxy', async () => {
    const statuses = [];
    for (let count = 0; count < 6; count += 1) {
      statuses.push(
        (await askJson(server.url, 'POST', '/api/transfers', file, viaProxy(`6.6.6.${count}, 203.0.113.1`))).status,
      );
    }
    expect(statuses).toEqual([201, 201, 201, 201, 429, 429]);
    expect((await askJson(server.url, 'POST', '/api/transfers', file, viaProxy('203.0.113.2'))).status).toBe(201);
  });

  it('does not count the connections of the proxy, which brings everybody', async () => {
    const sockets = await openMany(server.port, proxyAddress, 200);
    expect(sockets).toHaveLength(200);
    for (const socket of sockets) socket.destroy();
  });

  it('sets Secure cookies with the __Host- prefix, and takes them back from its own page only', async () => {
    const made = await ask(server.url, '/api/session', { method: 'POST', headers: viaProxy('203.0.113.3') });
    expect(made.headers['set-cookie']?.[0]).toMatch(
      /^__Host-pl_[\w-]+=\w{43}; Max-Age=\d+; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
    );
    const rename = (Origin: string) =>
      askJson(
        server.url,
        'PATCH',
        '/api/session',
        { displayName: 'Ada' },
        viaProxy('203.0.113.3', { Cookie: made.cookie, Origin }),
      );
    expect((await rename('https://share.example.com')).status).toBe(200);
    expect((await rename('https://share.example.co')).status).toBe(403);
  });

  it('begins every link with PUBLIC_URL', async () => {
    const opened = await askJson(
      server.url,
      'POST',
      '/api/transfers',
      file,
      viaProxy('203.0.113.4', { 'X-Forwarded-Host': 'evil.com' }),
    );
    expect(linkOf(opened)).toMatch(/^https:\/\/share\.example\.com\/d\//);
  });

  it('holds whoever guesses a password, and no one else', async () => {
    const opened = await askJson(
      server.url,
      'POST',
      '/api/transfers',
      { ...file, password: 'geheim' },
      viaProxy('203.0.113.5'),
    );
    const { shareId } = opened.json<{ transfer: { shareId: string } }>().transfer;
    const guess = (address: string, password: string) =>
      askJson(server.url, 'POST', `/api/shares/${shareId}/grant`, { password }, viaProxy(address));
    const types = [];
    for (let count = 0; count < 24; count += 1) types.push((await guess('203.0.113.6', `wrong-${count}`)).type);
    expect(types.filter((type) => type === 'bad_password')).toHaveLength(20);
    expect(types.slice(20)).toEqual(Array(4).fill('rate_limited'));
    expect((await guess('203.0.113.6', 'geheim')).type).toBe('rate_limited');
    expect((await guess('203.0.113.7', 'geheim')).status).toBe(201);
  });
});
