import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { Browser, CDPSession, Page } from 'playwright-core';
import { launchBrowser } from '../support/browser.ts';
import { atEnd, tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile } from '../support/files.ts';
import { startServer, type TestServer } from '../support/server.ts';
import { chooseBy, digestOn, pressSend } from './world/send.ts';
import { visit } from './world/visit.ts';

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const WARM_UP_BYTES = 256 * MIB;
const SIZE_BYTES = process.env.TEST_LONG === 'true' ? 10 * GIB : 2 * GIB;
const SAMPLE_EVERY_MS = 250;
/** DESIGN, promise 8: of the server, whatever the size. */
const MAX_SERVER_GROWTH_BYTES = 64 * MIB;
/** The page draws a strip and counts chunks: nothing in it may grow with the bytes. */
const MAX_HEAP_GROWTH_BYTES = 16 * MIB;
/** The page's process besides its heap: a 2 GiB file held anywhere in it would be twenty times this. */
const MAX_PAGE_GROWTH_BYTES = 96 * MIB;

/** A folder on memory where there is room, because a disk would be the slowest part by far. */
function fastDirectory(neededBytes: number): string {
  const isFast =
    existsSync('/dev/shm') && statfsSync('/dev/shm').bavail * statfsSync('/dev/shm').bsize > 2 * neededBytes;
  const path = mkdtempSync(join(isFast && neededBytes <= 4 * GIB ? '/dev/shm' : tmpdir(), 'peerlink-memory-'));
  atEnd(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

function residentBytes(pid: number): number {
  const kibibytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
  return Number(kibibytes) * 1024;
}

interface Usage {
  readonly serverBytes: number;
  readonly pageBytes: number;
  readonly heapBytes: number;
}

/** What the server, the page's process and the page's JavaScript hold. */
class Scales {
  readonly #session: CDPSession;
  readonly #pagePid: number;
  readonly #serverPid: number;

  private constructor(session: CDPSession, pagePid: number, serverPid: number) {
    this.#session = session;
    this.#pagePid = pagePid;
    this.#serverPid = serverPid;
  }

  static async of(browser: Browser, page: Page, serverPid: number): Promise<Scales> {
    const whole = await browser.newBrowserCDPSession();
    const { processInfo } = await whole.send('SystemInfo.getProcessInfo');
    await whole.detach();
    // A spare renderer may wait for the next page: the one in use is the larger.
    const pids = processInfo.filter(({ type }) => type === 'renderer').map(({ id }) => id);
    const pagePid = pids.sort((a, b) => residentBytes(b) - residentBytes(a))[0];
    if (pagePid === undefined) throw new Error('the browser has no process for pages');
    const session = await page.context().newCDPSession(page);
    await session.send('Performance.enable');
    return new Scales(session, pagePid, serverPid);
  }

  async weigh(): Promise<Usage> {
    const { metrics } = await this.#session.send('Performance.getMetrics');
    const heapBytes = metrics.find(({ name }) => name === 'JSHeapUsedSize')?.value;
    if (heapBytes === undefined) throw new Error('Chromium does not say how large the heap is');
    return { serverBytes: residentBytes(this.#serverPid), pageBytes: residentBytes(this.#pagePid), heapBytes };
  }

  /** Garbage is not growth: it is collected before a value is taken to compare with. */
  async weighClean(): Promise<Usage> {
    await this.#session.send('HeapProfiler.collectGarbage');
    return await this.weigh();
  }

  /** The largest of each while `work` goes on, four looks a second. */
  async during<T>(work: () => Promise<T>): Promise<{ most: Usage; samples: number; answer: T }> {
    const seen: Usage[] = [];
    let looking = Promise.resolve();
    const timer = setInterval(() => {
      looking = looking.then(async () => void seen.push(await this.weigh()));
    }, SAMPLE_EVERY_MS);
    try {
      const answer = await work();
      await looking;
      const most = (of: (usage: Usage) => number) => Math.max(...seen.map(of));
      return {
        most: {
          serverBytes: most((usage) => usage.serverBytes),
          pageBytes: most((usage) => usage.pageBytes),
          heapBytes: most((usage) => usage.heapBytes),
        },
        samples: seen.length,
        answer,
      };
    } finally {
      clearInterval(timer);
    }
  }
}

async function hashOfDownload(link: string): Promise<string> {
  const line = 'curl -sS --fail "$1" | b3sum --no-names';
  const { stdout } = await promisify(execFile)('sh', ['-c', line, 'sh', link], { timeout: 300_000 });
  return stdout.trim();
}

let server: TestServer;
let browser: Browser;
const folder = tempDirectory('memory');

beforeAll(async () => {
  server = await startServer({
    isPageNeeded: true,
    dataDirectory: fastDirectory(SIZE_BYTES + WARM_UP_BYTES),
    env: { MAX_FILE_SIZE: '0' },
  });
  atEnd(() => server.kill9());
  browser = await launchBrowser();
}, 240_000);

describe('memory', () => {
  it(`does not grow with the file: ${SIZE_BYTES / GIB} GiB through the page, and out again`, async () => {
    const page = await visit(browser, server.url);
    const send = async (name: string, sizeBytes: number) => {
      const path = join(folder, name);
      await makePatternFile(path, sizeBytes, { isSparse: true });
      await chooseBy(page, 'Choose files', path);
      const link = await pressSend(page);
      const digest = await digestOn(page);
      expect(digest).toBe(await b3sum(path));
      return { link, digest };
    };
    const warmUp = await send('warm-up.bin', WARM_UP_BYTES);
    expect(await hashOfDownload(warmUp.link)).toBe(warmUp.digest);
    await page.getByRole('button', { name: 'Send more' }).click();

    const scales = await Scales.of(browser, page, server.pid);
    const before = await scales.weighClean();
    const upload = await scales.during(() => send('large.bin', SIZE_BYTES));
    const after = await scales.weighClean();
    const { link, digest } = upload.answer;
    const download = await scales.during(() => hashOfDownload(link));
    expect(download.answer).toBe(digest);

    const growth = {
      upload: upload.most.serverBytes - before.serverBytes,
      download: download.most.serverBytes - before.serverBytes,
      page: upload.most.pageBytes - before.pageBytes,
      heap: after.heapBytes - before.heapBytes,
    };
    const inMib = Object.entries(growth).map(([what, bytes]) => `${what} ${(bytes / MIB).toFixed(1)}`);
    process.stderr.write(
      `growth in MiB over ${SIZE_BYTES / GIB} GiB: ${inMib.join(', ')}; ${upload.samples} samples\n`,
    );
    expect(upload.samples).toBeGreaterThan(8);
    expect(growth.upload).toBeLessThanOrEqual(MAX_SERVER_GROWTH_BYTES);
    expect(growth.download).toBeLessThanOrEqual(MAX_SERVER_GROWTH_BYTES);
    expect(growth.heap).toBeLessThanOrEqual(MAX_HEAP_GROWTH_BYTES);
    expect(growth.page).toBeLessThanOrEqual(MAX_PAGE_GROWTH_BYTES);
  }, 1_800_000);
});
