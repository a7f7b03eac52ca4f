import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { launchBrowser } from '../support/browser.ts';
import { freePort } from '../support/ports.ts';
import { startProcess } from '../support/processes.ts';
import { isReady } from '../support/server.ts';
import { copyTree } from '../support/tree-copy.ts';
import { waitFor } from '../support/waiting.ts';

const PAGE_URL = 'http://localhost:5173/';
const SEEN_WITHIN_MS = 5_000;

/** Replaces one piece of text that stands in the file. */
function edit(path: string, from: string | RegExp, to: string): void {
  const before = readFileSync(path, 'utf8');
  const after = before.replace(from, to);
  if (after === before) throw new Error(`${path} has no ${from}`);
  writeFileSync(path, after);
}

describe('npm run dev', () => {
  it('shows a change of either half within 5 s', async () => {
    const root = copyTree(['native/build', 'prisma/generated', 'dist/.build']);
    const port = await freePort();
    const serverUrl = `http://127.0.0.1:${port}`;
    const program = startProcess('npm', ['run', 'dev'], {
      cwd: root,
      env: {
        ...process.env,
        NODE_ENV: undefined,
        PORT: String(port),
        DATA_DIR: join(root, 'data'),
        VITE_BACKEND_URL: serverUrl,
      },
      isGroup: true,
    });
    await waitFor('the server is ready', 90_000, () => isReady(serverUrl)).catch((fault) => {
      throw new Error(`${fault.message}\n${program.log()}`);
    });
    await waitFor('the page is served', 30_000, async () => (await fetch(PAGE_URL)).status === 200);

    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.goto(PAGE_URL);
    await page.locator('main').waitFor();

    // The page: a style sheet, seen without a reload.
    edit(join(root, 'frontend', 'src', 'styles.css'), /$/, '\n:root { --probe: seen; }\n');
    const probe = "getComputedStyle(document.documentElement).getPropertyValue('--probe').trim()";
    await waitFor('the edited style', SEEN_WITHIN_MS, async () => (await page.evaluate(probe)) === 'seen');

    // The server: a sentence that people can ask for.
    edit(join(root, 'services', 'transfer', 'data-plane', 'help-text.ts'), 'Send a file', 'Send an edited file');
    const help = async () => await (await fetch(`${serverUrl}/`, { headers: { accept: 'text/plain' } })).text();
    await waitFor('the edited help', SEEN_WITHIN_MS, async () => (await help()).includes('an edited file'));
    expect(program.isRunning()).toBe(true);
  }, 240_000);
});
