import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';
import { play, RecordedStream } from './recorded/stream.ts';
import { inspect } from './world/inspection.ts';
import { visit } from './world/visit.ts';

/** "Fed by a recorded stream of 20 nodes and 200 transfers": a second of it each second. */
const SIZE = { nodes: 20, transfers: 200, seed: 20_261_122 };
const WARM_UP_ANSWERS = 6;
/** `TEST_LONG=true`: as long as the promise is stated for. */
const SECONDS = process.env.TEST_LONG === 'true' ? 60 : 20;
/** The page asks every 750 ms; a busy machine makes it a little less often. */
const ANSWERS = SECONDS;
/** "No main-thread task over 50 ms": of its own work, since a busy machine may stop it in the middle of any. */
const MAX_TASK_MS = 50;
const TASK = 'ThreadControllerImpl::RunTask';
const HEAP_LOOKS = 3;
/** A page that keeps what it is told would grow by 100 KiB a second; what is left is code that gets compiled. */
const MAX_HEAP_GROWTH_BYTES = 1024 * 1024;

let server: TestServer;
let browser: Browser;

beforeAll(async () => {
  [server, browser] = await Promise.all([startServer({ isPageNeeded: true }), launchBrowser()]);
}, 240_000);

async function cleanHeapBytes(session: CDPSession): Promise<number> {
  // Twice: what the first one frees may hold something else.
  for (let round = 0; round < 2; round += 1) await session.send('HeapProfiler.collectGarbage');
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value ?? Number.NaN;
}

/** While rows come and go there is more for a moment: the least of some looks is what stays. */
async function restingHeapBytes(session: CDPSession, answers: () => number): Promise<number> {
  const looks: number[] = [];
  for (let look = 0; look < HEAP_LOOKS; look += 1) {
    looks.push(await cleanHeapBytes(session));
    const until = answers() + 2;
    await waitFor('the stream goes on', 20_000, () => answers() >= until);
  }
  return Math.min(...looks);
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds on the clock, and of the thread's own time. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Every task of the pages' main threads while `work` went on, in milliseconds. */
async function tasksDuring(browser: Browser, page: Page, work: () => Promise<void>) {
  await browser.startTracing(page, { categories: ['toplevel', '__metadata'] });
  await work();
  const { traceEvents } = JSON.parse((await browser.stopTracing()).toString()) as { traceEvents: TraceEvent[] };
  const mainThreads = new Set(
    traceEvents
      .filter(({ name, args }) => name === 'thread_name' && args?.name === 'CrRendererMain')
      .map(({ pid, tid }) => `${pid} ${tid}`),
  );
  return traceEvents
    .filter(({ name, ph, pid, tid }) => name === TASK && ph === 'X' && mainThreads.has(`${pid} ${tid}`))
    .map(({ dur = Number.NaN, tdur = dur }) => ({ clockMs: dur / 1000, ownMs: tdur / 1000 }));
}

/** What moves from now on without being asked to. The feed's new lines push the old ones down: that is its nature. */
async function observeShifts(page: Page) {
  return await page.evaluateHandle(() => {
    const seen = { moved: [] as string[] };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & { sources: { node: Node | null }[] })[]) {
        for (const { node } of entry.sources) {
          const element = node instanceof Element ? node : node?.parentElement;
          if (element && !element.closest('.area-events')) seen.moved.push(element.outerHTML.slice(0, 120));
        }
      }
    }).observe({ type: 'layout-shift' });
    return seen;
  });
}

describe('the cluster page, fed by twenty nodes and two hundred transfers', () => {
  it(`has no task over 50 ms, a flat heap and nothing that shifts in ${SECONDS} s`, async () => {
    const page = await visit(browser, server.url, { viewport: { width: 1920, height: 1080 } });
    const { answers } = await play(page, new RecordedStream(SIZE));
    await page.goto(`${server.url}/cluster`);
    await page.getByRole('row').nth(SIZE.nodes).waitFor();
    await waitFor('the page has warmed up', 30_000, () => answers() >= WARM_UP_ANSWERS);
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    const before = await restingHeapBytes(session, answers);
    const shifts = await observeShifts(page);
    const tasks = await tasksDuring(browser, page, async () => {
      const until = answers() + ANSWERS;
      const untilMs = performance.now() + 1_000 * SECONDS;
      await waitFor(
        'the stream was played',
        1_500 * SECONDS + 10_000,
        () => answers() >= until && performance.now() >= untilMs,
      );
    });
    const growth = (await restingHeapBytes(session, answers)) - before;
    const longest = Math.max(...tasks.map(({ ownMs }) => ownMs));
    const overByClock = tasks.filter(({ clockMs }) => clockMs > MAX_TASK_MS).length;
    process.stderr.write(
      `${SECONDS} s: the longest of ${tasks.length} tasks ${longest.toFixed(1)} ms, ${overByClock} over ${MAX_TASK_MS} ms by the clock; ` +
        `heap ${Math.round(before / 1024)} KiB and ${Math.round(growth / 1024)} KiB more\n`,
    );
    expect(tasks.length).toBeGreaterThan(10 * ANSWERS);
    expect(longest).toBeLessThanOrEqual(MAX_TASK_MS);
    expect(growth).toBeLessThanOrEqual(MAX_HEAP_GROWTH_BYTES);
    expect((await shifts.jsonValue()).moved).toEqual([]);
  }, 180_000);

  it('has nothing serious for axe, and fits a narrow phone', async () => {
    const page = await visit(browser, server.url);
    await play(page, new RecordedStream(SIZE));
    await page.goto(`${server.url}/cluster`);
    await page.getByRole('row').nth(SIZE.nodes).waitFor();
    // Lists that scroll keep the margins of the blocks around them: their scroll bar stands outside.
    const insets = await page.locator('.area-transfers, .area-events').evaluateAll((sections) =>
      sections.map((section) => {
        const list = section.querySelector('ul, ol');
        const [all, own] = [section.getBoundingClientRect(), list?.getBoundingClientRect()];
        return [(own?.left ?? Number.NaN) - all.left, all.right - (own?.right ?? Number.NaN)];
      }),
    );
    expect(insets).toEqual([
      [0, 0],
      [0, 0],
    ]);
    await inspect(page, 'cluster, large');
  }, 60_000);
});
