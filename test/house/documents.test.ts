import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { ERROR_TYPES } from '../../services/contracts/errors.ts';
import { filesAt, filesUnder, ROOT, readText } from './tree.ts';

const DOCUMENTS = [...filesAt(/\.md$/), ...filesUnder('docs', /\.md$/)];
const FENCED = /^```[\s\S]*?^```$/gm;

/** The anchor that GitHub makes of a heading. */
function anchorOf(heading: string): string {
  return heading
    .replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .trim()
    .replaceAll(' ', '-');
}

const anchorsOf = (path: string): string[] =>
  [
    ...readText(path)
      .replace(FENCED, '')
      .matchAll(/^#{1,6} (.+)$/gm),
  ].map(([, heading]) => anchorOf(heading ?? ''));

/** Links of a document to files of this tree that do not lead anywhere. */
function brokenLinks(path: string): string[] {
  const text = readText(path)
    .replace(FENCED, '')
    .replace(/`[^`\n]*`/g, '');
  const broken: string[] = [];
  for (const [, target = ''] of text.matchAll(/(?:\]\(|\bsrc="|\bsrcset="|\bhref=")([^)"\s]+)/g)) {
    if (/^[a-z]+:/i.test(target)) continue;
    const [file = '', anchor] = target.split('#');
    const found = file === '' ? path : normalize(join(dirname(path), file));
    if (!existsSync(join(ROOT, found))) broken.push(target);
    else if (anchor !== undefined && !anchorsOf(found).includes(anchor)) broken.push(target);
  }
  return broken;
}

/** Made by a build or by an operator, or the form of a name. */
const MADE = /^(native\/(build|prebuilds)|prisma\/generated|frontend\/(dist|\.env))|NNNN/;

/** Paths from the root, in code marks, that are not there. */
const missingPaths = (path: string): string[] =>
  [...readText(path).matchAll(/`((?:bench|docker|docs|frontend|native|ops|prisma|scripts|services|test)\/[\w./-]*)`/g)]
    .map(([, named = '']) => named)
    .filter((named) => !MADE.test(named) && !existsSync(join(ROOT, named)));

describe('every document', () => {
  it.each(DOCUMENTS)('names in %s only files and folders that there are', (path) => {
    expect(missingPaths(path)).toEqual([]);
  });

  it.each(DOCUMENTS)('links in %s lead somewhere', (path) => {
    expect(brokenLinks(path)).toEqual([]);
  });

  it('names only scripts of package.json, and docs/HACKING.md each of them', () => {
    const { scripts } = JSON.parse(readText('package.json')) as { scripts: Record<string, string> };
    const namedIn = (path: string) =>
      [...readText(path).matchAll(/\bnpm run ([a-z][\w:-]*)/g)].map(([, name = '']) => name);
    const unknown = DOCUMENTS.flatMap((path) => namedIn(path).map((name) => `${path}: ${name}`)).filter(
      (said) => !Object.hasOwn(scripts, said.split(': ')[1] ?? ''),
    );
    expect(unknown).toEqual([]);
    const told = new Set([...namedIn('docs/HACKING.md'), 'start', 'test']);
    expect(Object.keys(scripts).filter((name) => !told.has(name))).toEqual([]);
  });

  it('that is a decision has a number of its own and says how we would notice that it was wrong', () => {
    const decisions = filesUnder('docs/adr', /\.md$/);
    const numbers = decisions.map((path) => /\/(\d{4})-[a-z0-9-]+\.md$/.exec(path)?.[1]);
    expect(numbers).not.toContain(undefined);
    expect(new Set(numbers).size).toBe(numbers.length);
    expect(decisions.filter((path) => !/notice (that )?(it|this) was wrong/i.test(readText(path)))).toEqual([]);
  });
});

describe('docs/README.md', () => {
  it('leads to every document', () => {
    const index = readText('docs/README.md');
    const missing = DOCUMENTS.filter((path) => path !== 'docs/README.md').filter((path) => {
      const link = path.startsWith('docs/') ? path.slice('docs/'.length) : `../${path}`;
      return !index.includes(`](${link})`);
    });
    expect(missing).toEqual([]);
  });
});

describe('docs/ARCHITECTURE.md', () => {
  it('says what is in each folder of the server', () => {
    const folders = readdirSync(join(ROOT, 'services'), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const map = readText('docs/ARCHITECTURE.md');
    expect(folders.map(({ name }) => name).filter((name) => !map.includes(`\`${name}/\``))).toEqual([]);
  });
});

describe('docs/PROTOCOL.md', () => {
  const protocol = readText('docs/PROTOCOL.md');

  it('lists every error type with its status and whether it can be retried, and no other', () => {
    const listed = [...protocol.matchAll(/^\| `([a-z_]+)` \| (\d{3}) \| (yes|no) \|/gm)].map(
      ([, type, status, retry]) => [type, { status: Number(status), isRetryable: retry === 'yes' }],
    );
    expect(Object.fromEntries(listed)).toEqual(ERROR_TYPES);
    expect(listed).toHaveLength(Object.keys(ERROR_TYPES).length);
  });

  it('names every route of the API', () => {
    const routes = filesUnder('services/gateway/routes', /\.route\.ts$/).flatMap((path) =>
      [...readText(path).matchAll(/'((?:GET|POST|PUT|PATCH|DELETE) )(\/[^']*)'/g)].map(
        ([, method, address]) => `\`${method}/api${address}\``,
      ),
    );
    expect(routes.length).toBeGreaterThan(10);
    expect(routes.filter((route) => !protocol.includes(route))).toEqual([]);
  });

  it('names every Socket.IO event', () => {
    const events = [...readText('services/contracts/socket.ts').matchAll(/^ {2}'?([a-z.]+)'?: \($/gm)].map(
      ([, name]) => name,
    );
    const short = [...readText('services/contracts/socket.ts').matchAll(/^ {2}'?([a-z.]+)'?: \([a-z]/gm)].map(
      ([, name]) => name,
    );
    const all = [...events, ...short];
    expect(all).toEqual(expect.arrayContaining(['transfer.open', 'transfer.progress', 'ping', 'chunk']));
    expect(all.filter((name) => !protocol.includes(`| \`${name}\` |`))).toEqual([]);
  });

  it('has a worked example of the digest tree that is right', async () => {
    const netIo = loadNetIo({ useNative: false });
    const chunkBytes = 16_384;
    const file = Uint8Array.from({ length: 40_000 }, (_, index) => index % 251);
    const values = [0, 1, 2].map((index) =>
      netIo.chunkValueSync([file.subarray(index * chunkBytes, (index + 1) * chunkBytes)], index * 16),
    );
    const parent = netIo.chunkValueSync([file.subarray(0, 2 * chunkBytes)], 0);
    const digest = netIo.hash(file);
    expect(await netIo.rootOfChunkValues(Buffer.concat(values))).toEqual(digest);
    const rows = [...protocol.matchAll(/^\| (?:chunk \d|parent of|\*\*digest\*\*).*`([0-9a-f]{64})` \|$/gm)].map(
      ([, value]) => value,
    );
    expect(rows).toEqual([...values, parent, digest].map((value) => value.toString('hex')));
    expect(protocol).toContain(netIo.hash(new Uint8Array(0)).toString('hex'));
  });
});

describe('docs/OPERATIONS.md', () => {
  it('names every metric of ours, and none that there is not', () => {
    const made = new Set(
      [...readText('services/stats/adapters/prometheus.ts').matchAll(/'(peerlink_[a-z0-9_]+[a-z0-9])'/g)].map(
        ([, name]) => name,
      ),
    );
    const named = new Set(
      [...readText('docs/OPERATIONS.md').matchAll(/\b(peerlink_[a-z0-9_]+[a-z0-9])\b(?!_)/g)].map(([, name]) =>
        name?.replace(/_(count|sum|bucket)$/, ''),
      ),
    );
    expect(made.size).toBeGreaterThan(8);
    expect([...named].sort()).toEqual([...made].sort());
  });

  it('names no setting that there is not', () => {
    const settings = new Set(
      [
        ...readText('services/config-variables.ts').matchAll(/^ {2}([A-Z][A-Z_]+):/gm),
        ...readText('frontend/src/config/parse-env.ts').matchAll(/^ {2}readonly (VITE_[A-Z_]+)\?:/gm),
        ...readText('docker-compose.yml').matchAll(/\$\{(PEERLINK_[A-Z_]+):-/g),
      ].map(([, name]) => name),
    );
    // Of Node.js itself.
    settings.add('NODE_EXTRA_CA_CERTS');
    const documents = [
      'README.md',
      'docs/OPERATIONS.md',
      'docs/SECURITY.md',
      'docs/PROTOCOL.md',
      'docs/ARCHITECTURE.md',
    ];
    const named = documents.flatMap((path) =>
      [...readText(path).matchAll(/`([A-Z]+(?:_[A-Z]+)+)(?:=[^`]*)?`/g)].map(([, name]) => name),
    );
    expect(named.length).toBeGreaterThan(20);
    expect(named.filter((name) => !settings.has(name))).toEqual([]);
  });
});
