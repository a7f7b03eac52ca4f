import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { chownSync, cpSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'yaml';
import { loadConfig } from '../../services/config.ts';
import { VARIABLES } from '../../services/config-variables.ts';
import { atEnd, tempDirectory } from '../support/cleanup.ts';
import { startProcess } from '../support/processes.ts';
import { filesUnder, ROOT, readText } from './tree.ts';

interface Service {
  readonly image?: string;
  readonly build?: { readonly dockerfile: string };
  readonly command?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  readonly ports?: readonly string[];
  readonly volumes?: readonly string[];
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: { readonly test: readonly string[] };
  readonly networks?: { readonly default: { readonly ipv4_address: string } };
  readonly sysctls?: Readonly<Record<string, string>>;
  readonly stop_grace_period?: string;
  readonly deploy?: { readonly replicas: string };
  readonly [other: string]: unknown;
}

interface Compose {
  readonly services: Readonly<Record<string, Service>>;
  readonly volumes: Readonly<Record<string, null>>;
}

const compose = parse(readText('docker-compose.yml'), { merge: true }) as Compose;
const { secrets, postgres, redis, backend, frontend } = compose.services as Record<string, Service>;

/** The id that Linux keeps for a user who owns nothing. */
const NOBODY = 65_534;

/** The text with every `${NAME:-default}` as it is when nothing is set. */
const withDefaults = (text: string) => text.replace(/\$\{\w+:-([^}]*)\}/g, '$1');

const dockerfiles = filesUnder('docker', /\.Dockerfile$/);
/** A Dockerfile's instructions, continued lines joined, comments gone. */
const instructionsOf = (path: string) =>
  readText(path)
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replace(/\\\n\s*/g, '')
    .split('\n')
    .filter((line) => line !== '');

describe('docker-compose.yml', () => {
  it('starts a page, nodes, PostgreSQL and Redis, after a step that makes the passwords', () => {
    expect(Object.keys(compose.services).sort()).toEqual(['backend', 'frontend', 'postgres', 'redis', 'secrets']);
    expect(secrets?.restart).toBe('no');
    for (const service of [postgres, redis, backend]) {
      expect(service?.depends_on?.secrets).toEqual({ condition: 'service_completed_successfully' });
    }
    expect(backend?.depends_on?.postgres).toEqual({ condition: 'service_healthy' });
    expect(backend?.depends_on?.redis).toEqual({ condition: 'service_healthy' });
    expect(frontend?.depends_on?.backend).toEqual({ condition: 'service_healthy' });
  });

  it('checks the health of everything that runs on', () => {
    for (const service of [postgres, redis, backend, frontend]) {
      const test = service?.healthcheck?.test ?? [];
      expect(test[0]).toMatch(/^CMD(-SHELL)?$/);
      // Some engines split an argument at its spaces; only a shell's own line may have any.
      if (test[0] === 'CMD') expect(test.filter((part) => part.includes(' '))).toEqual([]);
      else expect(test).toHaveLength(2);
    }
  });

  it('publishes nginx only, at 80 and 5000', () => {
    const publishing = Object.entries(compose.services).filter(([, service]) => service.ports !== undefined);
    expect(publishing.map(([name]) => name)).toEqual(['frontend']);
    expect(frontend?.ports?.map(withDefaults)).toEqual(['80:80', '5000:5000']);
  });

  it('lets nothing stand in the way of scaling the nodes', () => {
    expect(Object.keys(backend ?? {})).not.toContain('container_name');
    expect(Object.keys(backend ?? {})).not.toContain('hostname');
    expect(backend?.networks).toBeUndefined();
    for (const name of ['NODE_HOSTNAME', 'NODE_PORT', 'NODE_PEER_URL', 'NODE_PUBLIC_URL', 'PORT']) {
      expect(Object.keys(backend?.environment ?? {})).not.toContain(name);
    }
  });

  it('keeps the number of nodes over every later `up`: it comes from a setting, and is one without', () => {
    expect(backend?.deploy?.replicas).toMatch(/^\$\{PEERLINK_NODES:-1\}$/);
    expect(backend).not.toHaveProperty('scale');
    expect(readText('docs/OPERATIONS.md')).toContain('`PEERLINK_NODES=3`');
  });

  it('gives all nodes one named volume, and no other service a hand in it', () => {
    const users = Object.entries(compose.services).filter(([, { volumes = [] }]) =>
      volumes.some((volume) => volume.startsWith('data:')),
    );
    expect(users.map(([name]) => name)).toEqual(['backend']);
    expect(backend?.volumes).toContain('data:/data');
    expect(Object.keys(compose.volumes).sort()).toEqual(['data', 'postgres', 'secrets']);
    expect(readText('docker/backend.Dockerfile')).toContain('DATA_DIR=/data');
  });

  it('holds no password: nodes read them from files that only the first step can write', () => {
    const environments = Object.values(compose.services).flatMap(({ environment = {} }) => Object.entries(environment));
    const secretNames = Object.entries(VARIABLES).filter(([, entry]) => 'isSecret' in entry && entry.isSecret);
    for (const [name, value] of environments) {
      const isSecret = secretNames.some(([secret]) => secret === name) || name.endsWith('PASSWORD');
      if (isSecret) expect([name, withDefaults(value)]).toEqual([name, '']);
    }
    expect(backend?.environment).toMatchObject({
      DATABASE_URL_FILE: '/run/peerlink/database_url',
      REDIS_PASSWORD_FILE: '/run/peerlink/redis_password',
      CLUSTER_SECRET_FILE: '/run/peerlink/cluster_secret',
    });
    for (const service of [postgres, redis, backend]) expect(service?.volumes).toContain('secrets:/run/peerlink:ro');
    expect(frontend?.volumes).toBeUndefined();
  });

  it('keeps what PostgreSQL has over every container', () => {
    expect(postgres?.volumes).toContain('postgres:/var/lib/postgresql/data');
  });

  it('takes every right of root from what it builds itself', () => {
    const built = Object.entries(compose.services).filter(([, service]) => service.build !== undefined);
    expect(built.map(([name]) => name)).toEqual(['secrets', 'backend', 'frontend']);
    for (const [name, { cap_drop: dropped }] of built) expect([name, dropped]).toEqual([name, ['ALL']]);
    for (const service of [backend, frontend]) expect(service?.security_opt).toEqual(['no-new-privileges:true']);
  });

  it('names nginx in TRUSTED_PROXIES, at an address of its network', () => {
    const address = frontend?.networks?.default.ipv4_address ?? '';
    expect(backend?.environment?.TRUSTED_PROXIES?.split(',')).toContain(address);
  });

  it('hands the settings of the environment on, and changes nothing by it when they are not set', () => {
    const own = Object.fromEntries(
      Object.entries(backend?.environment ?? {}).map(([name, value]) => [name, withDefaults(value)]),
    );
    const passedOn = Object.keys(own).filter((name) => backend?.environment?.[name] === `\${${name}:-}`);
    expect(passedOn).toEqual(expect.arrayContaining(['PUBLIC_URL', 'MAX_FILE_SIZE', 'TTL_SHARE_SESSION', 'LOG_LEVEL']));
    const groups = ['Lifetimes', 'Limits'];
    const wanted = Object.entries(VARIABLES).filter(([, entry]) => groups.includes(entry.group));
    expect(wanted.map(([name]) => name).filter((name) => !passedOn.includes(name))).toEqual([]);
    const machine = {
      rootDirectory: '/app',
      hostname: 'f00d',
      readTextFile: (path: string) => (path.endsWith('database_url') ? 'postgresql://u:p@postgres/db' : 'x'.repeat(32)),
    };
    const outcome = loadConfig({ NODE_ENV: 'production', DATA_DIR: '/data', ...own }, machine);
    if (!outcome.ok) throw new Error(outcome.faults.join('\n'));
    expect(outcome.config).toMatchObject({
      isCluster: true,
      replicationFactor: 2,
      dataDirectory: '/data',
      node: { hostname: 'f00d', peerUrl: 'http://f00d:5000', publicUrl: null },
      redis: { host: 'redis' },
    });
  });

  it('gives nodes the time of a drain to stop', () => {
    expect(Number.parseInt(backend?.stop_grace_period ?? '', 10)).toBeGreaterThan(30);
  });
});

describe('docker-compose.debug.yml', () => {
  it('publishes PostgreSQL and Redis on loopback, and does nothing else', () => {
    expect(parse(readText('docker-compose.debug.yml'))).toEqual({
      services: { postgres: { ports: ['127.0.0.1:5432:5432'] }, redis: { ports: ['127.0.0.1:6379:6379'] } },
    });
  });
});

describe('the images', () => {
  it.each(dockerfiles)('%s is built in stages, runs as somebody who is not root, and names no architecture', (path) => {
    const instructions = instructionsOf(path);
    expect(instructions.filter((line) => line.startsWith('FROM ')).length).toBeGreaterThan(1);
    const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
    expect(last.filter((line) => line.startsWith('USER ')).map((line) => line.slice(5))).toEqual([
      path.includes('backend') ? 'node' : 'nginx',
    ]);
    expect(instructions).toContain('ARG NODE_IMAGE=node:24-bookworm-slim');
    expect(instructions.join('\n')).not.toMatch(/amd64|x86|x64|arm64|aarch64|--platform/);
  });

  it('are not made when net_io does not run natively in them', () => {
    const check = instructionsOf('docker/backend.Dockerfile').find((line) => line.includes('kernels()')) ?? '';
    expect(check).toContain("if (kernels.implementation !== 'native') throw");
    const program = /node -e "(.*)"/.exec(check)?.[1] ?? '';
    const pretend = (implementation: string) => {
      const folder = tempDirectory('image-check');
      const stub = `require=()=>({loadNetIo:()=>({kernels:()=>({implementation:'${implementation}',active:'x'})})});`;
      return execFileSync(process.execPath, ['-e', stub + program], { cwd: folder, stdio: 'pipe' }).toString();
    };
    expect(pretend('native')).toContain('natively');
    expect(() => pretend('fallback')).toThrow();
  });

  it('are made of what the project names and nothing else in its folder', () => {
    const lines = readText('.dockerignore').split('\n');
    const rules = lines.filter((line) => line !== '' && !line.startsWith('#'));
    expect(rules[0]).toBe('*');
    const taken = rules.filter((rule) => rule.startsWith('!')).map((rule) => rule.slice(1));
    expect(taken.filter((name) => /^\.(git|env)|data|dist|^\*/.test(name))).toEqual([]);
    const copied = dockerfiles
      .flatMap(instructionsOf)
      .filter((line) => /^COPY (?!--from)/.test(line))
      .flatMap((line) => line.split(' ').slice(1, -1))
      .filter((path) => path !== '.');
    const isTaken = (path: string) => taken.some((name) => path === name || path.startsWith(`${name}/`));
    expect(copied.filter((path) => !isTaken(path))).toEqual([]);
  });

  it('have what a node reads as it runs, and the commands of its operator with all that they import', () => {
    const instructions = instructionsOf('docker/backend.Dockerfile');
    const last = instructions.slice(instructions.findLastIndex((line) => line.startsWith('FROM ')));
    const copied = last.filter((line) => line.startsWith('COPY ')).flatMap((line) => line.split(' ').slice(1, -1));
    const [commands] = copied.filter((path) => path.endsWith('peerlink.mjs'));
    const imported = [...readText(commands ?? '').matchAll(/from '(\.[^']+)'/g)].map(([, path = '']) =>
      join('scripts', path),
    );
    expect(imported.length).toBeGreaterThan(0);
    expect(copied).toEqual(expect.arrayContaining([...imported, 'prisma/migrations', 'docker/check-ready.mjs']));
  });

  it('hold the same page: index.html of a node names files of nginx', () => {
    const settings = (path: string) => instructionsOf(path).filter((line) => line.startsWith('ARG VITE_'));
    expect(settings('docker/frontend.Dockerfile')).toEqual(settings('docker/backend.Dockerfile'));
    expect(instructionsOf('docker/frontend.Dockerfile').join('\n')).toContain('rm dist/index.html');
  });
});

describe('docker/first-resolver.envsh', () => {
  it.each([
    ['10.0.0.1 10.0.0.2', '10.0.0.1'],
    ['127.0.0.11', '127.0.0.11'],
    ['[fd00::1] 10.0.0.2 ', '[fd00::1]'],
  ])('of %j leaves nginx the name server that everybody asks first', (listed, first) => {
    const script = join(ROOT, 'docker', 'first-resolver.envsh');
    const program = `set -e; . "$0"; printf %s "$NGINX_LOCAL_RESOLVERS"`;
    const env = { ...process.env, NGINX_LOCAL_RESOLVERS: listed };
    expect(execFileSync('sh', ['-c', program, script], { env }).toString()).toBe(first);
  });
});

describe('docker/check-ready.mjs', () => {
  it.each([
    [200, 0],
    [503, 1],
    [null, 1],
  ])('of a node whose /readyz is %s ends with %i', async (status, code) => {
    const server = createServer((request, answer) => {
      answer.writeHead(request.url === '/readyz' ? (status ?? 500) : 404).end();
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    if (status === null) await new Promise((resolve) => server.close(resolve));
    atEnd(() => void server.close());
    const env = { ...process.env, PORT: String(port) };
    const program = startProcess(process.execPath, [join('docker', 'check-ready.mjs')], { cwd: ROOT, env });
    expect((await program.exited(15_000)).code).toBe(code);
  });
});

describe('docker/make-secrets.mjs', () => {
  it('makes what a run that was cut short has begun', () => {
    const folder = tempDirectory('secrets');
    writeFileSync(join(folder, 'redis_password.new'), 'half', { mode: 0o444 });
    cpSync(join(ROOT, 'docker', 'make-secrets.mjs'), join(folder, 'make-secrets.mjs'));
    // As in its image, where it runs without root: root may write to any file.
    const user = process.getuid?.() === 0 ? { uid: NOBODY, gid: NOBODY } : {};
    for (const path of user.uid === undefined ? [] : ['', ...readdirSync(folder)])
      chownSync(join(folder, path), NOBODY, NOBODY);
    execFileSync(process.execPath, ['make-secrets.mjs', '.'], { ...user, cwd: folder, stdio: 'pipe' });
    expect(readFileSync(join(folder, 'redis_password'), 'utf8')).toMatch(/^[\w-]{32}\n$/);
    expect(readdirSync(folder).filter((name) => name.endsWith('.new'))).toEqual([]);
  });

  it('makes the passwords once, different in each installation, and keeps them ever after', () => {
    const [folder, other] = [tempDirectory('secrets'), tempDirectory('secrets')];
    const make = (target: string) =>
      execFileSync(process.execPath, [join(ROOT, 'docker', 'make-secrets.mjs'), target]).toString();
    const read = (target: string) =>
      Object.fromEntries(readdirSync(target).map((name) => [name, readFileSync(join(target, name), 'utf8')]));
    make(folder);
    const first = read(folder);
    expect(Object.keys(first).sort()).toEqual([
      'cluster_secret',
      'database_url',
      'postgres_password',
      'redis.conf',
      'redis_password',
    ]);
    expect(first.database_url).toContain(`:${first.postgres_password?.trim()}@postgres:5432/`);
    expect(first['redis.conf']).toContain(`requirepass ${first.redis_password?.trim()}\n`);
    expect(statSync(join(folder, 'database_url')).mode & 0o222).toBe(0);
    expect(make(folder)).toBe('');
    expect(read(folder)).toEqual(first);
    make(other);
    for (const [name, text] of Object.entries(read(other))) expect(text).not.toBe(first[name]);
  });
});
