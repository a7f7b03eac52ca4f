import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { findProgram, ROOT, run, SetupError, say } from '../setup/process.mjs';

const STEP_DEADLINE_MS = 20 * 60_000;
const HEALTH_EVERY_MS = 2_000;
const PROJECT = 'peerlink-evidence';
/** docker-compose finds that a network which Podman made for it has changed, every time: so it is given one. */
const NETWORK = `${PROJECT}-network`;

/**
 * Docker, or Podman in its place.
 * @param {string} folder for a socket and for settings of the run
 */
export async function openEngine(folder) {
  const isDocker =
    findProgram(['docker']) !== undefined && (await run('docker', ['info'], { isQuiet: true })).code === 0;
  if (!isDocker && findProgram(['podman']) === undefined && process.env.BASE_IMAGES === undefined)
    throw new SetupError('neither Docker nor Podman is here');
  if (process.env.BASE_IMAGES !== undefined) {
    say('making the base images');
    const made = await run(process.env.BASE_IMAGES, [], { isQuiet: true, timeoutMs: STEP_DEADLINE_MS });
    if (made.code !== 0) throw new SetupError(`BASE_IMAGES ended with ${made.code}:\n${made.output}`);
  }
  const program = isDocker ? 'docker' : 'podman';
  const composeCommand = await findCompose(isDocker);
  const description = [await firstLine(program, ['--version']), await composeVersion(composeCommand)].join(', ');
  // Last: it runs on until it is closed.
  const podman = isDocker ? null : await servePodman(folder);
  const env = { ...process.env, ...podman?.env };
  const files = ['-f', join(ROOT, 'docker-compose.yml'), ...(podman?.files ?? [])];
  const execute = async (command, args, isQuiet) => {
    const result = await run(command, args, { env, isQuiet, timeoutMs: STEP_DEADLINE_MS });
    if (result.code !== 0)
      throw new SetupError(`${command} ${args.join(' ')} ended with ${result.code}\n${result.output}`);
    return result.output.trim();
  };
  const engine = {
    description,
    run: (args) => execute(program, args, true),
    compose: (args) =>
      execute(composeCommand[0], [...composeCommand.slice(1), '-p', PROJECT, ...files, ...args], false),
    imageBytes: async (name) => Number(await engine.run(['image', 'inspect', name, '--format', '{{.Size}}'])),
    containers: async (service) => {
      const label = `label=com.docker.compose.service=${service}`;
      const project = `label=com.docker.compose.project=${PROJECT}`;
      const output = await engine.run(['ps', '-q', '--filter', label, '--filter', project]);
      return output.split('\n').filter((line) => line !== '');
    },
    publishedPorts: async (container) =>
      (await engine.run(['port', container])).split('\n').filter((line) => line !== ''),
    environment: async (container) =>
      JSON.parse(await engine.run(['inspect', container, '--format', '{{json .Config.Env}}'])),
    close: async () => podman?.close(),
  };
  return engine;
}

async function findCompose(isDocker) {
  if (isDocker && (await run('docker', ['compose', 'version'], { isQuiet: true })).code === 0)
    return ['docker', 'compose'];
  if (findProgram(['docker-compose']) !== undefined) return ['docker-compose'];
  throw new SetupError('docker compose is not here');
}

async function firstLine(command, args) {
  const { output } = await run(command, args, { isQuiet: true });
  return output.trim().split('\n')[0];
}

async function composeVersion([command, ...args]) {
  return (await firstLine(command, [...args, 'version'])).replace(/, build unknown$/, '');
}

/** The first address of a network: where Podman's name server is. */
const gatewayOf = (subnet) => subnet.replace(/\.0\/.*$/, '.1');

/**
 * Podman's Docker interface, and what differs there: the network is made by hand, containers are told of name servers
 * beside the one that knows them, and nobody times health checks.
 */
async function servePodman(folder) {
  const socket = `unix://${join(folder, 'podman.sock')}`;
  const service = spawn('podman', ['system', 'service', '-t', '0', socket], { stdio: 'ignore' });
  const override = join(folder, 'podman.yml');
  const subnet = process.env.PEERLINK_SUBNET || '172.30.250.0/24';
  writeFileSync(
    override,
    [
      'services:',
      ...['secrets', 'backend'].map((name) => `  ${name}: {build: {network: host}}`),
      `  frontend: {build: {network: host}, dns: ["${gatewayOf(subnet)}"]}`,
      'networks:',
      `  default: {external: true, name: ${NETWORK}}`,
      '',
    ].join('\n'),
  );
  await run('podman', ['network', 'rm', NETWORK], { isQuiet: true });
  const made = await run('podman', ['network', 'create', '--subnet', subnet, NETWORK], { isQuiet: true });
  if (made.code !== 0) {
    service.kill('SIGTERM');
    throw new SetupError(`podman network create ended with ${made.code}\n${made.output}`);
  }
  let isOpen = true;
  const checking = (async () => {
    while (isOpen) {
      const { output } = await run('podman', ['ps', '-q'], { isQuiet: true });
      for (const id of output.split('\n').filter((line) => /^[0-9a-f]+$/.test(line)))
        await run('podman', ['healthcheck', 'run', id], { isQuiet: true });
      await delay(HEALTH_EVERY_MS);
    }
  })();
  return {
    env: { DOCKER_HOST: socket },
    files: ['-f', override],
    close: async () => {
      isOpen = false;
      await checking;
      await run('podman', ['network', 'rm', NETWORK], { isQuiet: true });
      service.kill('SIGTERM');
    },
  };
}
