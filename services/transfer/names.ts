import { MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PATH_DEPTH } from '../contracts/limits.ts';

export type PathCheck =
  | { readonly isValid: true; readonly path: string }
  | { readonly isValid: false; readonly message: string };

/** C0, DEL and C1 control characters; the bidi controls that make `gpj.exe` look like `exe.jpg`; line separators. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is refused.
const FORBIDDEN = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/u;
const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * A sender's relative path: parts joined by `/`, in any script, NFC. Refused: absolute paths, empty, `.` and `..`
 * parts, backslashes (another system's separator), control and bidi characters, lone surrogates. The path is only
 * ever shown and sent back; no storage name is made from it.
 */
export function checkPath(given: string): PathCheck {
  const refuse = (message: string): PathCheck => ({ isValid: false, message });
  if (given.length === 0) return refuse('A file name is empty.');
  if (given.length > MAX_PATH_BYTES) return refuse(`A path may have at most ${MAX_PATH_BYTES} bytes.`);
  if (LONE_SURROGATE.test(given)) return refuse('A file name is not valid Unicode.');
  const path = given.normalize('NFC');
  if (FORBIDDEN.test(path)) return refuse('A file name has control or text-direction characters.');
  if (path.includes('\\')) return refuse('A file name has a backslash; folders are separated by "/".');
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) return refuse(`A path may have at most ${MAX_PATH_BYTES} bytes.`);
  const parts = path.split('/');
  if (parts.length > MAX_PATH_DEPTH) return refuse(`A path may have at most ${MAX_PATH_DEPTH} folders.`);
  for (const part of parts) {
    if (part === '' || part === '.' || part === '..') return refuse('A path has an empty, "." or ".." part.');
    if (Buffer.byteLength(part) > MAX_NAME_BYTES)
      return refuse(`A file name may have at most ${MAX_NAME_BYTES} bytes.`);
  }
  return { isValid: true, path };
}

/** Valid Unicode without control and text-direction characters: safe to show. */
export function isPlainText(text: string): boolean {
  return !LONE_SURROGATE.test(text) && !FORBIDDEN.test(text);
}

/** The last part: the name under which it is downloaded. */
export function fileName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}

/**
 * Makes the paths of one transfer distinct, so that a zip or a folder can hold them all: a path that repeats another
 * (also one that differs only by case, which other systems fold), or that another path has as a folder, gets " (2)"
 * before its extension, and is shortened where its name would grow too long.
 * @param paths as `checkPath` gave them
 */
export function distinctPaths(paths: readonly string[]): string[] {
  const taken = new Set<string>();
  const sorted = paths.map((path) => path.toLowerCase()).sort();
  const isTaken = (path: string) => taken.has(path) || isFolderOfOne(path, sorted);
  const nextNumber = new Map<string, number>();
  return paths.map((path) => {
    let candidate = path;
    if (isTaken(path.toLowerCase())) {
      // Long names that are alike once they are shortened count on together: each number is tried once.
      const key = numbered(path, LARGEST_NUMBER).toLowerCase();
      let number = nextNumber.get(key) ?? 2;
      do {
        candidate = numbered(path, number);
        number += 1;
      } while (isTaken(candidate.toLowerCase()));
      nextNumber.set(key, number);
    }
    taken.add(candidate.toLowerCase());
    return candidate;
  });
}

/** Looked up in the list: the folders themselves may be sixty times as many as the paths. @param sorted as `sort` does */
function isFolderOfOne(path: string, sorted: readonly string[]): boolean {
  const start = `${path}/`;
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? '') < start) low = middle + 1;
    else high = middle;
  }
  return sorted[low]?.startsWith(start) ?? false;
}

/** More digits than any number that is given, so that every numbered form begins with what this one begins with. */
const LARGEST_NUMBER = 99_999_999;

/** A name longer than this behind its last dot has no extension worth keeping. */
const MAX_EXTENSION_BYTES = 32;

function numbered(path: string, number: number): string {
  const nameStart = path.lastIndexOf('/') + 1;
  const dot = path.lastIndexOf('.');
  const hasExtension = dot > nameStart && Buffer.byteLength(path.slice(dot)) <= MAX_EXTENSION_BYTES;
  const cut = hasExtension ? dot : path.length;
  const tail = ` (${number})${path.slice(cut)}`;
  const stem = shortened(path.slice(nameStart, cut), MAX_NAME_BYTES - Buffer.byteLength(tail));
  return path.slice(0, nameStart) + stem + tail;
}

/** The longest beginning that fits, cut between code points. */
function shortened(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= maxBytes) return text;
  let end = maxBytes;
  while (((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString('utf8', 0, end);
}
