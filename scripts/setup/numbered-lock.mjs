import { randomBytes } from 'node:crypto';
import { existsSync, linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';

/**
 * A lock of files `<path>-000001`, `<path>-000002` and so on: the highest number counts, and it is never removed, only
 * followed. What a file says (its holder) is there from the moment it has its name, since it is linked under it, and a link
 * refuses a name that is taken. So of several that follow the same dead holder one wins.
 */
const DIGITS = 6;

/**
 * Who has the lock, or had it last.
 * @param {string} path of the lock; its folder exists
 * @returns {{ number: number, text: string, file: string }} number 0: nobody yet; text '': it was given back
 */
export function readLock(path) {
  for (;;) {
    const number = highestNumber(path);
    const file = nameOf(path, number);
    if (number === 0) return { number, text: '', file };
    try {
      return { number, text: readFileSync(file, 'utf8'), file };
    } catch (fault) {
      if (fault.code !== 'ENOENT') throw fault; // Followed between the two looks.
    }
  }
}

/**
 * Takes the lock over from the holder of `number`, who has given it back or is gone.
 * @param {string} text says who has it from now on
 * @returns {boolean} false: another one was faster
 */
export function followLock(path, number, text) {
  const own = number + 1;
  const draft = writeDraft(path, text);
  try {
    linkSync(draft, nameOf(path, own));
  } catch (fault) {
    if (fault.code !== 'EEXIST') throw fault;
    return false;
  } finally {
    rmSync(draft, { force: true });
  }
  // The number was free because a later holder has removed it, not because it is the next.
  const isNext = highestNumber(path) === own;
  for (const earlier of numbersOf(path)) if (earlier < own) rmSync(nameOf(path, earlier), { force: true });
  if (!isNext) rmSync(nameOf(path, own), { force: true });
  return isNext;
}

/** By the holder of `number`. Where the folder was removed meanwhile there is nothing to give back. */
export function giveBackLock(path, number) {
  if (existsSync(nameOf(path, number))) renameSync(writeDraft(path, ''), nameOf(path, number));
}

function writeDraft(path, text) {
  const draft = `${path}.${randomBytes(8).toString('hex')}`;
  writeFileSync(draft, text, { mode: 0o600 });
  return draft;
}

function numbersOf(path) {
  const start = `${basename(path)}-`;
  return readdirSync(dirname(path))
    .filter((name) => name.startsWith(start) && /^\d{6,}$/.test(name.slice(start.length)))
    .map((name) => Number(name.slice(start.length)));
}

function highestNumber(path) {
  return Math.max(0, ...numbersOf(path));
}

function nameOf(path, number) {
  return join(dirname(path), `${basename(path)}-${String(number).padStart(DIGITS, '0')}`);
}
