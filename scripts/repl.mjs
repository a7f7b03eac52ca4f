// npm run repl: the server with Moleculer's console on this terminal.
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  await setUp();
  return await runInForeground([{ args: [join('dist', 'services', 'main.js'), '--repl', ...process.argv.slice(2)] }]);
});
