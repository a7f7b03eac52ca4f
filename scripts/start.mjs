// npm start: from a fresh clone to a running server.
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main, SetupError } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  const given = process.argv.slice(2).join(' ');
  if (given !== '')
    throw new SetupError(
      `npm start takes no arguments, found "${given}": settings are variables, as in PORT=6000 npm start`,
    );
  await setUp();
  return await runInForeground([{ args: [join('dist', 'services', 'main.js')] }]);
});
