import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ROOT, runNode, runNpm, SetupError, say } from './process.mjs';
import { hashInputs, unlessDone } from './stamp.mjs';

const ADDON = join('native', 'build', 'Release', 'net_io.node');
const PRISMA_CLIENT = join('prisma', 'generated');
const PRISMA_DEADLINE_MS = 120_000;
/** TypeScript, node-gyp and Vite start programs of their own, which go on when only these are ended. */
const QUIETLY = { isQuiet: true, isGroup: true };
const isNotTest = (path) => !/\.(test|spec)\.tsx?$/.test(path);

/** Node older than `engines` fails later and obscurely: say it first. */
export function checkNodeVersion() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if ((major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major > 22) return;
  throw new SetupError(
    `Node ${process.versions.node} is running, PeerLink needs 20.19 or newer in line 20, or 22.12 or newer`,
  );
}

/** The first package of the lock that node_modules does not hold in that version; undefined when it holds all. */
function firstMissingPackage() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages;
  const installedPath = join(ROOT, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return 'node_modules';
  const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (!path.includes('node_modules/') || entry.optional || entry.devOptional || entry.peer || entry.link) continue;
    if (installed[path]?.version !== entry.version || !existsSync(join(ROOT, path, 'package.json'))) return path;
  }
  return undefined;
}

/**
 * Installs what the lock names when node_modules is not that already. Development packages too, whatever NODE_ENV
 * says: the server is compiled here. No package's install script runs: each one that has any ships its binary.
 */
export async function installPackages() {
  const missing = firstMissingPackage();
  if (missing === undefined) return;
  say(`installing packages (${missing} is missing or of another version)`);
  const result = await runNpm(
    ['ci', '--include=dev', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
    { isGroup: true },
  );
  if (result.code !== 0) throw new SetupError(`npm ci ended with ${result.code}: see its lines above`);
}

/**
 * Builds net_io; without a compiler, or when the build fails, says so in one line and leaves the TypeScript fallback.
 * @returns {Promise<boolean>} whether the addon is there
 */
export async function buildAddon() {
  // Not Node's version: one binary serves them all.
  const inputHash = hashInputs(
    ['native/binding.gyp', 'native/src', 'native/scripts', 'native/package.json'],
    [process.platform, process.arch],
  );
  await unlessDone('addon', inputHash, [ADDON], async () => {
    say('building net_io');
    const result = await runNode([join('native', 'scripts', 'build.mjs')], QUIETLY);
    if (result.code === 0) return;
    // One of other sources or another machine would be loaded, and it would not be what runs beside it.
    rmSync(join(ROOT, ADDON), { force: true });
    process.stderr.write(result.output);
    say('net_io runs on its TypeScript fallback: all works, hashing is slower');
  });
  return existsSync(join(ROOT, ADDON));
}

/**
 * Copies the built addon to where the services find it when native/build is gone, as in an image without a compiler.
 * @returns {string} the copy's path from the root
 */
export function copyAddon() {
  if (!existsSync(join(ROOT, ADDON))) throw new SetupError(`${ADDON} is not there: npm run build makes it`);
  const copy = join('native', 'prebuilds', `${process.platform}-${process.arch}`, 'net_io.node');
  mkdirSync(dirname(join(ROOT, copy)), { recursive: true });
  cpSync(join(ROOT, ADDON), join(ROOT, copy));
  return copy;
}

/** Generates the Prisma client from prisma/schema.prisma. */
export async function generatePrismaClient() {
  const inputHash = hashInputs(['prisma/schema.prisma', 'scripts/setup/steps.mjs', 'package-lock.json']);
  await unlessDone('prisma', inputHash, [join(PRISMA_CLIENT, 'client.ts')], async () => {
    say('generating the Prisma client');
    rmSync(join(ROOT, PRISMA_CLIENT), { recursive: true, force: true });
    const require = createRequire(join(ROOT, 'package.json'));
    const manifest = require.resolve('prisma/package.json');
    const program = join(dirname(manifest), require(manifest).bin.prisma);
    const env = {
      ...process.env,
      // The client needs no schema engine. Naming an existing file keeps Prisma from fetching one from outside the registry.
      PRISMA_SCHEMA_ENGINE_BINARY: process.execPath,
      PRISMA_HIDE_UPDATE_MESSAGE: '1',
      CHECKPOINT_DISABLE: '1',
    };
    const args = [program, 'generate', '--schema', join('prisma', 'schema.prisma'), '--no-hints'];
    const result = await runNode(args, { ...QUIETLY, env, timeoutMs: PRISMA_DEADLINE_MS });
    if (result.code !== 0) throw new SetupError(`the Prisma client could not be generated:\n${result.output}`);
    requireQueryCompiler();
  });
}

/**
 * Prisma's query compiler is 4.5 MB of text in a CommonJS file. `import()` reads through all of it for the names of what it
 * exports, which is a twentieth of a start's CPU time; `require` does not. A Prisma that loads it otherwise stays as it is.
 */
function requireQueryCompiler() {
  const path = join(ROOT, PRISMA_CLIENT, 'internal', 'class.ts');
  if (!existsSync(path)) return;
  const text = readFileSync(path, 'utf8');
  writeFileSync(path, text.replace(/await import\(("[^"]+\.wasm-base64\.js")\)/, 'require($1)'));
}

/** Compiles the server to dist/. */
export async function compileServer() {
  const inputHash = hashInputs(
    [
      'services',
      'native',
      'prisma',
      'moleculer.config.ts',
      'tsconfig.json',
      'tsconfig.build.json',
      'package-lock.json',
    ],
    [],
    (path) => isNotTest(path) && !/\.(cc|h|S|c|md)$/.test(path),
  );
  await unlessDone('server', inputHash, ['dist/services/main.js'], async () => {
    say('compiling the server');
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    const result = await runNode([tsc, '-p', 'tsconfig.build.json'], QUIETLY);
    if (result.code !== 0) throw new SetupError(`the server does not compile:\n${result.output}`);
  });
}

/** Builds the page to frontend/dist. */
export async function buildPage() {
  const settings = Object.entries(process.env).filter(([name, value]) => name.startsWith('VITE_') && value !== '');
  const inputHash = hashInputs(
    ['frontend', 'services/contracts', 'package-lock.json'],
    settings.map(([name, value]) => `${name}=${value}`).sort(),
    isNotTest,
  );
  await unlessDone('page', inputHash, ['frontend/dist/index.html'], async () => {
    say('building the page');
    const vite = join(ROOT, 'node_modules', 'vite', 'bin', 'vite.js');
    // A page for people is always the production build, whatever NODE_ENV the server is started with.
    const env = { ...process.env, NODE_ENV: 'production', NO_COLOR: '1' };
    const result = await runNode([vite, 'build'], { ...QUIETLY, cwd: join(ROOT, 'frontend'), env });
    if (result.code !== 0) throw new SetupError(`the page does not build:\n${result.output}`);
  });
}
