import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import { launchBrowser, launchProfileBrowser } from '../support/browser.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { b3sum, makePatternFile, patternBytes } from '../support/files.ts';
import { startProcess } from '../support/processes.ts';
import { waitFor } from '../support/waiting.ts';

describe('pattern files', () => {
  it('hold the same bytes wherever one begins to make them', () => {
    const whole = patternBytes('a', 0, 100_000);
    for (const offset of [1, 15, 16, 17, 65_536]) {
      expect(patternBytes('a', offset, 1000).equals(whole.subarray(offset, offset + 1000))).toBe(true);
    }
    expect(patternBytes('b', 0, 1000).equals(whole.subarray(0, 1000))).toBe(false);
  });

  it('are written whole, and hashed by a program that is not ours', async () => {
    const path = join(tempDirectory(), 'file');
    await makePatternFile(path, 3_000_001, { seed: 's' });
    const bytes = readFileSync(path);
    expect(bytes.equals(patternBytes('s', 0, 3_000_001))).toBe(true);
    expect(await b3sum(path)).toBe(Buffer.from(blake3(bytes)).toString('hex'));
  });

  it('take no room on the disk when sparse', async () => {
    const path = join(tempDirectory(), 'file');
    await makePatternFile(path, 4 * 1024 ** 3, { isSparse: true });
    const { size, blocks } = statSync(path);
    expect(size).toBe(4 * 1024 ** 3);
    expect(blocks * 512).toBeLessThan(16 * 1024 ** 2);
  });
});

describe('processes of a test', () => {
  it('end with their whole group, and tell what they printed', async () => {
    const program = startProcess('sh', ['-c', 'echo begun; sleep 100 & wait'], { isGroup: true });
    await waitFor('its first line', 5_000, () => program.log().includes('begun'));
    await program.kill9();
    expect(await program.exited(0)).toEqual({ code: null, signal: 'SIGKILL' });
  });

  it('are said to be late with what they printed', async () => {
    const program = startProcess('sh', ['-c', 'echo stuck; sleep 100 & wait'], { isGroup: true });
    await waitFor('its first line', 5_000, () => program.log() !== '');
    await expect(program.exited(10)).rejects.toThrow(/not within 10 ms[\s\S]*stuck/);
  });
});

describe('browsers of a test', () => {
  it('draw a page, and leave off what Playwright turns off', async () => {
    const browser = await launchBrowser();
    const page = await browser.newPage();
    await page.setContent('<title>drawn</title>');
    expect(await page.title()).toBe('drawn');

    // Of several lists of what is off the last one counts: ours must hold all of Playwright's, also of a newer one.
    await page.goto('chrome://version');
    const commandLine = (await page.locator('#command_line').textContent()) ?? '';
    const lists = [...commandLine.matchAll(/--disable-features=(\S+)/g)].map(([, names = '']) => names.split(','));
    expect(lists).toHaveLength(2);
    expect(lists[0]?.filter((name) => lists[1]?.includes(name) !== true)).toEqual([]);
  }, 60_000);

  it('remember their profile over a kill', async () => {
    const first = await launchProfileBrowser();
    expect(first.context.pages().length).toBeGreaterThan(0);
    await first.kill9();
    expect(first.process.isRunning()).toBe(false);
    const second = await launchProfileBrowser({ profileDirectory: first.profileDirectory });
    expect(second.context.pages().length).toBeGreaterThan(0);
    await second.kill9();
  }, 60_000);
});
