// npm run dev: the server from its sources on PORT (5000), the page on 5173; both reload when a file changes.
// Further arguments are Vite's: npm run dev -- --port 5174
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseEnv } from 'node:util';
import { runInForeground } from './setup/foreground.mjs';
import { main, ROOT } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

/** Where the server will listen, as it reads it itself; undefined: where it listens unless told. */
function serverPort() {
  const envFile = join(ROOT, '.env');
  return process.env.PORT || (existsSync(envFile) ? parseEnv(readFileSync(envFile, 'utf8')).PORT : undefined);
}

await main(async () => {
  await setUp({ isForDevelopment: true });
  const modules = join(ROOT, 'node_modules');
  return await runInForeground([
    { args: [join(modules, 'tsx', 'dist', 'cli.mjs'), 'watch', '--clear-screen=false', join('services', 'main.ts')] },
    {
      args: [join(modules, 'vite', 'bin', 'vite.js'), '--clearScreen', 'false', ...process.argv.slice(2)],
      cwd: join(ROOT, 'frontend'),
      // It sends on what it does not answer itself: frontend/vite.config.ts.
      env: { ...process.env, PORT: serverPort() ?? '' },
    },
  ]);
});
