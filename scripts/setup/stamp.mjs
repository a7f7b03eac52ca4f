import { createHash } from 'node:crypto';
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { assertNotEnding, ROOT, SetupError, say } from './process.mjs';

const STAMP_FOLDER = join(ROOT, 'dist', '.build');
/** What is made from inputs is none: a binary that a test packs would have the server compiled anew under those that run. */
const MADE = new Set(['node_modules', 'dist', 'build', 'prebuilds']);
const LOCK_DEADLINE_MS = 15 * 60_000;
const EMPTY_LOCK_MS = 5_000;
const LOOK_EVERY_MS = 100;

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
function isUpToDate(stamp, inputHash, outputs) {
  if (!outputs.every((output) => existsSync(join(ROOT, output)))) return false;
  try {
    return readFileSync(stamp, 'utf8') === inputHash;
  } catch {
    return false; // No stamp: the step has not run yet.
  }
}

/**
 * Runs a step, unless it last succeeded on the same inputs and all that it makes is still there. A step that throws or is
 * cut short has no stamp: nobody knows of which inputs the files are that it leaves.
 * @param {string} name of the step
 * @param {string} inputHash of hashInputs
 * @param {readonly string[]} outputs paths from the root
 * @param {() => unknown} make
 */
export async function unlessDone(name, inputHash, outputs, make) {
  const stamp = join(STAMP_FOLDER, name);
  if (isUpToDate(stamp, inputHash, outputs)) return;
  rmSync(stamp, { force: true });
  await make();
  mkdirSync(STAMP_FOLDER, { recursive: true });
  writeFileSync(stamp, inputHash);
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
  let hasSaid = false;
  while (!takeLock(path)) {
    const holder = readHolder(path);
    if (holder === undefined) continue;
    if (holder.isDead) takeAway(path, holder);
    else if (Date.now() > deadline) throw new SetupError(`another set-up (process ${holder.text}) holds ${path}`);
    else {
      if (!hasSaid && holder.text !== '')
        say(`waiting for another set-up, process ${holder.text}, which holds ${path}`);
      hasSaid ||= holder.text !== '';
      assertNotEnding();
      await delay(LOOK_EVERY_MS);
    }
  }
  try {
    return await body();
  } finally {
    rmSync(path, { force: true });
  }
}

/** @returns {boolean} false when somebody has it */
function takeLock(path) {
  try {
    const descriptor = openSync(path, 'wx');
    writeFileSync(descriptor, String(process.pid));
    closeSync(descriptor);
    return true;
  } catch (fault) {
    if (fault.code !== 'EEXIST') throw fault;
    return false;
  }
}

/** Whose the lock is; undefined when it is nobody's any more. */
function readHolder(path) {
  try {
    const text = readFileSync(path, 'utf8');
    // Its maker writes its id at once: a lock that stays empty has lost its maker in between.
    const isDead = text === '' ? Date.now() - statSync(path).mtimeMs > EMPTY_LOCK_MS : !isAlive(Number(text));
    return { text, isDead };
  } catch (fault) {
    if (fault.code !== 'ENOENT') throw fault;
    return undefined; // Released between the two looks.
  }
}

/** Of several that find the same dead lock one may be late, and have the next one's lock in hand: that one goes back. */
function takeAway(path, dead) {
  const aside = `${path}.${process.pid}`;
  try {
    renameSync(path, aside);
  } catch (fault) {
    if (fault.code !== 'ENOENT') throw fault;
    return; // Another one was faster.
  }
  if (readFileSync(aside, 'utf8') === dead.text) rmSync(aside);
  else renameSync(aside, path);
}
