// Sets up, then runs one of the project's own programs under tsx: the benchmarks, npm run evidence, npm run showcase.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main, ROOT, SetupError } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  const [program, ...args] = process.argv.slice(2);
  if (program === undefined || !existsSync(join(ROOT, program)))
    throw new SetupError(`no program ${program ?? ''} here`);
  await setUp();
  return await runInForeground([{ args: ['--import', 'tsx', program, ...args] }]);
});
