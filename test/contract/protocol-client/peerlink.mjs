#!/usr/bin/env node
// A PeerLink client in one file, written from docs/PROTOCOL.md alone.
//
//   node peerlink.mjs send ORIGIN FILE [--parallel 4] [--run-bytes 8388608]
//   node peerlink.mjs receive LINK TARGET
//
// Both go on where they stopped: after a lost connection by themselves, after an end of this program when they are
// started again. What they need for that lies beside the file, in FILE.peerlink.json and TARGET.peerlink.json.
import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { parseArgs } from 'node:util';
import { createBLAKE3 } from 'hash-wasm';

const GIVE_UP_AFTER_MS = 120_000;
const REQUEST_TIMEOUT_MS = 60_000;
const READ_BYTES = 4 * 1024 * 1024;

const say = (line) => process.stdout.write(`${line}\n`);

/** PROTOCOL 14: what may be tried again, and what may not. */
class Refused extends Error {
  constructor(status, problem) {
    super(`${status} ${problem.type ?? ''} ${problem.detail ?? problem.title ?? ''}`);
    this.type = String(problem.type ?? '').replace('urn:peerlink:error:', '');
    this.retryAfterMs = (problem.retryAfterSeconds ?? 0) * 1000;
    this.isFinal =
      (status < 500 && !['request_timeout', 'superseded', 'rate_limited', 'slots_held', 'moved'].includes(this.type)) ||
      this.type === 'damaged';
  }
}

async function answerOf(address, options = {}) {
  const response = await fetch(address, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS), ...options });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refused(response.status, body);
  return body;
}

/** Tries until it works, is refused for good, or nothing at all moved for two minutes. */
async function patiently(what, attempt) {
  let waitMs = 250;
  let lastMovedMs = Date.now();
  const moved = () => {
    lastMovedMs = Date.now();
    waitMs = 250;
  };
  for (;;) {
    try {
      return await attempt(moved);
    } catch (fault) {
      if (fault instanceof Refused && fault.isFinal) throw fault;
      if (Date.now() - lastMovedMs > GIVE_UP_AFTER_MS) throw fault;
      say(`waiting ${what}: ${fault.message}`);
      const pauseMs = Math.max(fault.retryAfterMs ?? 0, waitMs / 2 + (Math.random() * waitMs) / 2);
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      waitMs = Math.min(waitMs * 2, 5_000);
    }
  }
}

async function remembered(place) {
  try {
    return JSON.parse(await readFile(place, 'utf8'));
  } catch (fault) {
    if (fault.code === 'ENOENT') return null;
    throw fault;
  }
}

/** Whole or not at all: a half-written memory would be worse than none. */
async function remember(place, value) {
  await writeFile(`${place}.new`, JSON.stringify(value), { mode: 0o600 });
  await rename(`${place}.new`, place);
}

async function digestOf(path) {
  const hasher = await createBLAKE3();
  const file = await open(path);
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, READ_BYTES);
      if (bytesRead === 0) return hasher.digest('hex');
      hasher.update(buffer.subarray(0, bytesRead));
    }
  } finally {
    await file.close();
  }
}

// --- sending -------------------------------------------------------------------------------------------------------

/** PROTOCOL 5: the link is there before a byte is sent, and so is what resuming needs. */
async function openTransfer(origin, path, place) {
  const { size, mtimeMs } = await stat(path);
  const known = await remembered(place);
  if (known !== null && known.sizeBytes === size && known.modifiedMs === Math.floor(mtimeMs)) return known;
  const { transfer, uploadToken } = await patiently('to open', () =>
    answerOf(`${origin}/api/transfers`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        files: [{ path: basename(path), sizeBytes: size, lastModifiedMs: Math.floor(mtimeMs) }],
      }),
    }),
  );
  const opened = {
    origin,
    transferId: transfer.id,
    uploadToken,
    link: transfer.link,
    maxRunBytes: transfer.maxRunBytes,
    sizeBytes: size,
    modifiedMs: Math.floor(mtimeMs),
  };
  await remember(place, opened);
  return opened;
}

/** PROTOCOL 7: runs of the chunks that are not committed, each at most `runBytes`. */
function missingRuns(file, runBytes) {
  const { chunkCount, chunkSizeBytes, sizeBytes } = file;
  const chunksEach = Math.max(1, Math.floor(runBytes / chunkSizeBytes));
  const runs = [];
  let next = 0;
  for (const [start, end] of [...file.committed, [chunkCount, chunkCount]]) {
    for (let first = next; first < start; first += chunksEach) {
      const last = Math.min(first + chunksEach, start);
      const offset = first * chunkSizeBytes;
      runs.push({ first, last, offset, lengthBytes: Math.min(last * chunkSizeBytes, sizeBytes) - offset });
    }
    next = end;
  }
  return runs;
}

async function putRun(opened, file, run) {
  const body = Buffer.allocUnsafe(run.lengthBytes);
  const { bytesRead } = await file.read(body, 0, run.lengthBytes, run.offset);
  if (bytesRead !== run.lengthBytes) throw new Error(`the file ends at ${run.offset + bytesRead}: it was changed`);
  say(`sending ${run.first}-${run.last}`);
  const answer = await answerOf(`${opened.origin}/api/transfers/${opened.transferId}/files/0?offset=${run.offset}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${opened.uploadToken}`, 'content-type': 'application/octet-stream' },
    body,
  });
  say(`stored ${run.first}-${run.last}`);
  return answer;
}

/** One round: ask what is there, send the rest in parallel. Throws when anything failed; the next round asks again. */
async function sendRound(opened, file, options, moved) {
  const status = await answerOf(`${opened.origin}/api/transfers/${opened.transferId}/status`, {
    headers: { authorization: `Bearer ${opened.uploadToken}` },
  });
  const [remote] = status.files;
  if (status.state === 'sealed') return remote.digest;
  const runs = missingRuns(remote, Math.min(options.runBytes, opened.maxRunBytes));
  let digest = null;
  let fault = null;
  const sender = async () => {
    for (let run = runs.shift(); run !== undefined && fault === null; run = runs.shift()) {
      try {
        digest = (await putRun(opened, file, run)).digest ?? digest;
        moved();
      } catch (reason) {
        fault ??= reason;
      }
    }
  };
  await Promise.all(Array.from({ length: options.parallel }, sender));
  if (fault !== null) throw fault;
  if (digest === null) throw new Error('all chunks are stored, the seal is not there yet');
  return digest;
}

async function send(origin, path, options) {
  const place = `${path}.peerlink.json`;
  const opened = await openTransfer(origin, path, place);
  say(`link ${opened.link}`);
  const file = await open(path);
  try {
    const digest = await patiently('to send', (moved) => sendRound(opened, file, options, moved));
    if (digest !== (await digestOf(path))) throw new Error(`the server has ${digest}: this file changed meanwhile`);
    say(`digest ${digest}`);
  } finally {
    await file.close();
  }
  await rm(place, { force: true });
}

// --- receiving -----------------------------------------------------------------------------------------------------

/** PROTOCOL 9: goes on behind what is there, under the tag of the answer it came with. */
async function receiveRound(link, target, place, moved) {
  const tag = (await remembered(place))?.etag;
  const file = await open(target, tag === undefined ? 'w' : 'a');
  try {
    const have = tag === undefined ? 0 : (await file.stat()).size;
    const headers = have === 0 ? {} : { range: `bytes=${have}-`, 'if-range': tag };
    const response = await fetch(link, { headers });
    if (response.status === 416 && response.headers.get('content-range') === `bytes */${have}`) return;
    if (!response.ok) throw new Refused(response.status, await response.json().catch(() => ({})));
    if (response.status === 200 && have > 0) await file.truncate(0);
    const from = response.status === 206 ? have : 0;
    say(`receiving ${response.status} from ${from}`);
    await remember(place, { etag: response.headers.get('etag') });
    let received = from;
    for await (const bytes of response.body) {
      await file.appendFile(bytes);
      received += bytes.length;
      moved();
      say(`received ${received}`);
    }
    const length = response.headers.get('content-length');
    if (length !== null && received !== from + Number(length)) throw new Error(`the answer broke off at ${received}`);
  } finally {
    await file.close();
  }
}

async function receive(link, target) {
  const place = `${target}.peerlink.json`;
  await patiently('to receive', (moved) => receiveRound(link, target, place, moved));
  const { origin, pathname } = new URL(link);
  const shareId = pathname.split('/')[2];
  const { files } = await patiently('for the digest', () => answerOf(`${origin}/api/shares/${shareId}`));
  const digest = await digestOf(target);
  if (files[0].digest !== null && files[0].digest !== digest) throw new Error(`damaged: ${digest} arrived`);
  say(`digest ${digest}`);
  await rm(place, { force: true });
}

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { parallel: { type: 'string', default: '4' }, 'run-bytes': { type: 'string', default: '8388608' } },
});
const [command, from, to] = positionals;
try {
  if (command === 'send' && to !== undefined) {
    await send(from.replace(/\/$/, ''), to, {
      parallel: Number(values.parallel),
      runBytes: Number(values['run-bytes']),
    });
  } else if (command === 'receive' && to !== undefined) await receive(from, to);
  else throw new Error('usage: peerlink.mjs send ORIGIN FILE | receive LINK TARGET');
} catch (fault) {
  say(`failed ${fault.message}`);
  process.exitCode = 1;
}
