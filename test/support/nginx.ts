import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { installPackage } from './apt.ts';
import { tempDirectory } from './cleanup.ts';
import { freePort } from './ports.ts';
import { startProcess, type TestProcess } from './processes.ts';
import { ROOT } from './server.ts';
import { waitFor } from './waiting.ts';

export interface TestNginx {
  /** What is port 80 in a container. */
  readonly pagePort: number;
  /** What is port 5000 in a container. */
  readonly nodePort: number;
  readonly process: TestProcess;
}

export interface NginxOptions {
  readonly nameServerPort: number;
  /** What is port 5000 of the name `backend` in a container. */
  readonly backendPort: number;
  /** Those of one that was killed; free ones without. */
  readonly ports?: Pick<TestNginx, 'pagePort' | 'nodePort'>;
}

const START_DEADLINE_MS = 10_000;

/** Debian's nginx with the configuration of the image; only ports, folders and the name server are the test's. */
export async function startNginx(options: NginxOptions): Promise<TestNginx> {
  const program = ensureNginx();
  const folder = tempDirectory('nginx');
  const { pagePort, nodePort } = options.ports ?? { pagePort: await freePort(), nodePort: await freePort() };
  mkdirSync(join(folder, 'conf.d'));
  const mainFile = join(folder, 'nginx.conf');
  const asRoot = process.getuid?.() === 0 ? 'user root;\n' : '';
  const main = readFileSync(join(ROOT, 'docker', 'nginx-main.conf'), 'utf8')
    .replaceAll('/tmp/', `${folder}/`)
    .replaceAll('/etc/nginx/conf.d', join(folder, 'conf.d'));
  writeFileSync(mainFile, asRoot + main);
  const template = readFileSync(join(ROOT, 'docker', 'nginx.conf.template'), 'utf8');
  const site = replaceEach(template, [
    [`\${NGINX_LOCAL_RESOLVERS}`, `127.0.0.1:${options.nameServerPort}`],
    ['listen 80;', `listen 127.0.0.1:${pagePort};`],
    ['listen 5000;', `listen 127.0.0.1:${nodePort};`],
    [':5000;', `:${options.backendPort};`],
    ['/usr/share/nginx/html', join(ROOT, 'frontend', 'dist')],
  ]);
  writeFileSync(join(folder, 'conf.d', 'peerlink.conf'), site);
  execFileSync(program, ['-t', '-q', '-c', mainFile, '-p', folder], { stdio: 'pipe', timeout: START_DEADLINE_MS });
  const server = startProcess(program, ['-c', mainFile, '-p', folder, '-g', 'daemon off;'], { isGroup: true });
  await waitFor('nginx listens', START_DEADLINE_MS, async () => {
    if (!server.isRunning()) throw new Error(`nginx ended\n${server.log()}`);
    return await isOpen(pagePort);
  });
  return { pagePort, nodePort, process: server };
}

/** Every one of them must be there: else the template has changed and the test would run another one. */
function replaceEach(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((result, [from, to]) => {
    if (!result.includes(from)) throw new Error(`the template of nginx has no ${from}`);
    return result.replaceAll(from, to);
  }, text);
}

/** Debian has it in /usr/sbin, which is not on everybody's PATH. */
function ensureNginx(): string {
  const found = findNginx();
  if (found !== null) return found;
  const wanted = 'nginx 1.18 or newer (program nginx)';
  installPackage('nginx-light', wanted);
  const installed = findNginx();
  if (installed === null) throw new Error(`${wanted} is not what apt-get installed`);
  return installed;
}

function findNginx(): string | null {
  for (const program of ['nginx', '/usr/sbin/nginx']) {
    try {
      execFileSync(program, ['-v'], { stdio: 'pipe', timeout: START_DEADLINE_MS });
      return program;
    } catch {
      // Not there: the next place.
    }
  }
  return null;
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      done(true);
    });
    socket.once('error', () => done(false));
  });
}
