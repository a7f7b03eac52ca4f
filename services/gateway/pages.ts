import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { extname, join, relative, sep } from 'node:path';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import Negotiator from 'negotiator';
import { madeOnce } from '../kernel/made-once.ts';
import { pagePolicy } from './security-headers.ts';

/** The built front end is a few hundred files and a few MiB; anything else in the folder was not built by us. */
const MAX_FILES = 2_000;
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const RESCAN_MS = 1_000;
const MIN_COMPRESSED_BYTES = 1024;
const IMMUTABLE = 'public, max-age=31536000, immutable';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.ico': 'image/x-icon',
  '.webp': 'image/webp',
  '.woff2': 'font/woff2',
  '.json': 'application/json',
  '.webmanifest': 'application/manifest+json',
  '.txt': 'text/plain; charset=utf-8',
};
/** A worker runs under the policy sent with its own script: cached for a year, that policy would allow no new node. */
const WORKER = /^\/(assets\/)?[\w.-]*worker[\w.-]*\.js$/;
const COMPRESSIBLE = /^(text\/|image\/svg|application\/(json|manifest))/;

/** The better one first. */
const ENCODINGS = ['br', 'gzip'] as const;

interface Asset {
  readonly type: string;
  readonly etag: string;
  readonly plain: Buffer;
  /** Made when it is first asked for, which most nodes never are; null where it is not worth it. */
  readonly compressed: Readonly<Record<(typeof ENCODINGS)[number], () => Promise<Buffer>>> | null;
}

/** The page's files, found once by listing the folder: a request's path is only ever looked up, never opened. */
export interface Pages {
  /** Index.html, or a plain explanation with 503 when the front end was not built. */
  answerIndex(req: IncomingMessage, res: ServerResponse): void;
  /** The same page with 404: it says that nothing is here, and leads on. False when the front end was not built. */
  answerUnknown(req: IncomingMessage, res: ServerResponse): boolean;
  /** True when there is such a file and it was answered. */
  answerAsset(req: IncomingMessage, res: ServerResponse, path: string): boolean;
  /** Settles when the files were read or found missing. */
  readonly loaded: Promise<void>;
}

export function createPages(
  directory: string,
  /** Asked for each answer, since nodes come and go. */
  connectOrigins: () => readonly string[],
  onFault: (fault: unknown) => void,
  isCompressionEnabled = true,
): Pages {
  const folder = new PageFolder(directory, isCompressionEnabled, onFault);
  const currentPolicy = rememberedPolicy(connectOrigins);

  /** False when it is not there. */
  const answerPage = (req: IncomingMessage, res: ServerResponse, cacheControl: string): boolean => {
    const index = folder.assets.get('/index.html');
    if (index === undefined) return false;
    const policy = currentPolicy();
    res.setHeader('Content-Security-Policy', policy.text);
    res.setHeader('Cache-Control', cacheControl);
    // With an entity tag of its own, so that no page keeps running under an outdated policy.
    answer(req, res, { ...index, etag: taggedBy(index.etag, policy.tag) });
    return true;
  };

  return {
    loaded: folder.loaded,
    answerIndex(req, res) {
      folder.lookAgain();
      if (!answerPage(req, res, 'no-cache')) answerNotBuilt(req, res);
    },
    answerUnknown(req, res) {
      res.statusCode = 404;
      return answerPage(req, res, 'no-store');
    },
    answerAsset(req, res, path) {
      const asset = path === '/index.html' ? undefined : folder.assets.get(path);
      if (asset === undefined) return false;
      const policy = currentPolicy();
      const isWorker = WORKER.test(path);
      res.setHeader('Content-Security-Policy', policy.text);
      res.setHeader('Cache-Control', cachingOf(path, isWorker));
      answer(req, res, isWorker ? { ...asset, etag: taggedBy(asset.etag, policy.tag) } : asset);
      return true;
    },
  };
}

/**
 * What the folder holds. The page may be built while we run: then it is looked for until it is there, and once more after that,
 * since its build may have been writing it.
 */
class PageFolder {
  /** Settles when the folder was read for the first time. */
  readonly loaded: Promise<void>;
  readonly #directory: string;
  readonly #isCompressionEnabled: boolean;
  readonly #onFault: (fault: unknown) => void;
  #assets: ReadonlyMap<string, Asset> = new Map();
  /** Found at the start, or two looks in a row found the same. */
  #isWhole = false;
  #isLooking = false;
  #lookedAtMs = performance.now();

  constructor(directory: string, isCompressionEnabled: boolean, onFault: (fault: unknown) => void) {
    this.#directory = directory;
    this.#isCompressionEnabled = isCompressionEnabled;
    this.#onFault = onFault;
    this.loaded = this.#look().then(() => {
      this.#isWhole = this.#assets.has('/index.html');
    });
  }

  get assets(): ReadonlyMap<string, Asset> {
    return this.#assets;
  }

  /** At most once a second, and not at all once the page is there. */
  lookAgain(): void {
    if (this.#isWhole || this.#isLooking || performance.now() - this.#lookedAtMs < RESCAN_MS) return;
    const before = this.#assets;
    void this.#look().then((isRead) => {
      this.#isWhole = isRead && this.#assets.has('/index.html') && isSame(before, this.#assets);
    });
  }

  /** @returns false: it could not be read, and what was found before stays */
  async #look(): Promise<boolean> {
    this.#isLooking = true;
    this.#lookedAtMs = performance.now();
    try {
      this.#assets = await readAssets(this.#directory, this.#isCompressionEnabled);
      return true;
    } catch (fault) {
      if ((fault as NodeJS.ErrnoException).code !== 'ENOENT') this.#onFault(fault);
      return false;
    } finally {
      this.#isLooking = false;
    }
  }
}

function isSame(before: ReadonlyMap<string, Asset>, after: ReadonlyMap<string, Asset>): boolean {
  return before.size === after.size && [...after].every(([path, { etag }]) => before.get(path)?.etag === etag);
}

interface Policy {
  readonly text: string;
  readonly tag: string;
}

function rememberedPolicy(connectOrigins: () => readonly string[]): () => Policy {
  let madeOf: readonly string[] | undefined;
  let policy: Policy = { text: '', tag: '' };
  return () => {
    const origins = connectOrigins();
    if (origins !== madeOf) {
      const text = pagePolicy(origins);
      policy = { text, tag: createHash('sha256').update(text).digest('base64url').slice(0, 8) };
      madeOf = origins;
    }
    return policy;
  };
}

function taggedBy(etag: string, tag: string): string {
  return `${etag.slice(0, -1)}-${tag}"`;
}

function cachingOf(path: string, isWorker: boolean): string {
  if (isWorker) return 'no-cache';
  return path.startsWith('/assets/') ? IMMUTABLE : 'public, max-age=3600';
}

function answer(req: IncomingMessage, res: ServerResponse, asset: Asset): void {
  res.setHeader('Content-Type', asset.type);
  res.setHeader('ETag', asset.etag);
  res.appendHeader('Vary', 'Accept-Encoding');
  const isFound = res.statusCode === 200;
  if (
    isFound &&
    req.headers['if-none-match']?.split(',').some((tag) => tag.trim().replace(/^W\//, '') === asset.etag) === true
  ) {
    res.statusCode = 304;
    res.end();
    return;
  }
  const accepted = asset.compressed === null ? [] : new Negotiator(req).encodings([...ENCODINGS]);
  const encoding = ENCODINGS.find((name) => accepted.includes(name));
  const send = (body: Buffer): void => {
    res.setHeader('Content-Length', body.length);
    res.end(body);
  };
  if (asset.compressed === null || encoding === undefined) {
    send(asset.plain);
    return;
  }
  asset.compressed[encoding]().then(
    (body) => {
      res.setHeader('Content-Encoding', encoding);
      send(body);
    },
    // Without the memory to make it small it still goes out as it is.
    () => send(asset.plain),
  );
}

function answerNotBuilt(req: IncomingMessage, res: ServerResponse): void {
  const text =
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>PeerLink</title>' +
    '<h1>The page has not been built yet</h1><p>The server is running, and <code>curl -T</code> works. ' +
    'Run <code>npm run build</code> for the page, or open the development server that <code>npm run dev</code> starts.</p></html>';
  res.statusCode = 503;
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.setHeader('Content-Security-Policy', "default-src 'none'; frame-ancestors 'none'");
  res.setHeader('Retry-After', '10');
  res.setHeader('Cache-Control', 'no-store');
  res.end(req.method === 'HEAD' ? undefined : text);
}

async function readAssets(directory: string, isCompressionEnabled: boolean): Promise<Map<string, Asset>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).slice(0, MAX_FILES);
  const assets = await Promise.all(files.map((entry) => readAsset(directory, entry, isCompressionEnabled)));
  return new Map(assets.filter((asset) => asset !== null));
}

async function readAsset(
  directory: string,
  entry: Dirent,
  isCompressionEnabled: boolean,
): Promise<[string, Asset] | null> {
  const file = join(entry.parentPath, entry.name);
  const type = TYPES[extname(entry.name)];
  if (type === undefined) return null;
  const plain = await readFile(file);
  if (plain.length > MAX_FILE_BYTES) return null;
  const isWorth = isCompressionEnabled && plain.length >= MIN_COMPRESSED_BYTES && COMPRESSIBLE.test(type);
  return [
    `/${relative(directory, file).split(sep).join('/')}`,
    {
      type,
      etag: `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`,
      plain,
      compressed: isWorth ? compressedOf(plain) : null,
    },
  ];
}

function compressedOf(plain: Buffer): Asset['compressed'] {
  return {
    // Quality 5 costs milliseconds and is within a few percent of the best.
    br: madeOnce(() => promisify(brotliCompress)(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } })),
    gzip: madeOnce(() => promisify(gzip)(plain)),
  };
}
