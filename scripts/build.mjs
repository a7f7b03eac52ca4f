// npm run build: everything that running needs, from nothing.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { main, ROOT } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  // Compiled files of sources that are gone would go on being loaded: begin without any.
  for (const folder of ['services', 'native', 'prisma'])
    rmSync(join(ROOT, 'dist', folder), { recursive: true, force: true });
  await setUp();
});
