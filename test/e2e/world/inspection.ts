import { AxeBuilder } from '@axe-core/playwright';
import { expect } from '@jest/globals';
import type { Page } from 'playwright-core';

const SCHEMES = ['light', 'dark'] as const;
/** The narrowest phone that is still sold. */
const NARROW = { width: 320, height: 640 };

/** Animations change colours under axe's eyes: it looks when they are over. */
async function settled(page: Page): Promise<void> {
  await page.evaluate(async () => {
    await document.fonts.ready;
    await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)));
  });
}

/** Serious and critical violations, each with the elements it is about. */
async function violations(builder: AxeBuilder): Promise<string[]> {
  const { violations } = await builder.analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, impact, nodes }) => `${id} (${impact}): ${nodes.map((node) => node.html).join(' | ')}`);
}

/** Elements that stick out to the right at a width, the widest first. */
async function overflowing(page: Page): Promise<string[]> {
  return await page.evaluate(() => {
    if (document.documentElement.scrollWidth <= innerWidth) return [];
    return [...document.querySelectorAll('body *')]
      .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
      .map((element) => `${element.tagName} ${element.className} ${element.getBoundingClientRect().right}`)
      .slice(0, 10);
  });
}

/** Holds for the state that a page is in: axe finds nothing serious, light and dark, and a narrow phone need not scroll. */
export async function inspect(page: Page, state: string): Promise<void> {
  const before = page.viewportSize();
  for (const colorScheme of SCHEMES) {
    await page.emulateMedia({ colorScheme });
    await settled(page);
    // Without frames of other origins there is nothing for which axe would have to open a page of its own each time.
    // Nobody reads what it says of all that is right, and to put that together takes as long as to look.
    const builder = new AxeBuilder({ page }).setLegacyMode(true).options({ resultTypes: ['violations'] });
    // The other scheme has other colours and nothing else.
    if (colorScheme !== SCHEMES[0]) builder.withRules('color-contrast');
    const found = await violations(builder);
    expect({ state, colorScheme, found }).toEqual({ state, colorScheme, found: [] });
  }
  await page.setViewportSize(NARROW);
  await settled(page);
  expect({ state, overflowing: await overflowing(page) }).toEqual({ state, overflowing: [] });
  expect({ state, widthPx: await page.evaluate(() => document.documentElement.scrollWidth) }).toEqual({
    state,
    widthPx: NARROW.width,
  });
  if (before !== null) await page.setViewportSize(before);
  await page.emulateMedia({ colorScheme: null });
}
