import { cpSync, existsSync, mkdirSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tempDirectory } from './cleanup.ts';
import { startProcess } from './processes.ts';
import { ROOT } from './server.ts';

const BUILD_DEADLINE_MS = 180_000;
const COMPILED = ['services', 'native', 'prisma', 'moleculer.config.js', 'prisma.config.js'];
const SHARED = ['node_modules', 'native', 'prisma'];

async function run(what: string, args: readonly string[], env: NodeJS.ProcessEnv): Promise<void> {
  const program = startProcess(process.execPath, [...args], { cwd: join(ROOT, 'frontend'), env });
  const { code } = await program.exited(BUILD_DEADLINE_MS);
  if (code !== 0) throw new Error(`${what} failed\n${program.log()}`);
}

/**
 * A tree like this one, whose page was built with other settings: servers started with it as `root` serve that page,
 * and the page of everyone else stays as it is.
 */
export async function treeWithPage(settings: Readonly<Record<string, string>>): Promise<string> {
  await run('preparing the server', [join(ROOT, 'scripts', 'prepare.mjs')], process.env);
  const tree = tempDirectory('page-tree');
  mkdirSync(join(tree, 'dist'));
  for (const name of COMPILED.filter((one) => existsSync(join(ROOT, 'dist', one)))) {
    cpSync(join(ROOT, 'dist', name), join(tree, 'dist', name), { recursive: true });
  }
  for (const name of SHARED) symlinkSync(join(ROOT, name), join(tree, name));
  cpSync(join(ROOT, 'package.json'), join(tree, 'package.json'));
  const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
  const outDir = join(tree, 'frontend', 'dist');
  await run('building the page', [vite, 'build', '--outDir', outDir, '--emptyOutDir'], {
    ...process.env,
    ...settings,
    NODE_ENV: 'production',
  });
  return tree;
}
