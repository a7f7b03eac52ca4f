import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Locator, Page } from 'playwright-core';
import { ar } from '../../frontend/src/messages/ar.ts';
import { en } from '../../frontend/src/messages/en.ts';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { inspect } from './world/inspection.ts';
import { chooseBy } from './world/send.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const WIDTHS_PX = [390, 1280];
const LATIN_NAME = 'a very long name that nobody would type but a camera does 2026-11-22.jpeg';
const ARABIC_NAME = 'تقرير الربع الثالث.pdf';
let server: TestServer;
let browser: Browser;
const folder = tempDirectory('arabic');

beforeAll(async () => {
  await Promise.all([LATIN_NAME, ARABIC_NAME].map((name) => makePatternFile(join(folder, name), 5_000)));
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

const directionOf = (place: Locator) => place.evaluate((element) => getComputedStyle(element).direction);

/** From right to left, in Arabic, with nothing sticking out and nothing that keeps anybody out. */
async function expectRightToLeft(page: Page, state: string): Promise<void> {
  const before = page.viewportSize();
  for (const width of WIDTHS_PX) {
    await page.setViewportSize({ width, height: 800 });
    const seen = await page.evaluate(() => ({
      language: document.documentElement.lang,
      direction: getComputedStyle(document.body).direction,
      widthPx: document.documentElement.scrollWidth,
    }));
    expect({ state, ...seen }).toEqual({ state, language: 'ar', direction: 'rtl', widthPx: width });
  }
  if (before) await page.setViewportSize(before);
  await inspect(page, `in Arabic: ${state}`);
}

describe('for a browser that asks for Arabic', () => {
  it('sends, lists, deletes and receives from right to left; names, links and digests keep their own direction', async () => {
    const page = await visit(browser, server.url, { locale: 'ar', mayAppear: NETWORK_NEWS });
    await page.getByRole('heading', { name: ar.send.headline.join(' ') }).waitFor();
    await expectRightToLeft(page, 'send, empty');

    await chooseBy(page, ar.send.choose, [join(folder, LATIN_NAME), join(folder, ARABIC_NAME)]);
    await page.getByRole('heading', { name: ar.app.files(2, '2') }).waitFor();
    const rows = page.getByRole('list', { name: ar.send.listLabel }).getByRole('textbox');
    expect(await directionOf(rows.nth(0))).toBe('ltr');
    expect(await directionOf(rows.nth(1))).toBe('rtl');
    await expectRightToLeft(page, 'send, list');

    await page.getByRole('button', { name: ar.send.send, exact: true }).click();
    const link = page.getByRole('link', { name: new RegExp(`^${ar.upload.linkLabel}: `) });
    await link.waitFor();
    await page.getByText(ar.upload.phase.sealed).and(page.locator('p:not(.sr-only)')).waitFor();
    expect(await directionOf(link)).toBe('ltr');
    expect(
      await page
        .locator('canvas')
        .first()
        .evaluate((strip) => getComputedStyle(strip).scale),
    ).toBe('-1 1');
    const name = page.getByRole('listitem').getByText(LATIN_NAME);
    expect(await name.evaluate((element) => getComputedStyle(element).textAlign)).toBe('right');
    expect(await directionOf(name)).toBe('ltr');
    expect(await page.title()).toBe(ar.app.titlePage(ar.upload.phase.sealed));
    await expectRightToLeft(page, 'send, sent');
    const address = (await link.getAttribute('href')) ?? '';

    await page.goto(`${server.url}/mine`);
    await page.getByText(ar.mine.moreThan(1, '1')).waitFor();
    await expectRightToLeft(page, 'mine');
    await page.getByRole('button', { name: ar.mine.removeOf(LATIN_NAME) }).click();
    await page.getByRole('button', { name: ar.mine.undo }).click();
    await page.getByRole('button', { name: ar.mine.extendOf(LATIN_NAME) }).click();
    await page.getByRole('dialog', { name: ar.mine.extendOf(LATIN_NAME) }).waitFor();
    await expectRightToLeft(page, 'mine, extending');

    const recipient = await visit(browser, address, { locale: 'ar-MA', mayAppear: NETWORK_NEWS });
    await recipient.getByRole('heading', { name: ar.app.files(2, '2') }).waitFor();
    await recipient.getByRole('button', { name: ar.digest.of(ARABIC_NAME) }).click();
    const digest = recipient.getByText(/^[0-9a-f]{64}$/);
    expect(await directionOf(digest)).toBe('ltr');
    await expectRightToLeft(recipient, 'receive');
    await recipient.goto(`${server.url}/d/1111111111111111111111`);
    await recipient.getByRole('heading', { name: ar.receive.goneTitle.not_found }).waitFor();
    await expectRightToLeft(recipient, 'receive, not found');
    await recipient.goto(`${server.url}/people`);
    await recipient.getByText(ar.people.room.none, { exact: true }).waitFor();
    await expectRightToLeft(recipient, 'people, no room');
    await recipient.getByRole('button', { name: ar.people.room.make }).click();
    await recipient.getByText(ar.people.list.emptyTitle).waitFor();
    await expectRightToLeft(recipient, 'people, alone in a room');
    // The mark that others may see one takes no room: on a phone the pages stay in one line with the name.
    await recipient.setViewportSize({ width: 390, height: 800 });
    const pages = recipient.getByRole('navigation');
    await pages.getByRole('link', { name: ar.people.navigationSeen }).waitFor();
    const [pagesBox, headerBox] = await Promise.all([pages.boundingBox(), recipient.getByRole('banner').boundingBox()]);
    expect(headerBox?.height).toBeLessThan(2 * (pagesBox?.height ?? 0));
    await recipient.goto(`${server.url}/cluster`);
    await recipient.getByRole('heading', { name: ar.cluster.title }).waitFor();
    await expectRightToLeft(recipient, 'cluster, signing in');
  }, 120_000);
});

describe('the switch in the page', () => {
  it('changes the language at once, remembers it, and loads no other one unasked', async () => {
    const page = await visit(browser, 'about:blank');
    const asked: string[] = [];
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(`${server.url}/mine`);
    await page.getByRole('heading', { name: en.mine.title, exact: true }).waitFor();
    await page.evaluate(() => document.fonts.ready);
    expect(asked.filter((url) => /\/(ar|arabic)[-.]|-arabic-/.test(url))).toEqual([]);

    const arabic = page.getByRole('button', { name: 'العربية' });
    expect(await arabic.getAttribute('aria-pressed')).toBe('false');
    await arabic.focus();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: ar.mine.title, exact: true }).waitFor();
    expect(await arabic.getAttribute('aria-pressed')).toBe('true');
    expect(asked.filter((url) => /\/assets\/ar-/.test(url))).toHaveLength(1);
    await page.reload();
    await page.getByRole('heading', { name: ar.mine.title, exact: true }).waitFor();
    expect(await directionOf(page.locator('body'))).toBe('rtl');
    await page.getByRole('button', { name: 'English' }).click();
    await page.getByRole('heading', { name: en.mine.title, exact: true }).waitFor();
    await page.reload();
    await page.getByRole('heading', { name: en.mine.title, exact: true }).waitFor();
    expect(await directionOf(page.locator('body'))).toBe('ltr');
  }, 60_000);

  it('a language that cannot be had leaves the page in English, and says so where it was asked for', async () => {
    const page = await visit(browser, 'about:blank', { locale: 'ar', mayAppear: NETWORK_NEWS });
    await page.route('**/assets/ar-*.js', (route) => route.abort());
    await page.goto(server.url);
    await page.getByRole('heading', { name: en.send.headline.join(' ') }).waitFor();
    await page.getByRole('button', { name: 'العربية' }).click();
    await page.getByText(en.app.languageFailed).waitFor();
    expect(await directionOf(page.locator('body'))).toBe('ltr');
  }, 60_000);
});
