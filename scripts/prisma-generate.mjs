// npm run prisma:generate: generates the Prisma client into prisma/generated, unless it is of this very schema.
import { main } from './setup/process.mjs';
import { underLock } from './setup/stamp.mjs';
import { checkNodeVersion, generatePrismaClient, installPackages } from './setup/steps.mjs';

await main(async () => {
  checkNodeVersion();
  await underLock(async () => {
    await installPackages();
    await generatePrismaClient();
  });
});
