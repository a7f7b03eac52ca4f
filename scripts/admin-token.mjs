// npm run admin-token: makes a new token for the operator and prints it; the old one is worthless.
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  await setUp({ isPageNeeded: false });
  return await runInForeground([{ args: [join('dist', 'services', 'main.js'), '--admin-token'] }]);
});
