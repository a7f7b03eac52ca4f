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
  return await underLock(async () => {
    await installPackages();
    const hasAddon = await buildAddon();
    await generatePrismaClient();
    if (!isForDevelopment) {
      await compileServer();
      if (isPageNeeded) await buildPage();
    }
    return { hasAddon };
  });
}
