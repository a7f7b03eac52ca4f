/** The list of files before it is sent. Pure: every change answers a new list. */
import { MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PATH_DEPTH } from '../../../services/contracts/limits.ts';

export interface DraftItem {
  readonly id: number;
  /** Relative path with `/`, unique in the list. */
  readonly path: string;
  readonly file: File;
  readonly handle?: FileSystemFileHandle;
}
export interface CollectedFile {
  readonly path: string;
  readonly file: File;
  readonly handle?: FileSystemFileHandle;
}

/**
 * What services/transfer/names.ts refuses in any name: control characters, line separators, and the marks that turn
 * text around and so can hide what a name ends with. One of them in one name would refuse the whole send.
 */
const UNSAFE_CHARACTERS = /[\p{Cc}\p{Surrogate}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/gu;
/** What a number before the extension may add to a path. */
const NUMBER_BYTES = 16;
/** What stands behind the last dot of a longer name is no extension that anybody misses. */
const MAX_EXTENSION_BYTES = 32;

const encoder = new TextEncoder();
function bytesOf(text: string): number {
  return encoder.encode(text).length;
}

/**
 * The path as a server takes it: composed, without signs that it refuses and without empty and dotted parts; another
 * system's separator becomes a hyphen, names that are too long end sooner, folders too deep are left out.
 */
export function cleanPath(path: string): string {
  const parts = path
    .replaceAll(UNSAFE_CHARACTERS, '')
    .replaceAll('\\', '-')
    .normalize()
    .split('/')
    .map((part) => shortened(part.trim(), MAX_NAME_BYTES))
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  const folders = parts.slice(0, -1).slice(0, MAX_PATH_DEPTH - 1);
  const name = parts.at(-1) ?? 'file';
  while (folders.length > 0 && bytesOf([...folders, name].join('/')) > MAX_PATH_BYTES - NUMBER_BYTES) folders.pop();
  return [...folders, name].join('/');
}

/** The longest beginning that fits, cut between code points, before the extension and `mark`. */
function shortened(name: string, maxBytes: number, mark = ''): string {
  const dot = name.lastIndexOf('.');
  const isExtension = dot > 0 && bytesOf(name.slice(dot)) <= MAX_EXTENSION_BYTES;
  const stem = isExtension ? name.slice(0, dot) : name;
  const tail = mark + (isExtension ? name.slice(dot) : '');
  const room = maxBytes - bytesOf(tail);
  if (bytesOf(stem) <= room) return stem + tail;
  let kept = '';
  let bytes = 0;
  for (const symbol of stem) {
    bytes += bytesOf(symbol);
    if (bytes > room) break;
    kept += symbol;
  }
  return kept.trimEnd() + tail;
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function numbered(path: string, number: number): string {
  return folderOf(path) + shortened(nameOf(path), MAX_NAME_BYTES, ` (${number})`);
}

/** @param from what is known to be taken below it */
function freeNumber(path: string, taken: ReadonlySet<string>, from = 2): number {
  let number = from;
  while (taken.has(numbered(path, number))) number++;
  return number;
}

function freePath(path: string, taken: ReadonlySet<string>): string {
  return taken.has(path) ? numbered(path, freeNumber(path, taken)) : path;
}

function isSameFile(item: DraftItem, collected: CollectedFile, path: string): boolean {
  return (
    item.path === path &&
    item.file.size === collected.file.size &&
    item.file.lastModified === collected.file.lastModified
  );
}

/** Adds files; one that is there already is left out, another of the same name gets a number. */
export function addFiles(items: readonly DraftItem[], collected: readonly CollectedFile[]): readonly DraftItem[] {
  const result = [...items];
  const byPath = new Map(items.map((item) => [item.path, item]));
  const taken = new Set(byPath.keys());
  /** A phone may call every picture the same: each name is counted on from where it was left. */
  const lastNumbers = new Map<string, number>();
  let id = items.reduce((highest, item) => Math.max(highest, item.id), 0);
  for (const one of collected) {
    const wanted = cleanPath(one.path);
    const present = byPath.get(wanted);
    if (present && isSameFile(present, one, wanted)) continue;
    const number = taken.has(wanted) ? freeNumber(wanted, taken, lastNumbers.get(wanted)) : null;
    if (number !== null) lastNumbers.set(wanted, number + 1);
    const path = number === null ? wanted : numbered(wanted, number);
    const item: DraftItem = { ...one, id: ++id, path };
    taken.add(path);
    byPath.set(path, item);
    result.push(item);
  }
  return result;
}

/** Gives an item another name in its folder; an empty one changes nothing. */
export function renameItem(items: readonly DraftItem[], id: number, name: string): readonly DraftItem[] {
  const item = items.find((one) => one.id === id);
  const clean = cleanPath(name.replaceAll('/', '-'));
  if (!item || name.trim() === '') return items;
  const taken = new Set(items.filter((one) => one.id !== id).map((one) => one.path));
  const path = freePath(cleanPath(folderOf(item.path) + clean), taken);
  return items.map((one) => (one.id === id ? { ...one, path } : one));
}

export function removeItem(items: readonly DraftItem[], id: number): readonly DraftItem[] {
  return items.filter((item) => item.id !== id);
}

/** What came into the list while a part of it was being sent. */
export function withoutSent(items: readonly DraftItem[], sent: readonly DraftItem[]): readonly DraftItem[] {
  const sentIds = new Set(sent.map((item) => item.id));
  return items.filter((item) => !sentIds.has(item.id));
}

export function totalBytesOf(items: readonly DraftItem[]): number {
  return items.reduce((sum, item) => sum + item.file.size, 0);
}
