/** Where the files of a transfer go in a folder that the person chose: under their own names, and over nothing. */
import { numbered, safePath } from './safe-path.ts';

type FolderPicker = () => Promise<FileSystemDirectoryHandle>;

/** The browser's dialog for folders, where there is one: over plain HTTP and outside Chromium there is none. */
export function folderPicker(): FolderPicker | null {
  const { showDirectoryPicker } = window as {
    showDirectoryPicker?: (options: object) => Promise<FileSystemDirectoryHandle>;
  };
  return showDirectoryPicker
    ? () => showDirectoryPicker.call(window, { id: 'peerlink', mode: 'readwrite', startIn: 'downloads' })
    : null;
}

/** A folder where everything has this name already is not the place. */
const MAX_NUMBER = 1_000;

export interface FreeFile {
  readonly handle: FileSystemFileHandle;
  /** Takes it away again: what was begun and not finished. */
  readonly remove: () => Promise<void>;
}

/** @throws when the folder cannot be written */
export async function freeFile(folder: FileSystemDirectoryHandle, path: string): Promise<FreeFile> {
  const names = safePath(path);
  const name = names.at(-1) ?? '_';
  let parent = folder;
  for (const below of names.slice(0, -1)) parent = await folderIn(parent, below);
  const free = await freeName(parent, name);
  const handle = await parent.getFileHandle(free, { create: true });
  return { handle, remove: () => parent.removeEntry(free).catch(() => undefined) };
}

/** Folders of the same name are one; a file of that name is left alone. */
async function folderIn(parent: FileSystemDirectoryHandle, name: string): Promise<FileSystemDirectoryHandle> {
  try {
    return await parent.getDirectoryHandle(name, { create: true });
  } catch (fault) {
    if (!isNamed(fault, 'TypeMismatchError')) throw fault;
    return await parent.getDirectoryHandle(numbered(name, 2), { create: true });
  }
}

async function freeName(parent: FileSystemDirectoryHandle, name: string): Promise<string> {
  for (let number = 1; number <= MAX_NUMBER; number += 1) {
    const tried = number === 1 ? name : numbered(name, number);
    try {
      await parent.getFileHandle(tried);
    } catch (fault) {
      if (isNamed(fault, 'NotFoundError')) return tried;
      if (!isNamed(fault, 'TypeMismatchError')) throw fault;
    }
  }
  throw new DOMException(`${MAX_NUMBER} of this name are there already`, 'InvalidModificationError');
}

function isNamed(fault: unknown, name: string): boolean {
  return fault instanceof DOMException && fault.name === name;
}
