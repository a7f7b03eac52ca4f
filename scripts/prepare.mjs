// What tests of whole processes run before they start a server by hand: the compiled server, with --page the page too.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { main, ROOT, SetupError, say } from './setup/process.mjs';
import { underLock } from './setup/stamp.mjs';
import { buildAddon, buildPage, compileServer, generatePrismaClient } from './setup/steps.mjs';

await main(() =>
  underLock(async () => {
    await buildAddon();
    await generatePrismaClient();
    try {
      await compileServer();
    } catch (fault) {
      // A type error elsewhere in the tree does not keep a test from running; `npm test` itself refuses it at once.
      if (!(fault instanceof SetupError) || !existsSync(join(ROOT, 'dist', 'services', 'main.js'))) throw fault;
      say(fault.message);
    }
    if (process.argv.includes('--page')) await buildPage();
  }),
);
