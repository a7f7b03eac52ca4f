import { readdirSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { CELLS } from './world/cells.ts';
import { dispatchWithFile } from './world/drop.ts';
import { inspect } from './world/inspection.ts';
import { openLine } from './world/line.ts';
import { pickOwnFile } from './world/own-file.ts';
import { shareOf } from './world/receive.ts';
import { chooseBy, pressSend, sealed } from './world/send.ts';
import { seeCluster, seePeople } from './world/states.ts';
import { NETWORK_NEWS, visit } from './world/visit.ts';

const MIB = 1024 * 1024;
const LONG_NAME = `${'a very long name that nobody would type '.repeat(5)}.tar.gz`;
let server: TestServer;
let browser: Browser;
const folder = tempDirectory('looks');
const film = join(folder, 'film.mov');
const note = join(folder, LONG_NAME);

beforeAll(async () => {
  await makePatternFile(film, 24 * MIB);
  await makePatternFile(note, 4_000);
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
}, 240_000);

describe('the inspection itself', () => {
  it('notices a button without a name, and what is wider than a narrow phone', async () => {
    const page = await visit(browser, server.url);
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    await page.evaluate(() => document.querySelector('main')?.append(document.createElement('button')));
    await expect(inspect(page, 'nameless')).rejects.toThrow(/button-name/);
    await page.evaluate(() => {
      const wide = document.querySelector<HTMLElement>('main > button');
      if (!wide) return;
      wide.textContent = 'wider than a narrow phone';
      wide.style.minWidth = '420px';
    });
    await expect(inspect(page, 'wide')).rejects.toThrow(/overflowing/);
  }, 60_000);

  it('looks at every page in every state there is', () => {
    const names = Object.values(CELLS).flatMap((states) =>
      Object.values(states).filter((cell): cell is string => typeof cell === 'string'),
    );
    const sources = readdirSync(__dirname, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(__dirname, name), 'utf8'))
      .join('');
    expect(names.filter((name) => !new RegExp(`inspect\\(\\w+, '${name}'\\)`).test(sources))).toEqual([]);
  });
});

describe('axe finds nothing serious, light and dark, and 320 px are wide enough', () => {
  it('on Send: empty, with a list, running, paused, ended', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, {
      mayAppear: new RegExp(`${NETWORK_NEWS.source}|dynamically imported module`),
    });
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    await inspect(page, 'send, empty');
    await chooseBy(page, 'Choose files', [film, note]);
    await page.getByRole('combobox', { name: 'Keep for' }).waitFor();
    await inspect(page, 'send, list');
    const link = await pressSend(page);
    line.allow(9 * MIB);
    await page.getByText(/^Sending$/).waitFor();
    await waitFor(
      'something is stored',
      20_000,
      async () => (await shareOf(server.url, link)).share.committedBytes > 0,
    );
    await inspect(page, 'send, running');
    await page.context().setOffline(true);
    await page.getByText('No network.').waitFor();
    await page.getByText('No connection. It goes on by itself').and(page.locator('p:not(.sr-only)')).waitFor();
    await inspect(page, 'send, offline');
    // Another file comes meanwhile: the upload stands below it, in few words and one long sentence.
    await dispatchWithFile(page, 'drop', 'second.txt', Buffer.from('second'));
    await page.getByText(/^No connection\. It goes on by itself, /).waitFor();
    await inspect(page, 'send, beside, offline');
    // Mine was loaded when the upload began; what the list says is at the server, and what does not come back either.
    await page.getByRole('link', { name: 'Mine', exact: true }).click();
    await page.getByText('Your transfers could not be loaded').waitFor();
    await inspect(page, 'mine, offline');
    await page.getByRole('link', { name: 'People', exact: true }).click();
    await page.getByRole('heading', { name: 'A part of this page did not load' }).waitFor();
    await inspect(page, 'a page that is not there');
    await page.context().setOffline(false);
    await page.getByRole('link', { name: 'Mine', exact: true }).click();
    await page.getByText('Uploading').waitFor();
    await inspect(page, 'mine, running');
    await page.getByRole('link', { name: 'Send', exact: true }).click();
    await page.getByRole('button', { name: 'Open', exact: true }).click();
    await page.getByText('Not sent yet').waitFor();
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByText('Paused', { exact: true }).waitFor();
    await inspect(page, 'send, paused');
    await page.getByRole('button', { name: 'Cancel' }).click();
    await page.getByRole('dialog', { name: 'Cancel this upload?' }).waitFor();
    await inspect(page, 'send, asking');
    await page.getByRole('button', { name: 'Keep sending' }).click();
    await page.getByRole('button', { name: 'Go on' }).click();
    line.allow(Number.POSITIVE_INFINITY);
    await sealed(page);
    await inspect(page, 'send, sent');
    await page.getByRole('button', { name: 'QR code' }).click();
    await page.getByRole('dialog', { name: 'Scan to receive' }).waitFor();
    await inspect(page, 'send, QR code');
  }, 120_000);

  it('on Send: stopped as the file is gone, unfinished, ended elsewhere; on Receive without a network', async () => {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS });
    const moved = join(folder, 'moved.bin');
    // Far more than the runs on their way: the browser cannot have read all of it before it is gone.
    await makePatternFile(moved, 64 * MIB, { isSparse: true });
    await chooseBy(page, 'Choose files', moved);
    const link = await pressSend(page);
    line.allow(9 * MIB);
    await waitFor(
      'something is stored',
      20_000,
      async () => (await shareOf(server.url, link)).share.committedBytes > 0,
    );
    const recipient = await visit(browser, link, { mayAppear: NETWORK_NEWS });
    await recipient.evaluate(pickOwnFile);
    await recipient.getByRole('button', { name: 'Save as' }).click();
    await recipient
      .getByText(/^Saving/)
      .first()
      .waitFor();
    await recipient.context().setOffline(true);
    await recipient
      .getByText(/^No connection/)
      .first()
      .waitFor();
    await inspect(recipient, 'receive, paused and offline');
    await rm(moved);
    line.allow(Number.POSITIVE_INFINITY);
    await page.getByText(/moved\.bin.* cannot be read any more/).waitFor();
    await page.getByRole('button', { name: 'Try again' }).waitFor();
    await inspect(page, 'send, stopped');
    await page.reload();
    await page.getByText('Choose the same file again and only what is missing is sent.').waitFor();
    await inspect(page, 'send, unfinished');
    await page.getByRole('button', { name: 'Discard' }).click();
    await inspect(page, 'send, discard');
    await page.getByRole('button', { name: 'Discard it' }).click();
    await waitFor(
      'it is gone',
      10_000,
      async () => (await fetch(`${server.url}/api/shares/${link.slice(-22)}`)).status === 410,
    );

    const held = await openLine(server.port);
    const other = await visit(browser, held.url, { mayAppear: NETWORK_NEWS });
    await chooseBy(other, 'Choose files', film);
    await pressSend(other);
    // Their other device deletes it: the same session, on a connection of its own.
    const ask = other.context().request;
    const { transfers } = await (await ask.get(`${held.url}/api/transfers`)).json();
    const gone = await ask.delete(`${held.url}/api/transfers/${transfers[0].id}`, { headers: { origin: held.url } });
    expect(gone.status()).toBe(204);
    held.allow(Number.POSITIVE_INFINITY);
    await other.getByText('This transfer has ended').waitFor();
    await inspect(other, 'send, ended');
  }, 120_000);

  it('on Receive: arriving, ready, with a password, ended, not found; on Mine: empty and filled', async () => {
    const sender = await visit(browser, `${server.url}/mine`, { mayAppear: NETWORK_NEWS });
    await sender.getByText('Nothing sent yet').waitFor();
    await inspect(sender, 'mine, empty');
    const open = async (more: object, content: string) =>
      await sender.evaluate(
        async ({ more, content }) => {
          const files = [
            { path: 'photos/one two three.txt', sizeBytes: content.length },
            { path: 'b.txt', sizeBytes: 0 },
          ];
          const body = JSON.stringify({ files, ...more });
          const headers = { 'content-type': 'application/json' };
          const opened = await (await fetch('/api/transfers', { method: 'POST', headers, body })).json();
          const address = `/api/transfers/${opened.transfer.id}`;
          const authorization = `Bearer ${opened.uploadToken}`;
          const type = 'application/octet-stream';
          const put = () =>
            fetch(`${address}/files/0?offset=0`, {
              method: 'PUT',
              headers: { authorization, 'content-type': type },
              body: content,
            });
          if (content !== 'later') await put();
          return { id: opened.transfer.id as string, link: opened.transfer.link as string };
        },
        { more, content },
      );
    const ready = await open({ senderName: 'Quiet Heron', maxDownloads: 5 }, 'twelve bytes');
    const arriving = await open({}, 'later');
    const locked = await open({ password: 'x' }, 'secret');
    const ended = await open({}, 'gone');
    await sender.evaluate((id) => fetch(`/api/transfers/${id}`, { method: 'DELETE' }), ended.id);

    await sender.reload();
    await sender.getByText('5 of 5 downloads left').waitFor();
    for (const state of ['Ready', 'Unfinished']) await sender.getByText(state, { exact: true }).first().waitFor();
    await inspect(sender, 'mine, filled');
    await sender.getByRole('button', { name: 'Extend one two three.txt' }).first().click();
    await sender.getByRole('dialog').waitFor();
    await inspect(sender, 'mine, extending');

    const recipient = await visit(browser, ready.link, { mayAppear: NETWORK_NEWS });
    await recipient.getByText('Quiet Heron sent you').waitFor();
    await recipient.getByRole('button', { name: 'Digest of one two three.txt' }).click();
    await inspect(recipient, 'receive, ready');
    await recipient.goto(arriving.link);
    await recipient.getByText('0% has arrived').waitFor();
    await inspect(recipient, 'receive, arriving');
    await recipient.goto(locked.link);
    await recipient.getByLabel('Password').fill('wrong');
    await recipient.getByRole('button', { name: 'Open' }).click();
    await recipient.getByText('That is not the password.').waitFor();
    await inspect(recipient, 'receive, password');
    await recipient.goto(ended.link);
    await recipient.getByRole('heading', { name: 'The sender took it back' }).waitFor();
    await inspect(recipient, 'receive, ended');
    await recipient.goto(`${server.url}/d/1111111111111111111111`);
    await recipient.getByRole('heading', { name: 'There is nothing at this link' }).waitFor();
    await inspect(recipient, 'receive, not found');
    // Waiting for an answer, and none that comes.
    await recipient.route('**/api/**', () => undefined);
    await recipient.goto(ready.link);
    await recipient.getByRole('status').filter({ hasText: 'Loading' }).waitFor();
    await inspect(recipient, 'receive, loading');
    await recipient.goto(`${server.url}/mine`);
    await recipient.getByRole('status').filter({ hasText: 'Loading' }).waitFor();
    await inspect(recipient, 'mine, loading');
    await recipient.unroute('**/api/**');
    await recipient.route('**/api/**', (route) => route.fulfill({ status: 500 }));
    await recipient.goto(ready.link);
    await recipient.getByRole('button', { name: 'Try again' }).waitFor();
    await inspect(recipient, 'receive, failed');
    await recipient.goto(`${server.url}/mine`);
    await recipient.getByText('Your transfers could not be loaded').waitFor();
    await inspect(recipient, 'mine, failed');
  }, 120_000);

  it(
    'on People: entering a room, refused, paused without a network, given up',
    () => seePeople(browser, server),
    90_000,
  );

  it(
    'on the cluster page: asking, without an answer, and where nothing moves',
    () => seeCluster(browser, server),
    60_000,
  );
});

describe('letters twice as large', () => {
  it('leave what is chosen whole in its field, on a phone and on a desk', async () => {
    const large = await launchBrowser({ args: ['--blink-settings=defaultFontSize=32'] });
    const page = await visit(large, server.url);
    for (const width of [390, 1280]) {
      await page.setViewportSize({ width, height: 900 });
      if (width === 390) await chooseBy(page, 'Choose files', film);
      await page.getByRole('combobox', { name: 'Keep for' }).waitFor();
      expect(await page.evaluate(() => getComputedStyle(document.documentElement).fontSize)).toBe('32px');
      await page.getByRole('combobox', { name: 'Keep for' }).selectOption({ label: '30 days' });
      const cut = await page.evaluate(() => {
        const context = document.createElement('canvas').getContext('2d');
        return [...document.querySelectorAll('select')].flatMap((select) => {
          const style = getComputedStyle(select);
          if (context) context.font = style.font;
          const text = select.selectedOptions[0]?.text ?? '';
          const roomPx =
            select.clientWidth - Number.parseFloat(style.paddingLeft) - Number.parseFloat(style.paddingRight);
          return (context?.measureText(text).width ?? Number.POSITIVE_INFINITY) > roomPx ? [text] : [];
        });
      });
      expect({ width, cut }).toEqual({ width, cut: [] });
    }
  }, 60_000);
});

describe('reduced motion', () => {
  /** Sends one chunk, and counts the different pictures of the strip on its way from waiting to a sealed line. */
  async function picturesUntilSealed(reducedMotion: 'no-preference' | 'reduce'): Promise<number> {
    const line = await openLine(server.port);
    const page = await visit(browser, line.url, { mayAppear: NETWORK_NEWS, reducedMotion });
    await chooseBy(page, 'Choose files', note);
    await pressSend(page);
    const section = page.getByRole('region', { name: /^Upload of/ });
    const duration = await section.evaluate((element) => getComputedStyle(element).animationDuration);
    expect(duration).toBe(reducedMotion === 'reduce' ? '1e-05s' : '0.22s');
    const strip = page.locator('canvas').first();
    await waitFor('the chunk is on its way', 10_000, async () =>
      (await strip.getAttribute('aria-label'))?.endsWith('1 on the way'),
    );
    const seen = await strip.evaluateHandle((canvas: HTMLCanvasElement) => {
      const pictures = { count: new Set<string>(), isLine: false };
      const look = () => {
        pictures.count.add(canvas.toDataURL());
        // Just above the line nothing is left only when the bar has sunk all the way.
        const above = canvas.getContext('2d')?.getImageData(canvas.width / 2, canvas.height - 6, 1, 1).data[3];
        pictures.isLine = above === 0;
        if (canvas.isConnected) requestAnimationFrame(look);
      };
      look();
      return pictures;
    });
    line.allow(Number.POSITIVE_INFINITY);
    await sealed(page);
    await waitFor('the strip is a line', 10_000, () => seen.evaluate((pictures) => pictures.isLine));
    return await seen.evaluate((pictures) => pictures.count.size);
  }

  it('lets nothing slide: the strip goes from waiting to sealed without a picture between', async () => {
    // With motion, no step is longer than a fifth of the way.
    expect(await picturesUntilSealed('no-preference')).toBeGreaterThanOrEqual(5);
    // Without: on its way, stored, sealed.
    expect(await picturesUntilSealed('reduce')).toBeLessThanOrEqual(3);
  }, 90_000);
});
