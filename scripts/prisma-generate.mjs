// Generates the Prisma client into prisma/generated. Nothing happens when it is newer than the schema and Prisma itself.
import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { main, SetupError } from './setup/process.mjs';
import { installPackages } from './setup/steps.mjs';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
const schemaFile = path.join(root, 'prisma', 'schema.prisma');
const outputDirectory = path.join(root, 'prisma', 'generated');
const clientFile = path.join(outputDirectory, 'client.ts');
const deadlineMs = 120_000;

function isFresh(prismaPackageFile) {
  if (!existsSync(clientFile)) return false;
  const generatedAt = statSync(clientFile).mtimeMs;
  return [schemaFile, prismaPackageFile, fileURLToPath(import.meta.url)].every(
    (file) => statSync(file).mtimeMs < generatedAt,
  );
}

export function generatePrismaClient() {
  const require = createRequire(path.join(root, 'package.json'));
  const prismaPackageFile = require.resolve('prisma/package.json');
  if (isFresh(prismaPackageFile)) return false;
  rmSync(outputDirectory, { recursive: true, force: true });
  const program = path.join(path.dirname(prismaPackageFile), require(prismaPackageFile).bin.prisma);
  const result = spawnSync(process.execPath, [program, 'generate', '--schema', schemaFile, '--no-hints'], {
    cwd: root,
    // The client needs no schema engine. Naming an existing file keeps Prisma from fetching one from outside the registry.
    env: {
      ...process.env,
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    },
    encoding: 'utf8',
    timeout: deadlineMs,
  });
  if (result.status !== 0 || !existsSync(clientFile)) {
    const found = result.error?.message ?? `exit ${result.status ?? result.signal}`;
    throw new SetupError(`prisma generate failed (${found})\n${result.stdout ?? ''}${result.stderr ?? ''}`);
  }
  return true;
}

if (process.argv[1] && import.meta.url === pathToFileURL(process.argv[1]).href) {
  await main(async () => {
    // On a fresh clone. As a step of the set-up, which holds its lock, this finds them there.
    await installPackages();
    console.log(generatePrismaClient() ? 'Prisma client generated.' : 'Prisma client is up to date.');
  });
}
