/** The list of files before it is sent. Pure: every change answers a new list. */
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

const MAX_NAME_CHARS = 255;
// Control characters, and the marks that turn text around and so can hide what a name ends with: no server takes them.
const UNSAFE_CHARACTERS = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

/** The path without what no server would take: control and direction signs, empty and dotted parts. */
export function cleanPath(path: string): string {
  const parts = path
    .replaceAll(UNSAFE_CHARACTERS, '')
    .split('/')
    .map((part) => part.trim())
    .filter((part) => part !== '' && part !== '.' && part !== '..');
  return parts.join('/') || 'file';
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
export function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/') + 1);
}

function numbered(path: string, number: number): string {
  const folder = folderOf(path);
  const name = nameOf(path);
  const dot = name.lastIndexOf('.');
  const stem = dot > 0 ? name.slice(0, dot) : name;
  const extension = dot > 0 ? name.slice(dot) : '';
  return `${folder}${stem} (${number})${extension}`;
}

function freePath(path: string, taken: ReadonlySet<string>): string {
  if (!taken.has(path)) return path;
  let number = 2;
  while (taken.has(numbered(path, number))) number++;
  return numbered(path, number);
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
  let id = items.reduce((highest, item) => Math.max(highest, item.id), 0);
  for (const one of collected) {
    const wanted = cleanPath(one.path);
    const present = byPath.get(wanted);
    if (present && isSameFile(present, one, wanted)) continue;
    const path = freePath(wanted, taken);
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
  const clean = cleanPath(name.replaceAll('/', '-')).slice(0, MAX_NAME_CHARS);
  if (!item || name.trim() === '') return items;
  const taken = new Set(items.filter((one) => one.id !== id).map((one) => one.path));
  const path = freePath(folderOf(item.path) + clean, taken);
  return items.map((one) => (one.id === id ? { ...one, path } : one));
}

export function removeItem(items: readonly DraftItem[], id: number): readonly DraftItem[] {
  return items.filter((item) => item.id !== id);
}

export function totalBytesOf(items: readonly DraftItem[]): number {
  return items.reduce((sum, item) => sum + item.file.size, 0);
}
