import { expect } from '@jest/globals';
import type { Locator, Page } from 'playwright-core';

/** Long enough for hundreds of megabytes on a busy machine. */
const SEAL_DEADLINE_MS = 120_000;

/** Presses a button that opens the browser's dialog, and chooses these paths in it. */
export async function chooseBy(page: Page, button: string | Locator, paths: string | readonly string[]): Promise<void> {
  const target = typeof button === 'string' ? page.getByRole('button', { name: button, exact: true }) : button;
  const [chooser] = await Promise.all([page.waitForEvent('filechooser'), target.click()]);
  await chooser.setFiles(typeof paths === 'string' ? paths : [...paths]);
}

/**
 * The same for a browser that was not started by Playwright, which would read the file into memory for it: the input
 * behind the button is given the path itself.
 */
export async function chooseByPath(page: Page, button: string, path: string): Promise<void> {
  await page.getByRole('button', { name: button, exact: true }).waitFor();
  const session = await page.context().newCDPSession(page);
  const { result } = await session.send('Runtime.evaluate', {
    expression: `document.querySelector('input[type=file][aria-label=${JSON.stringify(button)}]')`,
  });
  if (result.objectId === undefined) throw new Error(`no file input behind the button ${button}`);
  await session.send('DOM.setFileInputFiles', { files: [path], objectId: result.objectId });
  await session.detach();
}

/** Presses Send and answers the link, which is there at once. */
export async function pressSend(page: Page): Promise<string> {
  await page.getByRole('button', { name: 'Send', exact: true }).click();
  return await linkOn(page);
}

/** The link of the upload in full view. */
export async function linkOn(page: Page): Promise<string> {
  const link = page.getByRole('link', { name: /^Link: / });
  await link.waitFor();
  const href = await link.getAttribute('href');
  expect(href).toMatch(/^http:\/\/[^/]+\/d\/[1-9A-HJ-NP-Za-km-z]{22}$/);
  return href ?? '';
}

export async function sealed(page: Page): Promise<void> {
  await page.getByText('Sent and verified').and(page.locator('p:not(.sr-only)')).waitFor({ timeout: SEAL_DEADLINE_MS });
}

/** The digest of a single file as it stands under the strip, digit by digit. */
export async function digestOn(page: Page): Promise<string> {
  await sealed(page);
  const ruler = page.getByRole('img', { name: /^BLAKE3 digest: / });
  const digits = (await ruler.innerText()).replace(/\s/g, '');
  expect(digits).toMatch(/^[0-9a-f]{64}$/);
  // What a screen reader hears is the same word.
  expect(await ruler.getAttribute('aria-label')).toBe(`BLAKE3 digest: ${digits}`);
  return digits;
}

/** Chooses files, sends them, and answers link and digest of the (first) upload once it is sealed. */
export async function sendFiles(page: Page, paths: string | readonly string[]): Promise<string> {
  await chooseBy(page, 'Choose files', paths);
  const link = await pressSend(page);
  await sealed(page);
  return link;
}
