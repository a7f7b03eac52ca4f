import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { visit } from './world/visit.ts';

/** React and Socket.IO are 82 of them. */
const SCRIPTS_MOST_BYTES = 150_000;
const SHIFT_MOST = 0.02;
/** A phone in a train: fonts and scripts come late enough to be seen coming. */
const SLOW_LINE = { offline: false, latency: 100, downloadThroughput: 400_000, uploadThroughput: 400_000 };
/** Where the page is opened, and what of Send is there when it is ready. */
const SCREENS = [
  { width: 390, locale: 'en-GB', choose: 'Choose files' },
  { width: 390, locale: 'ar', choose: 'اختيار ملفات' },
  { width: 1280, locale: 'en-GB', choose: 'Choose files' },
];
type Screen = (typeof SCREENS)[number];
let server: TestServer;
let browser: Browser;
let link: string;

beforeAll(async () => {
  server = await startServer({ isPageNeeded: true });
  browser = await launchBrowser();
  const sent = await fetch(`${server.url}/measure.bin`, { method: 'PUT', body: 'a whole file' });
  link = (await sent.text()).trim();
  expect(link).toMatch(/\/d\/\w+$/);
}, 240_000);

interface Measured {
  /** As CLS counts: the share of the screen that moved, times how far. */
  readonly shift: number;
  readonly largestPaintMs: number;
}

/** Opens an address on a slow line and measures until nothing comes any more. */
async function measure(
  url: string,
  { width, locale }: Screen,
  until: (page: Page) => Promise<void>,
): Promise<Measured> {
  const page = await visit(browser, 'about:blank', { viewport: { width, height: 800 }, locale });
  await page.addInitScript(() => {
    const measured = { shift: 0, largestPaintMs: 0 };
    Object.assign(window, { measured });
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { value: number; hadRecentInput: boolean })[]) {
        if (!entry.hadRecentInput) measured.shift += entry.value;
      }
    }).observe({ type: 'layout-shift', buffered: true });
    new PerformanceObserver((list) => {
      measured.largestPaintMs = list.getEntries().at(-1)?.startTime ?? 0;
    }).observe({ type: 'largest-contentful-paint', buffered: true });
  });
  const session = await page.context().newCDPSession(page);
  await session.send('Network.enable');
  await session.send('Network.emulateNetworkConditions', SLOW_LINE);
  await page.goto(url, { waitUntil: 'networkidle' });
  await until(page);
  return await page.evaluate(async () => {
    await document.fonts.ready;
    for (let frame = 0; frame < 3; frame += 1) await new Promise((drawn) => requestAnimationFrame(drawn));
    return (window as unknown as { measured: Measured }).measured;
  });
}

describe('what the page costs', () => {
  it(`shows Send with at most ${SCRIPTS_MOST_BYTES} bytes of scripts, compressed`, async () => {
    const page = await visit(browser, 'about:blank');
    const scripts = new Map<string, Promise<Buffer>>();
    page.on('response', (response) => {
      if (response.request().resourceType() === 'script') scripts.set(response.url(), response.body());
    });
    await page.goto(server.url, { waitUntil: 'networkidle' });
    await page.getByRole('button', { name: 'Choose files' }).waitFor();
    const sizes = (await Promise.all(scripts.values())).map((body) => gzipSync(body).length);
    const sum = sizes.reduce((bytes, size) => bytes + size, 0);
    process.stdout.write(`Send: ${sizes.length} scripts, ${sum} bytes compressed\n`);
    expect(sizes.length).toBeGreaterThan(0);
    expect(sum).toBeLessThanOrEqual(SCRIPTS_MOST_BYTES);
  }, 60_000);

  it.each(SCREENS)(
    'moves nothing under the eyes of who waits on a slow line, $width px wide, $locale',
    async (screen) => {
      const { width, locale, choose } = screen;
      const ready = { Send: choose, Receive: 'measure.bin' };
      for (const [name, url] of [
        ['Send', server.url],
        ['Receive', link],
      ] as const) {
        const { shift, largestPaintMs } = await measure(url, screen, (page) =>
          page.getByText(ready[name]).first().waitFor(),
        );
        process.stdout.write(
          `${name} at ${width} px, ${locale}: CLS ${shift.toFixed(4)}, LCP ${Math.round(largestPaintMs)} ms\n`,
        );
        expect({ name, width, locale, isStill: shift <= SHIFT_MOST }).toEqual({ name, width, locale, isStill: true });
        expect(largestPaintMs).toBeGreaterThan(0);
      }
    },
    60_000,
  );
});
