import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { openLine } from './world/line.ts';
import { pickNothing } from './world/own-file.ts';
import { expectQrOf } from './world/qr.ts';
import { curl } from './world/receive.ts';
import { digestOn, linkOn, sealed } from './world/send.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const MAX_STEPS = 40;
const TOKEN = 'operator-of-one-test-only';
let server: TestServer;
let browser: Browser;
const source = join(tempDirectory('keys'), 'letter.txt');

beforeAll(async () => {
  await makePatternFile(source, 70_000);
  server = await startServer({ isPageNeeded: true, env: { ADMIN_TOKEN: TOKEN } });
  browser = await launchBrowser();
}, 240_000);

interface Focused {
  readonly name: string;
  readonly role: string;
  readonly hasRing: boolean;
}

/** The element with the focus: its name, its kind, and whether an outline shows where it is. */
function focused(page: Page): Promise<Focused> {
  return page.evaluate(() => {
    const element = document.activeElement;
    // From the last element Tab goes to the browser's own buttons, and from there to the first.
    if (!(element instanceof HTMLElement) || element === document.body) return { name: '', role: '', hasRing: true };
    const labels = element instanceof HTMLInputElement || element instanceof HTMLSelectElement ? element.labels : null;
    const name = element.getAttribute('aria-label') ?? labels?.[0]?.textContent ?? element.textContent ?? '';
    const style = getComputedStyle(element);
    return {
      name: name.trim(),
      role: element.tagName.toLowerCase(),
      hasRing: style.outlineStyle !== 'none' && Number.parseFloat(style.outlineWidth) >= 2,
    };
  });
}

/** Presses Tab until the element of this name has the focus, which must be seen on every way-point. */
async function tabTo(page: Page, name: string, role?: string): Promise<void> {
  const passed: string[] = [];
  for (let step = 0; step < MAX_STEPS; step++) {
    await page.keyboard.press('Tab');
    const now = await focused(page);
    passed.push(now.name);
    if (!now.hasRing) throw new Error(`no visible focus on ${JSON.stringify(now.name)}`);
    if (now.name === name && (role ?? now.role) === now.role) return;
  }
  throw new Error(`Tab does not reach ${name}; it passed ${JSON.stringify(passed)}`);
}

/** Tabs to it, and presses Enter. */
async function enter(page: Page, name: string, role?: string): Promise<void> {
  await tabTo(page, name, role);
  await page.keyboard.press('Enter');
}

const focusIsOn = (page: Page, name: string) =>
  waitFor(`${name} has the focus`, 5_000, async () => (await focused(page)).name === name);
/** For want of anything nearer: the next Tab goes on inside the page, and not at its top. */
const focusIsInPage = (page: Page) =>
  waitFor('the focus is in the page', 5_000, () => page.evaluate(() => document.activeElement?.id === 'content'));

/** Whoever is named offers the letter to the other one, who is asked about it. */
async function offerByKeys(page: Page, to: string, recipient: Page): Promise<void> {
  await tabTo(page, to, 'button');
  await page.keyboard.press('Space');
  await tabTo(page, 'Choose files');
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
  await chooser.setFiles(source);
  await recipient.getByRole('dialog', { name: /wants to send you something$/ }).waitFor();
  // What it was sent with is gone; whom it was for is not.
  await focusIsOn(page, to);
}

/** What can be sent is under the thumb, as wide as the phone, and does not hide whom it is for. */
async function seesWhomItIsForOnPhone(page: Page, to: string): Promise<void> {
  const before = page.viewportSize();
  const phone = { width: 390, height: 560 };
  await page.setViewportSize(phone);
  await tabTo(page, to, 'button');
  await page.keyboard.press('Space');
  const bar = page.getByRole('region', { name: `To ${to}` });
  await waitFor('the bar has come to rest under the person', 5_000, async () => {
    const [above, below] = await Promise.all([page.getByRole('button', { name: to }).boundingBox(), bar.boundingBox()]);
    if (above === null || below === null) return false;
    const isUnderThumb = below.x === 0 && below.width === phone.width && below.y + below.height === phone.height;
    return isUnderThumb && above.y >= 0 && above.y + above.height <= below.y;
  });
  await page.keyboard.press('Space');
  await bar.waitFor({ state: 'detached' });
  if (before !== null) await page.setViewportSize(before);
}

describe('with the keyboard alone', () => {
  it('sends: choose, rename, set a password, send, copy, show the QR code and close it', async () => {
    const page = await visit(browser, server.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    await page.keyboard.press('Tab');
    expect((await focused(page)).name).toBe('Skip to content');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Choose files');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
    await chooser.setFiles(source);
    await page.getByRole('textbox', { name: 'Name of letter.txt' }).waitFor();
    await tabTo(page, 'Name of letter.txt');
    await page.keyboard.press('Control+A');
    await page.keyboard.type('by hand.txt');
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Name of by hand.txt' }).waitFor();
    // Starting over can be taken back, right where the focus is.
    await tabTo(page, 'Start over');
    await page.keyboard.press('Enter');
    await waitFor('Undo has the focus', 5_000, async () => (await focused(page)).name === 'Undo');
    expect(await page.getByRole('textbox', { name: /^Name of/ }).count()).toBe(0);
    await page.keyboard.press('Enter');
    await page.getByRole('textbox', { name: 'Name of by hand.txt' }).waitFor();
    await tabTo(page, 'Password');
    await page.keyboard.type('feather');
    await enter(page, 'Send', 'button');
    const link = await linkOn(page);
    await focusIsInPage(page);
    const digest = await digestOn(page);
    expect(digest).toBe(await b3sum(source));
    await tabTo(page, 'Copy link');
    await page.keyboard.press('Enter');
    await waitFor(
      'the link is on the clipboard',
      5_000,
      async () => (await page.evaluate(() => navigator.clipboard.readText())) === link,
    );
    await enter(page, 'QR code');
    await page.getByRole('dialog', { name: 'Scan to receive' }).waitFor();
    await expectQrOf(page, link);
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The focus is back where it was.
    await focusIsOn(page, 'QR code');
    expect(await b3sum((await curl(link, ['-u', ':feather'])).path)).toBe(digest);

    const recipient = await visit(browser, link);
    // The only thing to do there has the focus already.
    await focusIsOn(recipient, 'Password');
    await recipient.keyboard.type('feather');
    await recipient.keyboard.press('Enter');
    await recipient.getByRole('heading', { name: 'by hand.txt' }).waitFor();
    await focusIsInPage(recipient);
    await tabTo(recipient, 'Download');
    const [saved] = await Promise.all([recipient.waitForEvent('download'), recipient.keyboard.press('Enter')]);
    expect(await b3sum(await saved.path())).toBe(digest);
    await tabTo(recipient, 'Verified with BLAKE3');
    await recipient.keyboard.press('Space');
    await recipient.getByText(digest, { exact: true }).filter({ visible: true }).first().waitFor();

    // Mine, by each of the two ways there: delete, and take it back; keep it for longer.
    await tabTo(page, 'Send more');
    await page.keyboard.press('Enter');
    await focusIsInPage(page);
    await page.getByRole('link', { name: 'See all' }).waitFor();
    await enter(page, 'See all');
    await page.getByRole('list', { name: 'My transfers' }).waitFor();
    // The link went away with its page.
    await focusIsInPage(page);
    await enter(page, 'Send', 'a');
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    // The menu is on every page: what was pressed keeps the focus.
    await focusIsOn(page, 'Send');
    await enter(page, 'Mine', 'a');
    await page.getByRole('list', { name: 'My transfers' }).waitFor();
    await focusIsOn(page, 'Mine');
    await tabTo(page, 'Delete by hand.txt');
    await page.keyboard.press('Enter');
    await page.getByText('by hand.txt deleted').first().waitFor();
    // The row is gone with the button that had the focus: what takes it back is under the same finger, for as long as it stays.
    expect(await focused(page)).toMatchObject({ name: 'Undo', hasRing: true });
    await page.keyboard.press('Enter');
    await page.getByRole('button', { name: 'Delete by hand.txt' }).waitFor();
    await focusIsInPage(page);
    await tabTo(page, 'Copy the link of by hand.txt');
    await enter(page, 'Extend by hand.txt');
    await tabTo(page, 'Keep it for');
    await page.keyboard.press('ArrowDown');
    await enter(page, 'Save');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.getByText('ends in 30 days').waitFor();
    await focusIsOn(page, 'Extend by hand.txt');
    expect((await curl(link, ['-u', ':feather'])).status).toBe(200);
  }, 120_000);

  it('meets somebody in a room: makes it, shows its QR code, joins it, offers, says no and yes, takes back, and leaves', async () => {
    const [host, guest] = await Promise.all([
      visit(browser, `${server.url}/people`),
      visit(browser, `${server.url}/people`),
    ]);
    await host.getByRole('button', { name: 'Make a room' }).waitFor();
    await enter(host, 'Make a room');
    await host.waitForURL(/\/people\/[^/]+$/);
    await focusIsInPage(host);
    await enter(host, 'QR code');
    await host.getByRole('dialog', { name: 'Scan to join' }).waitFor();
    await expectQrOf(host, host.url());
    await host.keyboard.press('Escape');
    await focusIsOn(host, 'QR code');

    await guest.addInitScript(pickNothing);
    await guest.reload();
    await guest.getByRole('button', { name: 'Change your name' }).waitFor();
    await enter(guest, 'Change your name');
    await focusIsOn(guest, 'Your name');
    await guest.keyboard.type('Fast Otter');
    await guest.keyboard.press('Enter');
    await focusIsOn(guest, 'Change your name');
    await tabTo(guest, 'Code of a room');
    await guest.keyboard.type(host.url().split('/').at(-1) ?? '');
    await guest.keyboard.press('Enter');
    await guest.waitForURL(host.url());
    await focusIsInPage(guest);
    await host.getByRole('button', { name: 'Fast Otter' }).waitFor();

    await seesWhomItIsForOnPhone(host, 'Fast Otter');
    await offerByKeys(host, 'Fast Otter', guest);
    await enter(guest, 'Decline');
    await guest.getByRole('dialog').waitFor({ state: 'detached' });
    await focusIsInPage(guest);
    await host.locator('p:not(.sr-only)').getByText('Fast Otter declined').waitFor();
    await enter(host, 'Done');
    await focusIsOn(host, 'Fast Otter');

    await offerByKeys(host, 'Fast Otter', guest);
    await enter(host, 'Cancel');
    await host.getByRole('dialog').waitFor();
    await enter(host, 'Cancel it');
    await host.getByRole('dialog').waitFor({ state: 'detached' });
    await focusIsOn(host, 'Fast Otter');
    await guest.getByRole('dialog', { name: /took it back$/ }).waitFor();
    await guest.keyboard.press('Escape');
    await focusIsInPage(guest);

    await offerByKeys(host, 'Fast Otter', guest);
    await tabTo(guest, 'Accept');
    const [saved] = await Promise.all([guest.waitForEvent('download'), guest.keyboard.press('Enter')]);
    expect(await b3sum(await saved.path())).toBe(await b3sum(source));
    await focusIsInPage(guest);
    await guest.getByRole('button', { name: 'Done' }).waitFor();
    await enter(guest, 'Done');
    await focusIsInPage(guest);

    await enter(guest, 'Leave the room');
    await guest.waitForURL(`${server.url}/people`);
    await focusIsInPage(guest);
    await host.getByText('Nobody else is here yet').waitFor();
  }, 60_000);

  it('signs an operator in and out', async () => {
    const page = await visit(browser, `${server.url}/cluster`, { mayAppear: NETWORK_NEWS });
    await page.getByLabel('Operator token').waitFor();
    await focusIsOn(page, 'Operator token');
    await page.keyboard.type(TOKEN);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Topology' }).waitFor();
    await focusIsInPage(page);
    await enter(page, 'Sign out');
    await focusIsOn(page, 'Operator token');
  }, 60_000);

  it('pauses an upload and goes on with it', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const large = join(tempDirectory('keys'), 'large.bin');
    await makePatternFile(large, 16 * 1024 * 1024);
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    await tabTo(page, 'Choose files');
    const [chooser] = await Promise.all([page.waitForEvent('filechooser'), page.keyboard.press('Enter')]);
    await chooser.setFiles(large);
    await page.getByRole('heading', { name: /^1 file/ }).waitFor();
    await tabTo(page, 'Send', 'button');
    await page.keyboard.press('Enter');
    await linkOn(page);
    await tabTo(page, 'Pause');
    await page.keyboard.press('Enter');
    await page.getByText('Paused', { exact: true }).waitFor();
    // The button that paused goes on, under the same finger.
    expect((await focused(page)).name).toBe('Go on');
    await page.keyboard.press('Enter');
    line.allow(Number.POSITIVE_INFINITY);
    await sealed(page);
    // What paused it is gone, and one button has its place.
    await focusIsOn(page, 'Send more');
  }, 60_000);
});
