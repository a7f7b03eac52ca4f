// npm run evidence:containers: builds the images, starts the compose file, scales it to three nodes under a running
// upload, drains and stops one of them under downloads, and writes down what was seen in docs/evidence/containers.md.
//
// With Docker nothing is needed. Without it Podman does, through its Docker interface and docker-compose; BASE_IMAGES
// may then name a program that makes the public base images on a machine that has no registry to fetch them from.
import { createHash, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, release, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import { main, ROOT, run, SetupError, say } from '../setup/process.mjs';
import { openEngine } from './container-engine.mjs';

const MIB = 1024 * 1024;
const UPLOAD_BYTES = 256 * MIB;
/** Slow enough that nodes are added long before its end. */
const UPLOAD_BYTES_A_SECOND = 10 * MIB;
const PIECE_BYTES = MIB;
const HTTP_PORT = Number(process.env.PEERLINK_HTTP_PORT || 80);
const NODE_PORT = Number(process.env.PEERLINK_NODE_PORT || 5000);
const DEADLINE_MS = 120_000;
const MAX_ADDED_MIB = { backend: 200, frontend: 30 };

const facts = [];
function note(text) {
  facts.push(text);
  say(text);
}

async function until(what, condition) {
  const deadline = performance.now() + DEADLINE_MS;
  while (performance.now() < deadline) {
    const answer = await condition().catch(() => undefined);
    if (answer) return answer;
    await delay(250);
  }
  throw new SetupError(`not within ${DEADLINE_MS / 1000} s: ${what}`);
}

function assert(isTrue, what) {
  if (!isTrue) throw new SetupError(`not as promised: ${what}`);
}

const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

async function healthyCount() {
  const answer = await fetch(`http://127.0.0.1:${HTTP_PORT}/api/cluster`, { signal: AbortSignal.timeout(5_000) });
  const { nodes } = await answer.json();
  return nodes.filter(({ state }) => state === 'healthy').length;
}

/** A PUT through port 5000 that takes its time. */
function slowUpload(bytes) {
  let sent = 0;
  async function* pieces() {
    const startedMs = performance.now();
    for (let offset = 0; offset < bytes.length; offset += PIECE_BYTES) {
      const dueMs = (offset / UPLOAD_BYTES_A_SECOND) * 1000;
      await delay(Math.max(0, startedMs + dueMs - performance.now()));
      sent = offset;
      yield bytes.subarray(offset, offset + PIECE_BYTES);
    }
    sent = bytes.length;
  }
  const answer = fetch(`http://127.0.0.1:${NODE_PORT}/evidence.bin`, {
    method: 'PUT',
    headers: { 'Content-Length': String(bytes.length) },
    body: Readable.toWeb(Readable.from(pieces())),
    duplex: 'half',
  });
  return { answer, sent: () => sent };
}

/** A GET through port 80 that is told when it is half way. */
async function download(path, bytes, onHalf) {
  const answer = await fetch(`http://127.0.0.1:${HTTP_PORT}${path}`);
  const hash = createHash('sha256');
  let received = 0;
  let hasTold = false;
  for await (const piece of answer.body) {
    hash.update(piece);
    received += piece.length;
    if (!hasTold && received >= bytes / 2) {
      hasTold = true;
      await onHalf?.();
    }
  }
  return { status: answer.status, received, digest: hash.digest('hex') };
}

async function measureImages(engine) {
  for (const [name, base] of [
    ['backend', 'node:24-bookworm-slim'],
    ['frontend', 'nginx:1.28'],
  ]) {
    const [own, under] = [await engine.imageBytes(`peerlink-${name}`), await engine.imageBytes(base)];
    const addedMiB = (own - under) / MIB;
    note(`image of the ${name}: ${addedMiB.toFixed(1)} MiB above ${base} (at most ${MAX_ADDED_MIB[name]})`);
    assert(addedMiB <= MAX_ADDED_MIB[name], `the size of the ${name}'s image`);
  }
}

async function scaleUnderUpload(engine) {
  const bytes = randomBytes(UPLOAD_BYTES);
  note(`one node answers at ports ${HTTP_PORT} and ${NODE_PORT}; an upload of ${UPLOAD_BYTES / MIB} MiB begins`);
  const upload = slowUpload(bytes);
  upload.answer.catch(() => undefined);
  await until('the upload moves', async () => upload.sent() > 8 * MIB);
  await engine.compose(['up', '-d', '--no-build', '--scale', 'backend=3']);
  await until('three nodes are found', async () => (await healthyCount()) === 3);
  const sent = upload.sent();
  note(`scaled to 3: /api/cluster shows three healthy nodes when ${Math.round(sent / MIB)} MiB of the upload are sent`);
  assert(sent < bytes.length, 'the upload is still running when the nodes are there');
  const answer = await upload.answer;
  const link = new URL((await answer.text()).trim());
  assert(answer.status === 201, `the upload's answer, ${answer.status}`);
  const expected = sha256(bytes);
  for (let round = 0; round < 3; round += 1) {
    const got = await download(link.pathname, bytes.length);
    assert(got.status === 200 && got.digest === expected, 'the bytes of a download');
  }
  note(`the upload is answered 201; three downloads through port ${HTTP_PORT} have its SHA-256, ${expected}`);
  return { path: link.pathname, length: bytes.length, expected };
}

/** By its own log: every line of a node carries its id. */
async function nodeIdOf(engine, container) {
  return /"nodeId":"([\w-]+)"/.exec(await engine.run(['logs', container]))?.[1] ?? '';
}

/** As docs/OPERATIONS.md says to scale down: drained by way of another node, then stopped. */
async function removeOneUnderDownloads(engine, file) {
  const [victim, other] = await engine.containers('backend');
  const nodeId = await nodeIdOf(engine, victim);
  const removed = async () => {
    const said = await engine.run(['exec', other, 'node', 'scripts/peerlink.mjs', 'drain', nodeId, '--wait']);
    assert(said.includes('no only copy is left'), `the drain's last word, ${said}`);
    await engine.run(['stop', '-t', '35', victim]);
  };
  const downloads = await Promise.all([download(file.path, file.length, removed), download(file.path, file.length)]);
  assert(
    downloads.every(({ digest }) => digest === file.expected),
    'the bytes of downloads while a node goes',
  );
  await until('two nodes are left', async () => (await healthyCount()) === 2);
  const after = await download(file.path, file.length);
  assert(after.digest === file.expected, 'the bytes of a download after a node went');
  note(
    'one node is drained (until no only copy is left there) and stopped during two downloads: both have that SHA-256',
  );
  note('two nodes are left, and a download from them has it too');
}

async function lookInside(engine) {
  const published = [];
  for (const name of ['frontend', 'backend', 'postgres', 'redis']) {
    for (const container of await engine.containers(name)) {
      if ((await engine.publishedPorts(container)).length > 0) published.push(name);
      const environment = await engine.environment(container);
      const hasSecret = environment.some((line) =>
        /^(DATABASE_URL|REDIS_PASSWORD|CLUSTER_SECRET|POSTGRES_PASSWORD)=./.test(line),
      );
      assert(!hasSecret, `no password in the environment of the ${name}`);
    }
  }
  assert(published.join() === 'frontend', `nginx alone is published, found ${published.join(', ')}`);
  note('published: nginx alone; no container has a password in its environment');
  const page = await fetch(`http://127.0.0.1:${HTTP_PORT}/`, { headers: { accept: 'text/html' } });
  const html = await page.text();
  assert(page.headers.get('content-security-policy')?.includes("script-src 'self'"), "the page's policy");
  const script = /\/assets\/[^"]+\.js/.exec(html)?.[0] ?? '';
  const asset = await fetch(`http://127.0.0.1:${HTTP_PORT}${script}`);
  assert(asset.status === 200 && asset.headers.get('x-request-id') === null, 'files of the page come from nginx');
  note('index.html comes from a node, with its policy; the script that it names comes from nginx');
}

function writeReport(engine, commit) {
  const text = [
    '# The containers, run',
    '',
    'What `npm run evidence:containers` saw: it builds both images, starts `docker-compose.yml`, scales it to three nodes',
    'under a running upload, and drains and stops one of them under two downloads.',
    '',
    `- commit ${commit}`,
    `- ${new Date().toISOString().slice(0, 10)}, Linux ${release().split('-')[0]}, ${cpus().length} x ${cpus()[0]?.model ?? '?'}`,
    `- ${engine.description}`,
    process.env.BASE_IMAGES === undefined
      ? '- base images: those that their names stand for'
      : '- base images: stand-ins of the same names, made on the machine from Debian packages; the public ones were not tried',
    '',
    '## Seen',
    '',
    ...facts.map((fact) => `- ${fact}`),
    '',
  ];
  writeFileSync(join(ROOT, 'docs', 'evidence', 'containers.md'), text.join('\n'));
}

await main(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'peerlink-containers-'));
  const engine = await openEngine(folder).catch((fault) => {
    rmSync(folder, { recursive: true, force: true });
    throw fault;
  });
  const { output } = await run('git', ['rev-parse', 'HEAD'], { isQuiet: true });
  const commit = /^[0-9a-f]{40}/.test(output) ? output.trim() : 'unknown';
  try {
    await engine.compose(['down', '-v']);
    await engine.compose(['build', '--build-arg', `COMMIT=${commit}`]);
    await measureImages(engine);
    await engine.compose(['up', '-d', '--no-build']);
    await until('the page is there', async () => (await healthyCount()) === 1);
    const { native } = await (await fetch(`http://127.0.0.1:${HTTP_PORT}/version`)).json();
    assert(native.implementation === 'native', 'net_io runs natively');
    note(`net_io runs natively in the image (kernel ${native.kernel})`);
    await lookInside(engine);
    const file = await scaleUnderUpload(engine);
    await removeOneUnderDownloads(engine, file);
    writeReport(engine, commit);
  } catch (fault) {
    await engine.compose(['logs', '--tail', '40']).catch(() => undefined);
    throw fault;
  } finally {
    await engine.compose(['down', '-v']).catch((fault) => say(fault.message));
    await engine.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
