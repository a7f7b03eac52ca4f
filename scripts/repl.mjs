// npm run repl: a console on this terminal, of the cluster, or of the process that runs on the data directory.
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  await setUp({ isPageNeeded: false });
  return await runInForeground([{ args: [join('dist', 'services', 'main.js'), '--repl', ...process.argv.slice(2)] }]);
});
