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
 * @param {{ isForDevelopment?: boolean }} [options] development runs from the sources: nothing is compiled ahead
 * @returns {Promise<{ hasAddon: boolean }>}
 */
export async function setUp({ isForDevelopment = false } = {}) {
  checkNodeVersion();
  return await underLock(async () => {
    await installPackages();
    const hasAddon = await buildAddon();
    await generatePrismaClient();
    if (!isForDevelopment) {
      await compileServer();
      await buildPage();
    }
    return { hasAddon };
  });
}
