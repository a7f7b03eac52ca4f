import { describe, expect, it } from '@jest/globals';
import { INSECURE_HOST, launchBrowser } from '../support/browser.ts';
import { startServer } from '../support/server.ts';

describe('the page', () => {
  it('opens without a fault, on a secure context and on plain HTTP from another machine', async () => {
    const server = await startServer({ isPageNeeded: true });
    const browser = await launchBrowser();
    for (const host of ['127.0.0.1', INSECURE_HOST]) {
      const page = await browser.newPage();
      const faults: string[] = [];
      page.on('pageerror', (fault) => faults.push(fault.message));
      page.on('console', (message) => {
        if (message.type() === 'error') faults.push(message.text());
      });
      await page.goto(`http://${host}:${server.port}/`);
      await page.locator('main').waitFor();
      expect(await page.evaluate(() => globalThis.isSecureContext)).toBe(host === '127.0.0.1');
      expect(faults).toEqual([]);
      await page.close();
    }
    expect((await server.stop()).code).toBe(0);
  }, 240_000);
});
