import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { ROOT, SetupError } from './process.mjs';

const STAMP_FOLDER = join(ROOT, 'dist', '.build');
/** What is made from inputs is none: a binary that a test packs would have the server compiled anew under those that run. */
const MADE = new Set(['node_modules', 'dist', 'build', 'prebuilds']);
const LOCK_DEADLINE_MS = 15 * 60_000;

function filesUnder(path, isWanted, found) {
  if (!existsSync(path)) return;
  if (statSync(path).isFile()) {
    found.push(path);
    return;
  }
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (MADE.has(entry.name)) continue;
    const child = join(path, entry.name);
    if (entry.isDirectory()) filesUnder(child, isWanted, found);
    else if (entry.isFile() && isWanted(child)) found.push(child);
  }
}

/**
 * One hash over the contents of these files and folders (relative to the root), and over `facts`.
 * By content, not by time: a fresh clone, a branch change and a copied tree all come out right.
 */
export function hashInputs(paths, facts = [], isWanted = () => true) {
  const files = [];
  for (const path of paths) filesUnder(join(ROOT, path), isWanted, files);
  const hash = createHash('sha256');
  for (const fact of facts) hash.update(`${fact}\0`);
  for (const file of files.sort()) {
    hash.update(`${file.slice(ROOT.length)}\0`);
    hash.update(readFileSync(file));
    hash.update('\0');
  }
  return hash.digest('hex');
}

/** True when the step of this name last succeeded on the same inputs and all that it makes is still there. */
export function isUpToDate(name, inputHash, outputs) {
  if (!outputs.every((output) => existsSync(join(ROOT, output)))) return false;
  try {
    return readFileSync(join(STAMP_FOLDER, name), 'utf8') === inputHash;
  } catch {
    return false; // No stamp: the step has not run yet.
  }
}

export function stampDone(name, inputHash) {
  mkdirSync(STAMP_FOLDER, { recursive: true });
  writeFileSync(join(STAMP_FOLDER, name), inputHash);
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (fault) {
    return fault.code === 'EPERM';
  }
}

/** Two set-ups in one tree (tests, a second terminal) take turns; the lock of a dead process is taken over. */
export async function underLock(body) {
  mkdirSync(STAMP_FOLDER, { recursive: true });
  const path = join(STAMP_FOLDER, 'lock');
  const deadline = Date.now() + LOCK_DEADLINE_MS;
  for (;;) {
    try {
      const descriptor = openSync(path, 'wx');
      writeFileSync(descriptor, String(process.pid));
      closeSync(descriptor);
      break;
    } catch (fault) {
      if (fault.code !== 'EEXIST') throw fault;
    }
    const holder = readHolder(path);
    if (holder !== undefined && !isAlive(holder)) rmSync(path, { force: true });
    else if (Date.now() > deadline) throw new SetupError(`another set-up (process ${holder}) holds ${path}`);
    else await delay(100);
  }
  try {
    return await body();
  } finally {
    rmSync(path, { force: true });
  }
}

function readHolder(path) {
  try {
    // Just created and not yet written reads as empty: its maker is alive, so wait.
    return Number.parseInt(readFileSync(path, 'utf8'), 10) || undefined;
  } catch {
    return undefined; // Released between the two looks.
  }
}
