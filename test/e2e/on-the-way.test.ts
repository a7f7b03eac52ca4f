import { copyFile, open, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser, launchProfileBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { type Line, openLine } from './world/line.ts';
import { ownFileNames, ownFileSha256, pickOwnFile } from './world/own-file.ts';
import { curl, sha256, shareOf } from './world/receive.ts';
import { chooseBy, chooseByPath, digestOn, pressSend, sealed } from './world/send.ts';
import { NETWORK_NEWS, visit, watchFaults } from './world/visit.ts';

const MIB = 1024 * 1024;
const SIZE_BYTES = 40 * MIB + 4321;
const HALF_BYTES = 20 * MIB;
const folder = tempDirectory('resume');
const source = join(folder, 'long way.bin');
let server: TestServer;
let browser: Browser;
let digest: string;

beforeAll(async () => {
  await makePatternFile(source, SIZE_BYTES);
  digest = await b3sum(source);
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

/** Chunks that the server has committed. */
async function committedOf(link: string): Promise<Set<number>> {
  const ranges = (await shareOf(server.url, link)).committed[0] ?? [];
  return new Set(ranges.flatMap(([first, end]) => Array.from({ length: end - first }, (_, step) => first + step)));
}

/** Begins to send the file and stops in the middle: `HALF_BYTES` went through, and what is whole is committed. */
async function sendHalf(page: Page, line: Line, choose: typeof chooseByPath = chooseBy): Promise<string> {
  await choose(page, 'Choose files', source);
  const link = await pressSend(page);
  line.allow(HALF_BYTES);
  await waitFor('half of the file went through', 30_000, () => line.passedBytes() > HALF_BYTES - 64 * 1024);
  line.hold();
  await settled(link);
  return link;
}

/** What is underway inside the server has been committed: two looks in a row answer the same. */
async function settled(link: string): Promise<Set<number>> {
  let before = -1;
  return await waitFor('the committed chunks stand still', 30_000, async () => {
    const committed = await committedOf(link);
    const isSettled = committed.size === before && committed.size > 0;
    before = committed.size;
    return isSettled ? committed : undefined;
  });
}

async function writeAt(path: string, offset: number, text: string): Promise<void> {
  const file = await open(path, 'r+');
  await file.write(text, offset);
  await file.close();
}

/** In the page: the browser has kept what the file of the only upload is known by. */
async function hasFingerprint(): Promise<boolean> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open('peerlink');
    request.onsuccess = () => resolve(request.result);
  });
  const kept = await new Promise<{ files: { fingerprint: string | null }[] }[]>((resolve) => {
    const request = database.transaction('uploads').objectStore('uploads').getAll();
    request.onsuccess = () => resolve(request.result);
  });
  database.close();
  return kept.some(({ files }) => files.every(({ fingerprint }) => fingerprint !== null));
}

/** Opens the line, and holds that from `putsBefore` on exactly the chunks that were missing have been sent, once. */
async function finishAndCompare(page: Page, line: Line, link: string, committed: Set<number>, putsBefore: number) {
  line.allow(Number.POSITIVE_INFINITY);
  expect(await digestOn(page)).toBe(digest);
  const sent = line.puts.slice(putsBefore).flatMap((put) => {
    const first = put.offsetBytes / MIB;
    return Array.from({ length: Math.ceil(put.passedBytes / MIB) }, (_, step) => first + step);
  });
  const missing = Array.from({ length: Math.ceil(SIZE_BYTES / MIB) }, (_, chunk) => chunk).filter(
    (chunk) => !committed.has(chunk),
  );
  expect(sent.sort((a, b) => a - b)).toEqual(missing);
  expect(committed.size).toBeGreaterThanOrEqual(10);
  const fetched = await curl(link.replace(line.url, server.url));
  expect(await b3sum(fetched.path)).toBe(digest);
}

describe('an upload goes on', () => {
  it('after a reload, when the same file is chosen again, with only the missing chunks', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const link = await sendHalf(page, line);
    await page.reload();
    await page.getByText('Choose the same file again and only what is missing is sent.').waitFor();
    const committed = await settled(link);

    // Another file under the same name is told apart before a byte of it is sent.
    const putsBefore = line.puts.length;
    const other = join(tempDirectory('other'), 'long way.bin');
    await makePatternFile(other, SIZE_BYTES, { seed: 'other' });
    await chooseBy(page, 'Choose it again', other);
    await page.getByText('That is not the same file: long way.bin has another size or other content.').waitFor();
    expect(line.puts.length).toBe(putsBefore);

    // Discarding is asked about, by key as well.
    const beside = await page.context().newPage();
    await beside.goto(line.url);
    await beside.getByRole('button', { name: 'Discard' }).press('Enter');
    await beside.getByRole('dialog', { name: 'Discard this upload?' }).waitFor();
    await beside.keyboard.press('Escape');
    await beside.getByRole('button', { name: 'Discard' }).waitFor();

    // Chosen together with another file, which is kept for a link of its own; the other tab offers it no longer.
    const note = join(tempDirectory('note'), 'note.txt');
    await makePatternFile(note, 4_000);
    await chooseBy(page, 'Choose files', [source, note]);
    await page.getByText('long way.bin goes on under its own link.').waitFor();
    await beside.getByRole('button', { name: 'Discard' }).waitFor({ state: 'detached' });
    await beside.getByRole('link', { name: 'Mine' }).click();
    const row = beside.getByRole('listitem').filter({ hasText: 'long way.bin' });
    await row.getByText('Uploading').waitFor();
    // Sent by the other tab: its strip there is of its real chunks all the same.
    await row.getByRole('img', { name: `${committed.size} of 41 chunks stored, 0 on the way` }).waitFor();
    await beside.close();
    expect(await page.getByRole('textbox', { name: 'Name of note.txt' }).count()).toBe(1);
    await page.getByRole('region', { name: 'Upload of long way.bin' }).getByRole('button', { name: 'Open' }).click();
    await page.getByRole('link', { name: `Link: ${link}` }).waitFor();
    await finishAndCompare(page, line, link, committed, putsBefore);
  }, 120_000);

  it('after a reload in the moment in which the link is there, while a node does not say which others there are', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    let isGivenUp = false;
    page.on('requestfailed', (request) => {
      if (request.url().endsWith('/api/cluster')) isGivenUp = true;
    });
    await page.route('**/api/cluster', () => undefined);
    await chooseBy(page, 'Choose files', source);
    await pressSend(page);
    expect(isGivenUp).toBe(false);
    await page.reload();
    await page.unroute('**/api/cluster');
    line.allow(Number.POSITIVE_INFINITY);
    await chooseBy(page, 'Choose it again', source);
    expect(await digestOn(page)).toBe(digest);
  }, 60_000);

  it('after the browser was killed, when the same file is chosen again', async () => {
    const line = await openLine(server.port);
    const first = await launchProfileBrowser();
    watchFaults(first.context, NETWORK_NEWS);
    const page = await first.context.newPage();
    await page.goto(line.url);
    const link = await sendHalf(page, line, chooseByPath);
    // The marks by which the file is known again are written a second into the upload.
    await waitFor('the upload is remembered', 10_000, () => page.evaluate(rememberedFingerprints));
    await first.kill9();
    const committed = await settled(link);
    const putsBefore = line.puts.length;

    const second = await launchProfileBrowser({ profileDirectory: first.profileDirectory });
    watchFaults(second.context);
    const again = await second.context.newPage();
    await again.goto(line.url);
    await chooseByPath(again, 'Choose it again', source);
    await finishAndCompare(again, line, link, committed, putsBefore);
    await second.kill9();
  }, 120_000);

  it('by itself after the server was killed and started again', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const link = await sendHalf(page, line);
    const visible = await settled(link);
    await server.kill9();
    await page.getByText('No connection. It goes on by itself').first().waitFor();
    const putsBefore = line.puts.length;
    const { port, dataDirectory } = server;
    server = await startServer({ isPageNeeded: true, port, dataDirectory });
    const committed = await committedOf(link);
    expect([...visible].filter((chunk) => !committed.has(chunk))).toEqual([]);
    await finishAndCompare(page, line, link, committed, putsBefore);
  }, 120_000);

  it('by itself when the network is back', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const link = await sendHalf(page, line);
    await page.context().setOffline(true);
    await page.getByText('No network. What is under way goes on by itself when it is back.').waitFor();
    await page.getByText('No connection. It goes on by itself').first().waitFor();
    const committed = await settled(link);
    const putsBefore = line.puts.length;
    await page.context().setOffline(false);
    await page.getByText('No network.').waitFor({ state: 'detached' });
    await finishAndCompare(page, line, link, committed, putsBefore);
  }, 120_000);

  it('when the person who paused it says so, and nothing moves before', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const link = await sendHalf(page, line);
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused', { exact: true }).waitFor();
    const committed = await settled(link);
    const putsBefore = line.puts.length;
    line.allow(Number.POSITIVE_INFINITY);
    // Two answers of the server later nothing was sent: the pause holds although the line is open.
    await shareOf(server.url, link);
    await shareOf(server.url, link);
    expect(line.puts.length).toBe(putsBefore);
    // It belongs to this tab: another one does not offer to discard it, and closing this one is asked about.
    const beside = await page.context().newPage();
    await beside.goto(line.url);
    await beside.getByRole('button', { name: 'Choose files' }).waitFor();
    expect(await beside.getByRole('button', { name: 'Discard' }).count()).toBe(0);
    await beside.close();
    const asked = page.waitForEvent('dialog');
    await page.close({ runBeforeUnload: true });
    const question = await asked;
    expect(question.type()).toBe('beforeunload');
    await question.dismiss();
    await page.getByRole('button', { name: 'Go on' }).click();
    await finishAndCompare(page, line, link, committed, putsBefore);
  }, 120_000);

  it('when a file that was touched meanwhile is chosen again: named, and no other is taken for it', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    // As long as a name can be, and without a place to break it.
    const name = `${'touched'.repeat(30)}.bin`;
    const [own, other] = [join(folder, name), join(folder, 'other.bin')];
    await copyFile(source, own);
    await copyFile(source, other);
    await writeAt(other, SIZE_BYTES - 100, 'another one');
    const link = await sendHalf(page, line, (where, button) => chooseBy(where, button, own));
    await waitFor('what it is known by is kept', 10_000, () => page.evaluate(hasFingerprint));
    await page.getByRole('button', { name: 'Pause' }).click();
    // A browser reads no file whose time is another one than when it was chosen.
    await utimes(own, new Date(), new Date(Date.now() - 60_000));
    line.allow(Number.POSITIVE_INFINITY);
    await page.getByRole('button', { name: 'Go on' }).click();
    await page.getByText(`${name} cannot be read any more`).waitFor();
    await page.getByText('It was moved, changed or unplugged since you chose it.').waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    await chooseBy(page, 'Choose it again', other);
    await page.getByText(`That is not the same file: ${name} has another size or other content.`).waitFor();
    await page.setViewportSize({ width: 390, height: 844 });
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(390);
    const committed = await settled(link);
    const putsBefore = line.puts.length;
    await chooseBy(page, 'Choose it again', own);
    await finishAndCompare(page, line, link, committed, putsBefore);
  }, 120_000);

  it('stops for good when it is cancelled: the link ends and the page is ready for another', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const context = page.context();
    await context.route(/assets\/QrSheet/, (route) => route.abort());
    const link = await sendHalf(page, line);
    // A part that did not load takes away nothing; what may be wanted is there when the line is down.
    await page.getByRole('button', { name: 'QR code' }).click();
    await page.getByText('A part of this page did not load').waitFor();
    await page.getByRole('link', { name: `Link: ${link}` }).waitFor();
    await context.unroute(/assets\/QrSheet/);
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('heading', { name: 'Scan to receive' }).waitFor();
    await page.keyboard.press('Escape');
    await context.setOffline(true);
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Keep sending' }).click();
    await context.setOffline(false);
    await page.getByText('No network.').waitFor({ state: 'detached' });
    expect(await page.title()).toMatch(/^\d+% · long way\.bin$/);

    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('button', { name: 'Cancel the upload' }).click();
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    expect(await page.title()).toBe('PeerLink');
    await waitFor('the link has ended', 10_000, async () => (await curl(link)).status === 410);
  }, 60_000);
});

describe('receiving while the sender is still sending', () => {
  it('fills the strip live, and a download begun before the end completes', async () => {
    const line = await openLine(server.port);
    const sender = await visit(browser, line.url);
    await chooseBy(sender, 'Choose files', source);
    const link = (await pressSend(sender)).replace(line.url, server.url);

    // A browser that was never here: what it is told live, it is told without ever having sent anything.
    const recipient = await visit(browser, 'about:blank');
    let looks = 0;
    recipient.on('response', (response) => {
      if (response.url().includes('/api/shares/')) looks++;
    });
    await recipient.goto(link);
    await recipient.getByText('0% has arrived').waitFor();
    // Once by itself, and once when the server has begun to tell.
    await waitFor('the page follows live', 10_000, () => looks === 2);
    const strip = recipient.getByRole('img', { name: /chunks stored/ });
    expect(await strip.getAttribute('aria-label')).toBe('0 of 41 chunks stored, 0 on the way');

    // A part goes through, and the page shows exactly what the server has, without being loaded again.
    line.allow(12 * MIB);
    await waitFor(
      'chunks are committed',
      30_000,
      async () => (await shareOf(server.url, link)).share.committedBytes > 0,
    );
    await waitFor('12 MiB went through', 30_000, () => line.passedBytes() > 12 * MIB - 64 * 1024);
    const committed = await waitFor('the page shows what is committed', 30_000, async () => {
      const [file] = (await shareOf(server.url, link)).files;
      const label = await strip.getAttribute('aria-label');
      return label === `${file?.committedChunkCount} of 41 chunks stored, 0 on the way` && file?.committedChunkCount;
    });
    expect(committed).toBeGreaterThanOrEqual(3);
    expect(committed).toBeLessThanOrEqual(12);
    expect(looks).toBe(2);
    await expect(recipient.getByText('Live updates have stopped').count()).resolves.toBe(0);

    const [begun] = await Promise.all([
      recipient.waitForEvent('download'),
      recipient.getByRole('link', { name: 'Download', exact: true }).click(),
    ]);
    expect((await shareOf(server.url, link)).share.state).toBe('open');
    await sender.getByText('1 person is receiving').waitFor();

    // As slowly as it comes now, both pages say how fast that is and how long it still takes.
    const paces = [sender, recipient].flatMap((page) => [page.getByText(/\d [kM]B\/s$/), page.getByText(/ left$/)]);
    await waitFor('both pages tell the pace', 30_000, async () => {
      line.allow(64 * 1024);
      return (await Promise.all(paces.map((pace) => pace.isVisible()))).every(Boolean);
    });

    line.allow(Number.POSITIVE_INFINITY);
    expect(await digestOn(sender)).toBe(digest);
    expect(await begun.failure()).toBeNull();
    expect(await b3sum(await begun.path())).toBe(digest);
    // The seal reaches the recipient's page by itself too.
    await recipient.getByRole('img', { name: 'All 41 chunks stored and sealed' }).waitFor();
    await recipient.getByText('Verified with BLAKE3', { exact: true }).waitFor();
  }, 120_000);
});

describe('a file that the page saves itself', () => {
  it('goes on while another page is looked at and a proxy has no server for it, and asks before the tab closes', async () => {
    const line = await openLine(server.port);
    const sender = await visit(browser, line.url);
    await chooseBy(sender, 'Choose files', source);
    const link = (await pressSend(sender)).replace(line.url, server.url);
    const recipient = await visit(browser, 'about:blank', { mayAppear: NETWORK_NEWS });
    await recipient.addInitScript(pickOwnFile);
    await recipient.goto(link);
    // What is good about it is there to be read, not only under a mouse that stands still; and it is heard as well.
    const hint = 'Save as keeps going when a server goes away; leave this page open.';
    await recipient.getByText(hint).waitFor();
    await recipient.getByRole('button', { name: 'Save as', description: hint }).click();
    await recipient.getByRole('button', { name: 'Stop saving' }).waitFor();
    await recipient.getByRole('link', { name: 'Mine' }).click();
    await recipient.getByText('long way.bin is still being saved.').waitFor();
    const isAsked = () =>
      recipient.evaluate(() => !window.dispatchEvent(new Event('beforeunload', { cancelable: true })));
    expect(await isAsked()).toBe(true);
    await recipient.getByRole('link', { name: 'Open' }).click();
    await recipient.getByRole('button', { name: 'Stop saving' }).waitFor();
    await recipient.getByText('long way.bin is still being saved.').waitFor({ state: 'detached' });

    // The only server is started anew behind its proxy, as far as looks at the share go.
    let refused = 0;
    await recipient.route(/\/api\/shares\//, (route) => {
      refused += 1;
      return route.fulfill({ status: 502, body: '<h1>Bad Gateway</h1>' });
    });
    line.allow(Number.POSITIVE_INFINITY);
    // The seal makes it look, and no look succeeds.
    await waitFor('all tries of a look were refused', 20_000, () => refused >= 4);
    await recipient.getByText('Saved, every byte of it.').first().waitFor();
    expect(await recipient.evaluate(ownFileSha256, 'long way.bin')).toBe(await sha256(source));
    expect(await isAsked()).toBe(false);
    await sealed(sender);
  }, 90_000);

  it('leaves nothing behind when it is stopped', async () => {
    const line = await openLine(server.port);
    const sender = await visit(browser, line.url);
    await chooseBy(sender, 'Choose files', source);
    const link = (await pressSend(sender)).replace(line.url, server.url);
    const recipient = await visit(browser, 'about:blank', { mayAppear: NETWORK_NEWS });
    await recipient.addInitScript(pickOwnFile);
    await recipient.goto(link);
    await recipient.getByRole('button', { name: 'Save as' }).click();
    // As on a disk, the dialog makes the file before anything is written to it.
    await recipient.getByRole('button', { name: 'Stop saving' }).waitFor();
    expect(await recipient.evaluate(ownFileNames)).toEqual(['long way.bin']);
    await recipient.getByRole('button', { name: 'Stop saving' }).click();
    await recipient.getByRole('button', { name: 'Save as' }).waitFor();
    expect(await recipient.evaluate(ownFileNames)).toEqual([]);
  }, 60_000);
});

/** Runs in the page: whether the record of the one upload has its fingerprint. */
async function rememberedFingerprints(): Promise<boolean> {
  const database = await new Promise<IDBDatabase>((done, fail) => {
    const request = indexedDB.open('peerlink');
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  const records = await new Promise<{ files: { fingerprint: string | null }[] }[]>((done, fail) => {
    const request = database.transaction('uploads', 'readonly').objectStore('uploads').getAll();
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
  database.close();
  return records.some((record) => record.files.every((file) => file.fingerprint !== null));
}
