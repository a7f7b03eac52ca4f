import { execFileSync } from 'node:child_process';
import { rmSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { atEnd, tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { curl, shareOf } from './world/receive.ts';
import { chooseBy, digestOn, pressSend } from './world/send.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const MIB = 1024 * 1024;
/** Room for the embedded database (about 60 MiB), its reserve (an eighth), and a file of some tens of MiB. */
const DISK_BYTES = 256 * MIB;
const FILE_BYTES = 40 * MIB;
const LIMIT_BYTES = 50_000_000;

let server: TestServer;
let browser: Browser;
/** A disk of its own, small enough to be filled. */
const disk = tempDirectory('small-disk');

beforeAll(async () => {
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_BYTES}`, 'tmpfs', disk]);
  atEnd(() => void execFileSync('umount', ['-l', disk]));
  server = await startServer({
    isPageNeeded: true,
    dataDirectory: join(disk, 'data'),
    env: { MAX_FILE_SIZE: String(LIMIT_BYTES) },
  });
  browser = await launchBrowser();
}, 240_000);

describe('what the page says when something is wrong', () => {
  it('a file over MAX_FILE_SIZE is refused with the limit named, before a byte of it is sent', async () => {
    const folder = tempDirectory('large');
    const [atLimit, over] = [join(folder, 'at.bin'), join(folder, 'over.bin')];
    for (const [path, sizeBytes] of [
      [atLimit, LIMIT_BYTES],
      [over, LIMIT_BYTES + 1],
    ] as const) {
      await writeFile(path, '');
      await truncate(path, sizeBytes);
    }
    const page = await visit(browser, server.url);
    const requests: string[] = [];
    page.context().on('request', (request) => requests.push(`${request.method()} ${new URL(request.url()).pathname}`));
    await chooseBy(page, 'Choose files', [atLimit, over]);
    await page.getByText('1 file is larger than 50 MB, the most this server takes.').waitFor();
    await page.getByText('Larger than this server takes (50 MB)').waitFor();
    await page.getByText('Whoever runs it can raise MAX_FILE_SIZE.').waitFor();
    const send = page.getByRole('button', { name: 'Send', exact: true });
    expect(await send.isDisabled()).toBe(true);
    expect(requests.filter((request) => request.startsWith('PUT') || request === 'POST /api/transfers')).toEqual([]);
    // The rest may go, and a file of exactly the limit is part of it.
    await page.getByRole('button', { name: 'Remove over.bin' }).click();
    expect(await send.isDisabled()).toBe(false);
  }, 60_000);

  it('a full disk: says that nothing was lost, and goes on by itself when there is room again', async () => {
    const source = join(tempDirectory('full'), 'film.bin');
    await makePatternFile(source, FILE_BYTES);
    const ballast = join(disk, 'ballast');
    const freeBytes = Number(execFileSync('df', ['--output=avail', '-B1', disk]).toString().split('\n')[1]);
    // Left: the reserve, and less than the file.
    execFileSync('fallocate', ['-l', String(freeBytes - DISK_BYTES / 8 - FILE_BYTES / 4), ballast]);

    const page = await visit(browser, server.url, { mayAppear: NETWORK_NEWS });
    await chooseBy(page, 'Choose files', source);
    const link = await pressSend(page);
    await page.getByText('The server’s disk is full').waitFor();
    await page.getByText('Nothing of yours was lost. It goes on when there is space again.').waitFor();
    const { share } = await shareOf(server.url, link);
    expect(share.state).toBe('open');
    expect(share.committedBytes).toBeGreaterThan(0);
    expect(share.committedBytes).toBeLessThan(FILE_BYTES);

    rmSync(ballast);
    const digest = await digestOn(page);
    expect(digest).toBe(await b3sum(source));
    expect(await b3sum((await curl(link)).path)).toBe(digest);
  }, 120_000);

  it('a server that is away: says so where something was asked of it, and takes the same draft when it is back', async () => {
    const source = join(tempDirectory('away'), 'note.txt');
    await makePatternFile(source, 5_000);
    const page = await visit(browser, server.url, { mayAppear: NETWORK_NEWS });
    await chooseBy(page, 'Choose files', source);
    const { port, dataDirectory } = server;
    await server.kill9();
    await page.getByRole('button', { name: 'Send', exact: true }).click();
    await page.getByText('The server cannot be reached').waitFor();
    await page.getByText('Check your connection. Nothing that was stored is lost.').waitFor();
    server = await startServer({
      isPageNeeded: true,
      port,
      dataDirectory,
      env: { MAX_FILE_SIZE: String(LIMIT_BYTES) },
    });
    const link = await pressSend(page);
    expect(await digestOn(page)).toBe(await b3sum(source));
    expect(await b3sum((await curl(link)).path)).toBe(await b3sum(source));
  }, 90_000);

  it('a link that leads nowhere and an address that is none', async () => {
    const receive = await visit(browser, `${server.url}/d/1111111111111111111111`, { mayAppear: NETWORK_NEWS });
    await receive.getByRole('heading', { name: 'There is nothing at this link' }).waitFor();
    await receive.getByRole('link', { name: 'Send something yourself' }).click();
    await receive.getByRole('button', { name: 'Choose files' }).waitFor();
  }, 60_000);
});
