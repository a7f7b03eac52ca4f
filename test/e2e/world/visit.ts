import { afterEach, expect } from '@jest/globals';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';

const ACTION_DEADLINE_MS = 30_000;
/** What Chromium itself writes when an answer is an error or a line breaks: not a fault of the page. */
export const NETWORK_NEWS = /Failed to load resource|net::ERR_|WebSocket connection to/;

interface Watched {
  readonly faults: string[];
  readonly mayAppear: RegExp | undefined;
}
const watched: Watched[] = [];
const visits: BrowserContext[] = [];

/** Collects what goes wrong in a context's pages; the test fails on it. */
export function watchFaults(context: BrowserContext, mayAppear?: RegExp): void {
  const faults: string[] = [];
  watched.push({ faults, mayAppear });
  const watch = (page: Page) => page.on('pageerror', (fault) => faults.push(`${page.url()}: ${fault.stack}`));
  context.pages().forEach(watch);
  context.on('page', watch);
  context.on('console', (message) => {
    if (message.type() === 'error') faults.push(`${message.page()?.url()}: ${message.text()}`);
  });
}

afterEach(async () => {
  const all = watched.splice(0);
  for (const context of visits.splice(0)) await context.close();
  const faults = all.flatMap((one) => one.faults.filter((fault) => !(one.mayAppear?.test(fault) ?? false)));
  expect(faults).toEqual([]);
}, 60_000);

export interface VisitOptions extends BrowserContextOptions {
  /** Console errors that belong to what the test does; page errors never do. */
  readonly mayAppear?: RegExp;
}

/** A person with a browser of their own opens an address. Their pages close with the test, and may log no error. */
export async function visit(browser: Browser, url: string, options: VisitOptions = {}): Promise<Page> {
  const { mayAppear, ...contextOptions } = options;
  const context = await browser.newContext({ locale: 'en-GB', ...contextOptions });
  visits.push(context);
  context.setDefaultTimeout(ACTION_DEADLINE_MS);
  watchFaults(context, mayAppear);
  const page = await context.newPage();
  // Chromium hands its dialogs over only where somebody listens: from the start, so that no key press comes too early.
  page.on('filechooser', () => {});
  await page.goto(url);
  return page;
}
