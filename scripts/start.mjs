// npm start: from a fresh clone to a running server.
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  await setUp();
  return await runInForeground([{ args: [join('dist', 'services', 'main.js'), ...process.argv.slice(2)] }]);
});
