import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { untilAskedToEnd } from './foreground.mjs';
import { followLock, giveBackLock, readLock } from './numbered-lock.mjs';
import { assertNotEnding, ROOT, SetupError, say } from './process.mjs';

const STAMP_FOLDER = join(ROOT, 'dist', '.build');
/** What is made from inputs is none: a binary that a test packs would have the server compiled anew under those that run. */
const MADE = new Set(['node_modules', 'dist', 'build', 'prebuilds']);
const LOCK_DEADLINE_MS = 15 * 60_000;
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

/**
 * Two set-ups in one tree (tests, a second terminal) take turns; the lock of a dead process is taken over. Until its turn is
 * over this process ends its steps when it is asked to end. @throws SetupError then
 */
export async function underLock(body) {
  mkdirSync(STAMP_FOLDER, { recursive: true });
  const path = join(STAMP_FOLDER, 'lock');
  return await untilAskedToEnd(async () => {
    const number = await takeLock(path);
    try {
      return await body();
    } finally {
      giveBackLock(path, number);
    }
  });
}

/** @returns {Promise<number>} to give it back with @throws SetupError when it is told to end, or after LOCK_DEADLINE_MS */
async function takeLock(path) {
  const deadline = Date.now() + LOCK_DEADLINE_MS;
  let hasSaid = false;
  for (;;) {
    const { number, text, file } = readLock(path);
    // Who held it under the id that is now ours is gone.
    const isFree = text === '' || Number(text) === process.pid || !isAlive(Number(text));
    if (isFree && followLock(path, number, String(process.pid))) return number + 1;
    if (isFree) continue;
    if (Date.now() > deadline) throw new SetupError(`another set-up (process ${text}) holds ${file}`);
    if (!hasSaid) say(`waiting for another set-up, process ${text}, which holds ${file}`);
    hasSaid = true;
    assertNotEnding();
    await delay(LOOK_EVERY_MS);
  }
}
