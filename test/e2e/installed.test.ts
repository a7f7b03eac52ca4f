import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page, WebSocketRoute } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { openLine } from './world/line.ts';
import { chooseBy, pressSend, sealed } from './world/send.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const SCOPE = '/share-target';
let server: TestServer;
let browser: Browser;
const photo = join(tempDirectory('installed'), 'holiday.jpg');

beforeAll(async () => {
  await makePatternFile(photo, 9_000);
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

/** As browsers do once a page was installed. */
async function install(page: Page): Promise<void> {
  await page.evaluate(() => window.dispatchEvent(new Event('appinstalled')));
  await page.evaluate(async (scope) => {
    let worker: ServiceWorker | null | undefined;
    while (worker?.state !== 'activated') {
      const registration = await navigator.serviceWorker.getRegistration(scope);
      worker = registration?.active;
      await new Promise((soon) => setTimeout(soon, 20));
    }
  }, SCOPE);
}

/** As another app does that shares with an installed page: a form of its own, posted to the address of the manifest. */
async function shareFrom(page: Page, fields: Readonly<Record<string, string>>, file?: string): Promise<void> {
  await page.goto('about:blank');
  const inputs = Object.entries(fields).map(([name, value]) => `<input name="${name}" value="${value}">`);
  await page.setContent(
    `<form method="post" enctype="multipart/form-data" action="${server.url}${SCOPE}">${inputs.join('')}<input type="file" name="files"><button>Share</button></form>`,
  );
  if (file !== undefined) await page.locator('input[type=file]').setInputFiles(file);
  await Promise.all([page.waitForURL(`${server.url}/**`), page.getByRole('button', { name: 'Share' }).click()]);
}

describe('the manifest', () => {
  it('is one that Chromium installs from, with icons of the sizes it names', async () => {
    const page = await visit(browser, server.url);
    const session = await page.context().newCDPSession(page);
    const { errors, data } = await session.send('Page.getAppManifest');
    expect(errors).toEqual([]);
    const manifest = JSON.parse(data ?? '{}');
    expect(manifest.share_target).toMatchObject({ action: SCOPE, method: 'POST', enctype: 'multipart/form-data' });
    const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
    // Nothing is installed from a private window, and each context of a test is one.
    expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
    const pictures = manifest.icons.filter(({ type }: { type: string }) => type === 'image/png');
    expect(pictures).toHaveLength(4);
    for (const { src, sizes } of pictures) {
      const drawn = await page.evaluate(async (address) => {
        const picture = await createImageBitmap(await (await fetch(address)).blob());
        return `${picture.width}x${picture.height}`;
      }, src);
      expect({ src, drawn }).toEqual({ src, drawn: sizes });
    }
    for (const { url } of manifest.shortcuts) expect((await fetch(server.url + url)).status).toBe(200);
  }, 60_000);
});

describe('what other apps share', () => {
  it('waits in the list until it is sent, through a worker that has no say in anything else', async () => {
    const page = await visit(browser, server.url);
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    expect(await page.evaluate(async () => (await navigator.serviceWorker.getRegistrations()).length)).toBe(0);
    await install(page);

    await shareFrom(page, { title: 'A walk', text: 'along the river', url: 'https://example.test/walk' }, photo);
    await page.getByRole('heading', { name: /^2 files/ }).waitFor();
    await page.getByRole('textbox', { name: 'Name of holiday.jpg' }).waitFor();
    await page.getByRole('textbox', { name: /^Name of Shared text .*\.txt$/ }).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    // It caches nothing, and neither the page nor a download is its.
    const reach = await page.evaluate(async () => ({
      controller: navigator.serviceWorker.controller,
      caches: await caches.keys(),
      scopes: (await navigator.serviceWorker.getRegistrations()).map(({ scope }) => new URL(scope).pathname),
    }));
    expect(reach).toEqual({ controller: null, caches: [], scopes: [SCOPE] });
    await pressSend(page);
    await sealed(page);
    // Taken once.
    await page.goto(`${server.url}/?shared`);
    await page.getByText('What you shared did not arrive').waitFor();

    const hasGone = await page.evaluate(
      async (scope) => (await navigator.serviceWorker.getRegistration(scope))?.unregister(),
      SCOPE,
    );
    expect(hasGone).toBe(true);
    await shareFrom(page, { text: 'too late' });
    await page.getByText('What you shared did not arrive').waitFor();
    expect(page.url()).toBe(`${server.url}/`);
  }, 90_000);

  it('comes as text in the address, too, and is not added again by a reload', async () => {
    const page = await visit(browser, `${server.url}/?title=A%20walk&url=https%3A%2F%2Fexample.test%2Fwalk`);
    await page.getByRole('textbox', { name: /^Name of Shared text/ }).waitFor();
    expect(page.url()).toBe(`${server.url}/`);
    await page.reload();
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
  }, 60_000);

  it('is answered by the server where the worker is gone, whoever asks, and not kept', async () => {
    for (const origin of [server.url, 'null']) {
      const headers = { origin, 'content-type': 'multipart/form-data; boundary=x' };
      const answer = await fetch(server.url + SCOPE, { method: 'POST', redirect: 'manual', headers, body: '--x--' });
      expect([answer.status, answer.headers.get('location')]).toEqual([303, '/?shared=missing']);
    }
    expect((await fetch(server.url + SCOPE, { method: 'GET' })).status).toBe(404);
  }, 30_000);
});

describe('what the browser can do', () => {
  it('keeps the screen on while bytes move, tells the progress in the title, and shares the link', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, 'about:blank', { mayAppear: NETWORK_NEWS });
    await page.addInitScript(() => {
      const asked: string[] = [];
      Object.assign(window, { asked });
      const request = async (kind: string) => {
        asked.push(`hold ${kind}`);
        return { release: async () => void asked.push(`release ${kind}`) };
      };
      Object.defineProperty(navigator, 'wakeLock', { value: { request } });
      navigator.share = async (data) => void asked.push(`share ${data?.url}`);
      navigator.storage.persist = async () => asked.push('persist') > 0;
    });
    const asked = () => page.evaluate(() => (window as unknown as { asked: string[] }).asked);
    await page.goto(line.url);
    await chooseBy(page, 'Choose files', photo);
    const link = await pressSend(page);
    await waitFor('the screen is kept on', 10_000, async () => (await asked()).includes('hold screen'));
    expect(await page.title()).toMatch(/^\d+% · holiday\.jpg$/);
    await page.getByRole('button', { name: 'Share' }).click();
    line.allow(Number.POSITIVE_INFINITY);
    await sealed(page);
    await waitFor('it may go dark', 10_000, async () => (await asked()).includes('release screen'));
    expect(await page.title()).toBe('Sent and verified · PeerLink');
    // A page in a tab asks for no storage of its own; an installed one does.
    expect(await asked()).toEqual(['hold screen', `share ${link}`, 'release screen']);
    await install(page);
    expect((await asked()).at(-1)).toBe('persist');
  }, 60_000);

  it('offers to install where the browser does, once', async () => {
    const page = await visit(browser, server.url);
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    const button = page.getByRole('button', { name: 'Install' });
    expect(await button.count()).toBe(0);
    const isKept = await page.evaluate(() => {
      const offer = new Event('beforeinstallprompt', { cancelable: true });
      Object.assign(offer, { prompt: async () => document.body.setAttribute('data-prompted', '') });
      return !window.dispatchEvent(offer);
    });
    expect(isKept).toBe(true);
    await button.click();
    await button.waitFor({ state: 'detached' });
    expect(await page.locator('body').getAttribute('data-prompted')).toBe('');
  }, 60_000);
});

describe('what concerns the whole page', () => {
  it('is told: no network, a live connection that gave up, a newer page; and there is something to press', async () => {
    const page = await visit(browser, 'about:blank', { mayAppear: NETWORK_NEWS });
    const sockets: WebSocketRoute[] = [];
    let isRefusing = false;
    let watched = 0;
    let handshakes = 0;
    await page.routeWebSocket(/\/socket\.io\//, (socket) => {
      sockets.push(socket);
      if (isRefusing) {
        void socket.close();
        return;
      }
      const onward = socket.connectToServer();
      onward.onMessage((message) => {
        // A server that cannot look sessions up for a while says nothing against this one.
        if (message.toString().startsWith('40') && ++handshakes <= 2) {
          socket.send('44{"message":"Unavailable","data":{"type":"urn:peerlink:error:unavailable"}}');
          return;
        }
        const isGranted = message.includes('watchId');
        // The first time the home of the transfer is not to be reached.
        if (isGranted) watched += 1;
        const refusal = '[{"ok":false,"problem":{"type":"urn:peerlink:error:unavailable"}}]';
        socket.send(isGranted && watched === 1 ? message.toString().replace(/\[.*$/s, refusal) : message);
      });
    });
    await page.clock.install();
    await page.goto(server.url);
    // A share that is still open keeps the page listening.
    const link = await page.evaluate(async () => {
      const body = JSON.stringify({ files: [{ path: 'later.bin', sizeBytes: 5 }] });
      const headers = { 'content-type': 'application/json' };
      await fetch('/api/session', { method: 'POST', headers, body: '{}' });
      return (await (await fetch('/api/transfers', { method: 'POST', headers, body })).json()).transfer.link as string;
    });
    await page.goto(link);
    await waitFor('the page listens, and asks again', 20_000, () => watched > 1);
    expect(handshakes).toBeGreaterThan(2);

    await page.context().setOffline(true);
    await page.getByText('No network. What is under way goes on by itself').waitFor();
    await page.context().setOffline(false);
    await page.getByText('No network.').waitFor({ state: 'detached' });

    isRefusing = true;
    await Promise.all(sockets.map((socket) => socket.close()));
    const gaveUp = page.getByText('Live updates have stopped');
    await waitFor('it gives up', 30_000, async () => {
      await page.clock.fastForward(6_000);
      return await gaveUp.isVisible();
    });
    isRefusing = false;
    // The server's own answer to what the page asks, as of another build.
    await page.route(`${server.url}/`, async (route) => {
      const response = await route.fetch();
      const body = (await response.text()).replace(/\/assets\/index-[^"]+\.js/, '/assets/index-newer.js');
      await route.fulfill({ response, body });
    });
    await page.getByRole('button', { name: 'Connect again' }).click();
    await gaveUp.waitFor({ state: 'detached' });
    await page.getByText('The server has a newer version of this page.').waitFor();
    await page.getByRole('button', { name: 'Load it' }).click();
    await page.getByText('The server has a newer version').waitFor({ state: 'detached' });
    await page.getByRole('heading', { name: 'later.bin' }).waitFor();
  }, 90_000);

  it('and a part of it that did not load: nothing waits for a link with nothing behind it, and it goes on', async () => {
    const page = await visit(browser, server.url, { mayAppear: NETWORK_NEWS });
    await page.context().route(/upload-worker/, (route) => route.fulfill({ status: 404 }));
    await chooseBy(page, 'Choose files', photo);
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    const missing = page.getByText('A part of this page did not load');
    await missing.waitFor();
    await page.getByText('Choose the same file again and only what is missing is sent.').waitFor();
    expect(await page.getByRole('link', { name: /^Link: / }).count()).toBe(0);
    // The line was cut, no more.
    await page.context().unroute(/upload-worker/);
    await chooseBy(page, 'Choose it again', photo);
    await sealed(page);
    expect(await missing.count()).toBe(0);
  }, 60_000);
});
