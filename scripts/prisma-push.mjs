// npm run prisma:push: brings the database that DATABASE_URL names to the newest migration, as a start of the server does.
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { main, ROOT, SetupError, say } from './setup/process.mjs';
import { underLock } from './setup/stamp.mjs';
import { checkNodeVersion, compileServer, generatePrismaClient, installPackages } from './setup/steps.mjs';

/** DATABASE_URL, or the content of the file that DATABASE_URL_FILE names; `.env` counts where the environment is silent. */
function databaseUrl() {
  const environmentFile = join(ROOT, '.env');
  if (existsSync(environmentFile)) process.loadEnvFile(environmentFile);
  const { DATABASE_URL: url, DATABASE_URL_FILE: file } = process.env;
  if (url) return url;
  if (file) return readFileSync(file, 'utf8').trim();
  throw new SetupError('DATABASE_URL is not set: without it the embedded database is migrated when the server starts');
}

await main(async () => {
  const url = databaseUrl();
  checkNodeVersion();
  await underLock(async () => {
    await installPackages();
    await generatePrismaClient();
    await compileServer();
  });
  const require = createRequire(import.meta.url);
  const { openDatabase } = require(join(ROOT, 'dist', 'services', 'database', 'open-database.js'));
  let applied = [];
  const log = {
    info: (details) => {
      applied = details.migrations ?? applied;
    },
    warn: (_details, message) => say(message),
  };
  const database = await openDatabase({ url, directory: ROOT, log }).catch((fault) => {
    throw new SetupError(fault.message);
  });
  await database.close();
  say(applied.length === 0 ? 'the database is up to date' : `applied ${applied.join(', ')}`);
});
