// npm run dev: the server from its sources on PORT (5000), the page on 5173; both reload when a file changes.
// Further arguments are Vite's: npm run dev -- --port 5174
import { join } from 'node:path';
import { runInForeground } from './setup/foreground.mjs';
import { main, ROOT } from './setup/process.mjs';
import { setUp } from './setup/setup.mjs';

await main(async () => {
  await setUp({ isForDevelopment: true });
  const modules = join(ROOT, 'node_modules');
  return await runInForeground([
    { args: [join(modules, 'tsx', 'dist', 'cli.mjs'), 'watch', '--clear-screen=false', join('services', 'main.ts')] },
    {
      args: [join(modules, 'vite', 'bin', 'vite.js'), '--clearScreen', 'false', ...process.argv.slice(2)],
      cwd: join(ROOT, 'frontend'),
    },
  ]);
});
