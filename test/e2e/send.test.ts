import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { en } from '../../frontend/src/messages/en.ts';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile, patternBytes } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { dispatchWithFile } from './world/drop.ts';
import { curl, download, sha256, treeOf, unzip } from './world/receive.ts';
import { chooseBy, digestOn, linkOn, pressSend, sealed, sendFiles } from './world/send.ts';
import { visit } from './world/visit.ts';

const MIB = 1024 * 1024;
let server: TestServer;
let browser: Browser;
const folder = tempDirectory('send');

beforeAll(async () => {
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

async function sourceFile(name: string, sizeBytes: number): Promise<string> {
  const path = join(folder, name);
  await mkdir(dirname(path), { recursive: true });
  await makePatternFile(path, sizeBytes, { seed: name });
  return path;
}

/** The server hears of the next transfer when the answer is called. */
async function holdOpening(page: Page): Promise<() => void> {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  await page.route('**/api/transfers', async (route) => {
    await released;
    await route.continue();
  });
  return release;
}

/** What comes to the clipboard when a person marks this and copies it. */
async function copiedFrom(page: Page, selector: string): Promise<string> {
  return await page.locator(selector).evaluate((element) => {
    let copied = '';
    const keep = (event: ClipboardEvent) => {
      copied = event.clipboardData?.getData('text/plain') || String(getSelection());
    };
    addEventListener('copy', keep, { once: true });
    getSelection()?.selectAllChildren(element);
    document.execCommand('copy');
    getSelection()?.removeAllRanges();
    return copied;
  });
}

describe('sending through the page', () => {
  it('gives a link, and the digest that b3sum prints; curl and another browser get the same bytes', async () => {
    const source = await sourceFile('holiday.mov', 24 * MIB + 4321);
    const sender = await visit(browser, server.url);
    await chooseBy(sender, 'Choose files', source);
    const link = await pressSend(sender);
    expect(link.startsWith(`${server.url}/d/`)).toBe(true);
    const digest = await digestOn(sender);
    expect(digest).toBe(await b3sum(source));
    expect(await copiedFrom(sender, '[data-digest]')).toBe(digest);

    const fetched = await curl(link);
    expect(fetched.status).toBe(200);
    expect(await b3sum(fetched.path)).toBe(digest);

    const recipient = await visit(browser, link);
    await recipient.getByRole('heading', { name: 'holiday.mov' }).waitFor();
    const saved = await download(recipient, recipient.getByRole('link', { name: 'Download', exact: true }));
    expect(saved.name).toBe('holiday.mov');
    expect(await sha256(saved.path)).toBe(await sha256(source));
    await recipient.getByText('Your browser is downloading it.').waitFor();

    // The digest is shown on demand, with the line that checks it.
    await recipient.getByText('Verified with BLAKE3', { exact: true }).click();
    await recipient.getByText(`echo '${digest}  holiday.mov' | b3sum --check`).waitFor();
  }, 120_000);

  it('takes what is dropped anywhere, and says so while it hovers', async () => {
    const bytes = patternBytes('dropped', 0, 300_007);
    const sender = await visit(browser, server.url);
    await sender.getByRole('button', { name: 'Choose files' }).waitFor();
    await dispatchWithFile(sender, 'dragenter', 'dropped.bin', bytes);
    await sender.getByText('Let go to add').waitFor();
    await dispatchWithFile(sender, 'drop', 'dropped.bin', bytes);
    await sender.getByText('Let go to add').waitFor({ state: 'detached' });
    const link = await pressSend(sender);
    const digest = await digestOn(sender);
    const fetched = await curl(link);
    expect(await b3sum(fetched.path)).toBe(digest);
    expect(await sha256(fetched.path)).toBe(await sha256(await fileOf('dropped.bin', bytes)));
  }, 60_000);

  it('takes pasted text and pasted files', async () => {
    const sender = await visit(browser, server.url, { permissions: ['clipboard-read', 'clipboard-write'] });
    const text = 'Grüße, 夏 and مرحبا\n';
    await sender.evaluate((words) => navigator.clipboard.writeText(words), text);
    await sender.getByRole('button', { name: 'Choose files' }).waitFor();
    await sender.keyboard.press('Control+V');
    await sender.getByRole('textbox', { name: /^Name of Pasted text .*\.txt$/ }).waitFor();
    await dispatchWithFile(sender, 'paste', 'shot.png', patternBytes('shot', 0, 5000));
    await sender.getByRole('heading', { name: /^2 files/ }).waitFor();
    const link = await pressSend(sender);
    await sealed(sender);
    const [pasted, shot] = await Promise.all([curl(`${link}/0`), curl(`${link}/1`)]);
    expect(await sha256(pasted.path)).toBe(await sha256(await fileOf('text', Buffer.from(text))));
    expect(await sha256(shot.path)).toBe(await sha256(await fileOf('shot', patternBytes('shot', 0, 5000))));
  }, 60_000);

  it('lets the list be edited, and hands several files out one by one and as a zip', async () => {
    const names = ['Übersicht 夏 مرحبا.txt', 'empty.dat', 'plain.bin', 'unwanted.bin'];
    const sizes = [3 * MIB + 1, 0, 17, 99];
    const paths = await Promise.all(names.map((name, index) => sourceFile(join('several', name), sizes[index] ?? 0)));
    const sender = await visit(browser, server.url);
    await chooseBy(sender, 'Choose files', paths.slice(1));
    await chooseBy(sender, 'Add files', paths.slice(0, 1));
    await sender.getByRole('button', { name: 'Remove unwanted.bin' }).click();
    const name = sender.getByRole('textbox', { name: 'Name of plain.bin' });
    await name.fill('renamed.bin');
    await name.press('Enter');
    await sender.getByRole('heading', { name: /^3 files/ }).waitFor();
    const link = await pressSend(sender);
    await sealed(sender);

    // Each file's digest is behind its button in the list.
    await sender.getByRole('button', { name: 'Digest of renamed.bin' }).click();
    await sender.getByText(await b3sum(paths[2] ?? ''), { exact: true }).waitFor();

    const recipient = await visit(browser, link);
    await recipient.getByRole('heading', { name: '3 files' }).waitFor();
    const expected = {
      'empty.dat': await sha256(paths[1] ?? ''),
      'renamed.bin': await sha256(paths[2] ?? ''),
      'Übersicht 夏 مرحبا.txt': await sha256(paths[0] ?? ''),
    };
    for (const [file, hash] of Object.entries(expected)) {
      const saved = await download(recipient, recipient.getByRole('link', { name: en.receive.downloadFile(file) }));
      expect(saved.name).toBe(file);
      expect(await sha256(saved.path)).toBe(hash);
    }
    // The proof of all of them is said where that of one is; on the sender's page as well.
    for (const page of [sender, recipient]) {
      await page.getByText('Verified with BLAKE3: 3 files, each with its digest').waitFor();
    }
    const zip = await download(recipient, recipient.getByRole('link', { name: 'Download all' }));
    expect(zip.name).toMatch(/\.zip$/);
    expect(await unzip(zip.path)).toEqual(expected);
    expect(await unzip((await curl(link)).path)).toEqual(expected);
  }, 120_000);

  it('sends a folder with its relative paths', async () => {
    await sourceFile('trip/day 1/dawn.jpg', 2 * MIB + 5);
    await sourceFile('trip/day 1/noon.jpg', 1);
    await sourceFile('trip/notes.md', 700);
    const sender = await visit(browser, server.url);
    await chooseBy(sender, 'Choose a folder', join(folder, 'trip'));
    await sender.getByRole('heading', { name: /^3 files/ }).waitFor();
    const link = await pressSend(sender);
    await sealed(sender);
    const recipient = await visit(browser, link);
    const zip = await download(recipient, recipient.getByRole('link', { name: 'Download all' }));
    const sent = await treeOf(join(folder, 'trip'));
    expect(await unzip(zip.path)).toEqual(
      Object.fromEntries(Object.entries(sent).map(([path, hash]) => [`trip/${path}`, hash])),
    );
  }, 60_000);

  it('says so when a dropped folder has no files, until something else is added: a pasted one that has', async () => {
    const sender = await visit(browser, server.url);
    await sender.getByRole('button', { name: 'Choose files' }).waitFor();
    // Scripts cannot drop a folder: the entry of this drop is one, as a browser would hand it out.
    await sender.evaluate(() => {
      const createReader = () => ({ readEntries: (done: (entries: []) => void) => done([]) });
      const folder = { name: 'empty', isFile: false, isDirectory: true, createReader };
      Object.assign(DataTransferItem.prototype, { webkitGetAsEntry: () => folder });
    });
    await dispatchWithFile(sender, 'drop', 'empty', Buffer.alloc(0));
    await sender.getByText('There are no files in that folder').waitFor();
    // A pasted folder comes with what is in it: it cannot be read as a file.
    await sender.evaluate(() => {
      const inside = { name: 'inside.txt', file: (done: (file: File) => void) => done(new File(['x'], 'inside.txt')) };
      const batches = [[inside], []];
      const createReader = () => ({ readEntries: (done: (entries: object[]) => void) => done(batches.shift() ?? []) });
      const folder = { name: 'trip', isFile: false, isDirectory: true, createReader };
      Object.assign(DataTransferItem.prototype, { webkitGetAsEntry: () => folder });
    });
    await dispatchWithFile(sender, 'paste', 'trip', Buffer.alloc(0));
    await sender.getByRole('textbox', { name: 'Name of inside.txt' }).waitFor();
    await sender.getByText('trip/').waitFor();
    expect(await sender.getByText('There are no files in that folder').count()).toBe(0);
  }, 30_000);

  it('shows the link as a QR code, and is ready for the next file', async () => {
    const sender = await visit(browser, server.url);
    const link = await sendFiles(sender, await sourceFile('first.bin', 1000));
    await sender.getByRole('button', { name: 'QR code' }).click();
    await sender.getByRole('img', { name: `QR code of ${link}` }).waitFor();
    await sender.keyboard.press('Escape');
    await sender.getByRole('button', { name: 'Send more' }).click();
    await chooseBy(sender, 'Choose files', await sourceFile('second.bin', 2000));
    // While the link is being made, what is in the list is settled, and what is dropped waits for the next one.
    const release = await holdOpening(sender);
    await sender.getByRole('button', { name: 'Send', exact: true }).click();
    await dispatchWithFile(sender, 'drop', 'third.txt', Buffer.from('meanwhile'));
    const third = sender.getByRole('textbox', { name: 'Name of third.txt' });
    await third.waitFor();
    expect(await sender.getByRole('button', { name: 'Remove second.bin' }).isDisabled()).toBe(true);
    expect(await sender.getByLabel('Password', { exact: true }).isDisabled()).toBe(true);
    release();
    await sender.getByRole('textbox', { name: 'Name of second.bin' }).waitFor({ state: 'detached' });
    expect(await third.isEnabled()).toBe(true);
    const second = sender.getByRole('region', { name: 'Upload of second.bin' });
    await second.getByRole('button', { name: 'Open' }).click();
    expect(await linkOn(sender)).not.toBe(link);
    await sealed(sender);
    await sender.getByRole('region', { name: 'Not sent yet' }).getByRole('button', { name: 'Open' }).click();
    expect(await third.isEnabled()).toBe(true);
  }, 60_000);
});

async function fileOf(name: string, bytes: Buffer): Promise<string> {
  const path = join(tempDirectory('expected'), name);
  await writeFile(path, bytes);
  return path;
}
