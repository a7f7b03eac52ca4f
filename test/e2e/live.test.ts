import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { openLine } from './world/line.ts';
import { shareOf } from './world/receive.ts';
import { chooseBy, digestOn, pressSend } from './world/send.ts';
import { visit } from './world/visit.ts';

const MIB = 1024 * 1024;
let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

describe('receiving while the sender is still sending', () => {
  it('fills the strip live, and a download begun before the end completes', async () => {
    const source = join(tempDirectory('live'), 'live.bin');
    await makePatternFile(source, 30 * MIB + 77);
    const line = await openLine(server.port);
    const sender = await visit(browser, line.url);
    await chooseBy(sender, 'Choose files', source);
    const link = (await pressSend(sender)).replace(line.url, server.url);

    const recipient = await visit(browser, link);
    await recipient.getByText('0% has arrived').waitFor();
    const strip = recipient.getByRole('img', { name: /chunks stored/ });
    expect(await strip.getAttribute('aria-label')).toBe('0 of 31 chunks stored, 0 on the way');

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
      return label === `${file?.committedChunkCount} of 31 chunks stored, 0 on the way` && file?.committedChunkCount;
    });
    expect(committed).toBeGreaterThanOrEqual(3);
    expect(committed).toBeLessThanOrEqual(12);

    const [begun] = await Promise.all([
      recipient.waitForEvent('download'),
      recipient.getByRole('link', { name: 'Download', exact: true }).click(),
    ]);
    expect((await shareOf(server.url, link)).share.state).toBe('open');
    await sender.getByText('1 person is receiving').waitFor();

    line.allow(Number.POSITIVE_INFINITY);
    const digest = await digestOn(sender);
    expect(await begun.failure()).toBeNull();
    expect(await b3sum(await begun.path())).toBe(digest);
    expect(digest).toBe(await b3sum(source));
    // The seal reaches the recipient's page by itself too.
    await recipient.getByRole('img', { name: 'All 31 chunks stored and sealed' }).waitFor();
    await recipient.getByText('Verified with BLAKE3', { exact: true }).waitFor();
  }, 120_000);
});
