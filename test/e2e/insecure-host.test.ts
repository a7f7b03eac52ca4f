import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { INSECURE_HOST, launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { freePort } from '../support/ports.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { curl, download, shareOf } from './world/receive.ts';
import { chooseBy, digestOn, pressSend } from './world/send.ts';
import { visit } from './world/visit.ts';

const MIB = 1024 * 1024;
let server: TestServer;
let browser: Browser;
let origin: string;
let resolving: string[];

beforeAll(async () => {
  const port = await freePort();
  origin = `http://${INSECURE_HOST}:${port}`;
  resolving = ['--resolve', `${INSECURE_HOST}:${port}:127.0.0.1`];
  server = await startServer({ isPageNeeded: true, port, env: { PUBLIC_URL: origin } });
  browser = await launchBrowser();
}, 240_000);

/** What lies on the clipboard, as a person finds out: by pasting it. */
async function pasted(page: Page): Promise<string> {
  await page.evaluate(() => {
    const field = document.createElement('textarea');
    field.id = 'pasted-here';
    document.body.append(field);
    field.focus();
  });
  await page.keyboard.press('Control+V');
  const field = page.locator('#pasted-here');
  const text = await field.inputValue();
  await field.evaluate((element) => element.remove());
  return text;
}

describe('plain HTTP from another machine', () => {
  // That it does not log an error either is held for every page that `visit` opens.
  it('opens on a secure context and without one', async () => {
    for (const [url, isSecure] of [
      [`http://127.0.0.1:${server.port}/`, true],
      [`${origin}/`, false],
    ] as const) {
      const page = await visit(browser, url);
      await page.getByRole('button', { name: 'Choose files' }).waitFor();
      expect(await page.evaluate(() => globalThis.isSecureContext)).toBe(isSecure);
      const has = await page.evaluate(() => ({
        worker: 'serviceWorker' in navigator,
        storage: 'storage' in navigator,
        picker: 'showSaveFilePicker' in window,
        awake: 'wakeLock' in navigator,
      }));
      expect(has).toEqual({ worker: isSecure, storage: isSecure, picker: isSecure, awake: isSecure });
      // A browser that says so all the same finds a page that can do without.
      await page.evaluate(() => window.dispatchEvent(new Event('appinstalled')));
      await page.goto(`${new URL(url).origin}/?text=hello`);
      await page.getByRole('textbox', { name: /^Name of Shared text/ }).waitFor();
    }
  }, 60_000);

  it('does the whole job: send, copy the link, receive, check', async () => {
    const source = join(tempDirectory('insecure'), 'from afar.bin');
    await makePatternFile(source, 9 * MIB + 3);
    const sender = await visit(browser, `${origin}/`);
    expect(await sender.evaluate(() => typeof navigator.clipboard)).toBe('undefined');
    await chooseBy(sender, 'Choose files', source);
    const link = await pressSend(sender);
    expect(link.startsWith(`${origin}/d/`)).toBe(true);
    const digest = await digestOn(sender);
    expect(digest).toBe(await b3sum(source));

    await sender.getByRole('button', { name: 'Copy link' }).click();
    await sender.getByRole('button', { name: 'Copied' }).waitFor();
    expect(await pasted(sender)).toBe(link);

    const recipient = await visit(browser, link);
    expect(await recipient.evaluate(() => globalThis.isSecureContext)).toBe(false);
    const saved = await download(recipient, recipient.getByRole('link', { name: 'Download', exact: true }));
    expect(saved.name).toBe('from afar.bin');
    expect(await b3sum(saved.path)).toBe(digest);
    expect(await b3sum((await curl(link, resolving)).path)).toBe(digest);
  }, 90_000);

  it('deletes, with the cookie of a host that has no HTTPS', async () => {
    const source = join(tempDirectory('insecure'), 'short.bin');
    await makePatternFile(source, 1000);
    const page = await visit(browser, `${origin}/`);
    await chooseBy(page, 'Choose files', source);
    const link = await pressSend(page);
    await digestOn(page);
    await page.goto(`${origin}/mine`);
    await page.getByRole('button', { name: 'Delete short.bin' }).click();
    await page.getByText('short.bin deleted').first().waitFor();
    expect((await shareOf(server.url, link)).share.state).toBe('sealed');
    const answered = page.waitForResponse((response) => response.request().method() === 'DELETE');
    // Leaving is no second thought.
    await page.getByRole('link', { name: 'Send', exact: true }).click();
    expect((await answered).status()).toBe(204);
    expect((await curl(link, resolving)).status).toBe(410);
  }, 60_000);
});
