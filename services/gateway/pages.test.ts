import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { createPages } from './pages.ts';

const undo: (() => void)[] = [];
afterEach(() => {
  for (const act of undo.splice(0)) act();
});

async function serve(
  files: Record<string, string>,
  origins: () => readonly string[] = () => ['https://n1.test'],
  isCompressionEnabled = true,
): Promise<{
  get: (path: string, headers?: Record<string, string>, method?: string) => Promise<Response>;
  directory: string;
}> {
  const directory = mkdtempSync(join(tmpdir(), 'peerlink-pages-'));
  undo.push(() => rmSync(directory, { recursive: true }));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), text);
  }
  const pages = createPages(directory, origins, () => undefined, isCompressionEnabled);
  await pages.loaded;
  const server: Server = createServer((req, res) => {
    if (req.url === '/') pages.answerIndex(req, res);
    else if (req.url === '/unknown' && pages.answerUnknown(req, res)) return;
    else if (!pages.answerAsset(req, res, req.url ?? '')) {
      res.statusCode = 404;
      res.end();
    }
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  undo.push(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return {
    directory,
    get: (path, headers = {}, method = 'GET') =>
      fetch(`http://127.0.0.1:${port}${path}`, { headers: { 'Accept-Encoding': 'identity', ...headers }, method }),
  };
}

const long = 'let a = 1;\n'.repeat(500);
const site = {
  'index.html': '<!doctype html><p>page</p>',
  'assets/index-1a2b.js': long,
  'icon.svg': '<svg/>',
  'manifest.webmanifest': '{}',
  'secret.key': 'x',
  '.hidden': 'x',
};

describe('pages', () => {
  it('serve index.html under a policy that runs nothing inline', async () => {
    const { get } = await serve(site);
    const answer = await get('/');
    expect(answer.status).toBe(200);
    expect(await answer.text()).toContain('page');
    expect(answer.headers.get('cache-control')).toBe('no-cache');
    const policy = answer.headers.get('content-security-policy') ?? '';
    expect(policy.split('; ')).toEqual([
      "default-src 'none'",
      "script-src 'self'",
      "style-src 'self'",
      "img-src 'self' data: blob:",
      "font-src 'self'",
      "connect-src 'self' https://n1.test wss://n1.test",
      "worker-src 'self' blob:",
      "manifest-src 'self'",
      "frame-src 'self'",
      "base-uri 'none'",
      "form-action 'none'",
      "frame-ancestors 'none'",
    ]);
  });

  it('answer an unknown address with the page, as not found and never kept', async () => {
    const { get } = await serve(site);
    const tag = (await get('/')).headers.get('etag') ?? '';
    const answer = await get('/unknown', { 'If-None-Match': tag });
    expect([answer.status, await answer.text()]).toEqual([404, site['index.html']]);
    expect(answer.headers.get('cache-control')).toBe('no-store');
    expect(answer.headers.get('content-security-policy')).toContain("default-src 'none'");
    const { get: getUnbuilt } = await serve({});
    expect((await getUnbuilt('/unknown')).status).toBe(404);
  });

  it('follow the nodes: a policy that changed is another page and another worker, and nothing else', async () => {
    let nodes: readonly string[] = ['https://n1.test'];
    const { get } = await serve(
      { ...site, 'assets/upload-worker-1a2b.js': long, 'share-target-worker.js': long },
      () => nodes,
    );
    const paths = ['/', '/assets/upload-worker-1a2b.js', '/share-target-worker.js', '/assets/index-1a2b.js'];
    const tags = await Promise.all(paths.map(async (path) => (await get(path)).headers.get('etag') ?? ''));
    const again = () =>
      Promise.all(paths.map(async (path, index) => (await get(path, { 'If-None-Match': tags[index] ?? '' })).status));
    expect(await again()).toEqual([304, 304, 304, 304]);
    nodes = ['https://n1.test', 'http://n2.test:5001'];
    expect(await again()).toEqual([200, 200, 200, 304]);
    for (const path of ['/', '/assets/upload-worker-1a2b.js', '/share-target-worker.js']) {
      const answer = await get(path);
      expect(answer.headers.get('content-security-policy')).toContain('http://n2.test:5001 ws://n2.test:5001;');
      expect(answer.headers.get('cache-control')).toBe('no-cache');
    }
  });

  it('serve assets for ever, by their hashed names, and others for an hour', async () => {
    const { get } = await serve(site);
    const script = await get('/assets/index-1a2b.js');
    expect(script.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect(script.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
    expect((await get('/icon.svg')).headers.get('cache-control')).toBe('public, max-age=3600');
    const manifest = await get('/manifest.webmanifest');
    expect(manifest.headers.get('content-type')).toBe('application/manifest+json');
    expect(manifest.headers.get('cache-control')).toBe('public, max-age=3600');
  });

  it.each([
    ['br', 'br'],
    ['gzip, deflate, br, zstd', 'br'],
    ['gzip, br;q=0', 'gzip'],
    ['br;q=0, gzip;q=0', null],
    ['', null],
    ['deflate', null],
  ])('compress for Accept-Encoding "%s" as %s', async (accepted, encoding) => {
    const { get } = await serve(site);
    const answer = await get('/assets/index-1a2b.js', { 'Accept-Encoding': accepted });
    expect(answer.headers.get('content-encoding')).toBe(encoding);
    expect(answer.headers.get('vary')).toContain('Accept-Encoding');
    expect(await answer.text()).toBe(long);
  });

  it('are whole for all who ask at once, the first time and later', async () => {
    const { get } = await serve(site);
    const asked = ['br', 'gzip', 'identity', 'br', 'gzip'];
    for (const _time of [1, 2]) {
      const answers = await Promise.all(asked.map((one) => get('/assets/index-1a2b.js', { 'Accept-Encoding': one })));
      expect(answers.map(({ headers }) => headers.get('content-encoding') ?? 'identity')).toEqual(asked);
      for (const answer of answers) expect(await answer.text()).toBe(long);
    }
  });

  it('go out as they are when ENABLE_COMPRESSION says so', async () => {
    const { get } = await serve(site, undefined, false);
    const answer = await get('/assets/index-1a2b.js', { 'Accept-Encoding': 'br, gzip' });
    expect(answer.headers.get('content-encoding')).toBeNull();
    expect(await answer.text()).toBe(long);
  });

  it('answer 304 to a browser that has it, and no body to HEAD', async () => {
    const { get } = await serve(site);
    const etag = (await get('/')).headers.get('etag') ?? '';
    expect((await get('/', { 'If-None-Match': `"other", W/${etag}` })).status).toBe(304);
    expect((await get('/', { 'If-None-Match': '"other"' })).status).toBe(200);
    const head = await get('/assets/index-1a2b.js', {}, 'HEAD');
    expect(head.headers.get('content-length')).toBe(String(long.length));
    expect(await head.text()).toBe('');
  });

  it.each([
    '/secret.key',
    '/.hidden',
    '/index.html',
    '/assets',
    '/assets/',
    '/assets/%2e%2e/secret.key',
    '/assets/../icon.svg%00',
    '/toString',
    '/__proto__',
  ])('have nothing at %s', async (path) => {
    const { get } = await serve(site);
    expect((await get(path)).status).toBe(404);
  });

  it('say that they were not built, and are there as soon as they are', async () => {
    const { get, directory } = await serve({});
    const missing = await get('/');
    expect(missing.status).toBe(503);
    expect(await missing.text()).toContain('npm run build');
    writeFileSync(join(directory, 'index.html'), 'built now');
    const deadline = performance.now() + 10_000;
    let text = '';
    while (!text.includes('built now') && performance.now() < deadline) {
      text = await (await get('/')).text();
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(text).toBe('built now');
  });

  it('are all there in the end when they were first found while they were written', async () => {
    const { get, directory } = await serve({});
    const isPageThere = async () => (await get('/')).status === 200;
    writeFileSync(join(directory, 'index.html'), 'built now');
    await waitFor('the page', 20_000, isPageThere);
    mkdirSync(join(directory, 'assets'));
    writeFileSync(join(directory, 'assets', 'late-1a2b.js'), long);
    const lateText = async () => (await isPageThere()) && (await get('/assets/late-1a2b.js')).text();
    expect(await waitFor('the late file', 20_000, lateText)).toBe(long);
  }, 45_000);
});
