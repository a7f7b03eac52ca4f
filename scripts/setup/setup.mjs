import { onEndAsked } from './foreground.mjs';
import { assertNotEnding, endPrograms } from './process.mjs';
import { underLock } from './stamp.mjs';
import {
  buildAddon,
  buildPage,
  checkNodeVersion,
  compileServer,
  generatePrismaClient,
  installPackages,
} from './steps.mjs';

/**
 * Brings a clone to the state where the server can run. Each step is skipped in milliseconds when its inputs have
 * not changed since it last succeeded.
 * @param {{ isForDevelopment?: boolean, isPageNeeded?: boolean }} [options] development runs from the sources: nothing is
 *   compiled ahead. What serves no page leaves the built one as it is: settings of its own build (VITE_...) may be gone
 * @returns {Promise<{ hasAddon: boolean }>}
 */
export async function setUp({ isForDevelopment = false, isPageNeeded = true } = {}) {
  checkNodeVersion();
  return await untilAskedToEnd(() =>
    underLock(async () => {
      await installPackages();
      const hasAddon = await buildAddon();
      await generatePrismaClient();
      if (!isForDevelopment) {
        await compileServer();
        if (isPageNeeded) await buildPage();
      }
      return { hasAddon };
    }),
  );
}

/**
 * Whoever is asked to end takes the step that runs along: left alone it would work beside that of the next set-up.
 * @throws SetupError then: what the step said of its end is of no use to anybody
 */
async function untilAskedToEnd(body) {
  const giveBack = onEndAsked(endPrograms);
  try {
    const result = await body().catch((fault) => {
      assertNotEnding();
      throw fault;
    });
    assertNotEnding();
    return result;
  } finally {
    giveBack();
  }
}
