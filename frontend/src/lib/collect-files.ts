/** Files and folders out of a drop, a paste or an input, with their relative paths. */
import { MAX_FILES_PER_TRANSFER } from '../../../services/contracts/limits.ts';
import type { CollectedFile } from './file-list.ts';

export interface Collected extends LeftOut {
  readonly files: readonly CollectedFile[];
}
/** What there is to say of a drop besides its files. */
export interface LeftOut {
  /** Items that the browser could not read. */
  readonly unreadableCount: number;
  /** Folders with no file in them, and nothing else. */
  readonly isEmpty: boolean;
}
export const NOTHING_LEFT_OUT: LeftOut = { unreadableCount: 0, isEmpty: false };

/**
 * Of a dropped disk no more files are looked for than this: it is more than can be sent, which the page then says, and
 * nobody takes ten thousand out of a list by hand.
 */
const MOST_FILES = 2 * MAX_FILES_PER_TRANSFER;

type HandleItem = DataTransferItem & { getAsFileSystemHandle?: () => Promise<FileSystemHandle | null> };

interface Found {
  readonly entry: FileSystemEntry | null;
  readonly file: File | null;
  readonly handle: Promise<FileSystemHandle | null> | null;
}

export function collectInput(list: FileList | readonly File[]): readonly CollectedFile[] {
  return Array.from(list, (file) => ({ path: file.webkitRelativePath || file.name, file }));
}

const claimedDrops = new WeakSet<Event>();

/**
 * Whether nobody has taken this drop yet; from now on it is taken. `defaultPrevented` does not tell: every drop is
 * kept from replacing the page.
 */
export function claimDrop(event: Event): boolean {
  if (claimedDrops.has(event)) return false;
  claimedDrops.add(event);
  return true;
}

/** A drop's items live only during its event: everything is taken from them before the first wait. */
export function takeDrop(transfer: DataTransfer): readonly Found[] {
  return Array.from(transfer.items)
    .filter((item) => item.kind === 'file')
    .map((item: HandleItem) => ({
      entry: item.webkitGetAsEntry?.() ?? null,
      file: item.getAsFile(),
      // Only secure contexts of Chromium have it: with a handle, an upload goes on after a reload without picking again.
      handle: item.getAsFileSystemHandle?.().catch(() => null) ?? null,
    }));
}

export async function collectDrop(
  found: readonly Found[],
  onProgress: (fileCount: number) => void,
  mostFiles = MOST_FILES,
): Promise<Collected> {
  const files: CollectedFile[] = [];
  let unreadableCount = 0;
  const walk = async (entry: FileSystemEntry, folder: string): Promise<void> => {
    if (files.length >= mostFiles) return;
    try {
      if (entry.isDirectory) {
        for (const child of await readFolder(entry as FileSystemDirectoryEntry, mostFiles)) {
          await walk(child, `${folder}${entry.name}/`);
        }
        return;
      }
      const file = await readEntry(entry as FileSystemFileEntry);
      files.push({ path: folder + entry.name, file });
      onProgress(files.length);
    } catch {
      unreadableCount++;
    }
  };
  for (const { entry, file, handle } of found) {
    if (entry?.isDirectory) {
      await walk(entry, '');
    } else if (file) {
      const known = await handle;
      files.push({
        path: file.name,
        file,
        ...(known?.kind === 'file' ? { handle: known as FileSystemFileHandle } : {}),
      });
    } else {
      unreadableCount++;
    }
  }
  return { files, unreadableCount, isEmpty: found.length > 0 && files.length === 0 && unreadableCount === 0 };
}

/** `readEntries` answers at most a hundred at a time, and none when there are no more. */
async function readFolder(folder: FileSystemDirectoryEntry, mostEntries: number): Promise<readonly FileSystemEntry[]> {
  const reader = folder.createReader();
  const entries: FileSystemEntry[] = [];
  for (;;) {
    const batch = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    entries.push(...batch);
    if (batch.length === 0 || entries.length >= mostEntries) return entries;
  }
}

function readEntry(entry: FileSystemFileEntry): Promise<File> {
  return new Promise((resolve, reject) => entry.file(resolve, reject));
}

/** Files and folders of a paste, taken from it at once as those of a drop are; null when it has none. */
export function collectPastedFiles(clipboard: DataTransfer): Promise<Collected> | null {
  if (clipboard.files.length === 0) return null;
  const found = takeDrop(clipboard);
  if (found.length > 0) return collectDrop(found, () => {});
  return Promise.resolve({ files: collectInput(clipboard.files), ...NOTHING_LEFT_OUT });
}

/** Text as a file of its own; none when there is no text. */
export function textFile(text: string, textName: (stamp: string) => string): readonly CollectedFile[] {
  if (text === '') return [];
  const stamp = new Date().toISOString().slice(0, 19).replace('T', ' ').replaceAll(':', '.');
  const file = new File([text], textName(stamp), { type: 'text/plain;charset=utf-8' });
  return [{ path: file.name, file }];
}
