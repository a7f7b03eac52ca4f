import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { launchBrowser } from '../support/browser.ts';
import { freePort, isFreePort } from '../support/ports.ts';
import { startProcess } from '../support/processes.ts';
import { isReady } from '../support/server.ts';
import { copyTree } from '../support/tree-copy.ts';
import { waitFor } from '../support/waiting.ts';

const PAGE_PORT = 5173;
const SEEN_WITHIN_MS = 5_000;
const GIVEN_UP_AFTER_MS = 20_000;

/** A promise about the product is not broken by something else that ran meanwhile: the best of so many counts. */
const TRIES = 3;

/**
 * Edits a file and waits until the edit is seen, a few times if need be.
 * @param change the file's new text, from its old one and a mark that is new each time
 * @returns the shortest time that it took, in milliseconds
 */
async function fastestSight(
  path: string,
  change: (text: string, mark: string) => string,
  isSeen: (mark: string) => Promise<boolean>,
): Promise<number> {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 1; round <= TRIES && best >= SEEN_WITHIN_MS; round += 1) {
    const before = readFileSync(path, 'utf8');
    const mark = `mark${round}`;
    const after = change(before, mark);
    if (after === before) throw new Error(`${path} was not changed`);
    writeFileSync(path, after);
    const startedAt = performance.now();
    try {
      await waitFor(`${mark} of ${path}`, GIVEN_UP_AFTER_MS, () => isSeen(mark));
    } catch {
      continue; // A watcher that was still reading the tree takes this text for the first one: edit again.
    }
    best = Math.min(best, performance.now() - startedAt);
  }
  return best;
}

describe('npm run dev', () => {
  it('shows a change of either half within 5 s', async () => {
    const root = copyTree(['native/build', 'prisma/generated', 'dist/.build']);
    const port = await freePort();
    const serverUrl = `http://127.0.0.1:${port}`;
    // Somebody who works on the page has the port: then another one, since this is about the reload.
    const isPortFree = await isFreePort(PAGE_PORT);
    const pagePort = isPortFree ? PAGE_PORT : await freePort();
    const pageUrl = `http://localhost:${pagePort}/`;
    const portArguments = isPortFree ? [] : ['--', '--port', String(pagePort)];
    const program = startProcess('npm', ['run', 'dev', ...portArguments], {
      cwd: root,
      env: {
        ...process.env,
        NODE_ENV: undefined,
        PORT: String(port),
        DATA_DIR: join(root, 'data'),
      },
      isGroup: true,
    });
    await waitFor('the server is ready', 90_000, () => isReady(serverUrl)).catch((fault) => {
      throw new Error(`${fault.message}\n${program.log()}`);
    });
    await waitFor('the page is served', 30_000, async () => (await fetch(pageUrl)).status === 200);
    // What is not the page's goes to the server beside it, whatever its port.
    expect(await (await fetch(new URL('/version', pageUrl))).json()).toMatchObject({ mode: 'embedded' });

    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(pageUrl);
    await page.locator('main').waitFor();

    // The page: a style sheet, seen without a reload.
    const style = await fastestSight(
      join(root, 'frontend', 'src', 'styles.css'),
      (text, mark) => `${text}\n:root { --probe: ${mark}; }\n`,
      async (mark) =>
        (await page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--probe').trim()")) === mark,
    );
    expect(style).toBeLessThan(SEEN_WITHIN_MS);

    // The server: a sentence that people can ask for.
    const sentence = await fastestSight(
      join(root, 'services', 'transfer', 'data-plane', 'help-text.ts'),
      (text, mark) => text.replace(/Send a\w* file/, `Send a${mark} file`),
      async (mark) => {
        const answer = await fetch(`${serverUrl}/`, { headers: { accept: 'text/plain' } });
        return (await answer.text()).includes(`Send a${mark} file`);
      },
    );
    expect(sentence).toBeLessThan(SEEN_WITHIN_MS);
    expect(program.isRunning()).toBe(true);
  }, 240_000);
});
