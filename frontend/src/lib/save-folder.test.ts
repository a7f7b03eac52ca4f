import { describe, expect, it } from '@jest/globals';
import { freeFile } from './save-folder.ts';

type Entry = FileSystemFileHandle | FakeFolder;

/** A folder in memory that says no as browsers do. */
class FakeFolder {
  readonly kind = 'directory';
  readonly entries = new Map<string, Entry>();

  async getFileHandle(name: string, options?: { create?: boolean }): Promise<FileSystemFileHandle> {
    const found = this.#found(name, options?.create ?? false, () => ({ kind: 'file', name }) as FileSystemFileHandle);
    if (found.kind === 'directory') throw new DOMException('a folder', 'TypeMismatchError');
    return found;
  }

  async getDirectoryHandle(name: string, options?: { create?: boolean }): Promise<FakeFolder> {
    const found = this.#found(name, options?.create ?? false, () => new FakeFolder());
    if (found.kind !== 'directory') throw new DOMException('a file', 'TypeMismatchError');
    return found;
  }

  async removeEntry(name: string): Promise<void> {
    if (!this.entries.delete(name)) throw new DOMException('nothing', 'NotFoundError');
  }

  #found(name: string, creates: boolean, make: () => Entry): Entry {
    const found = this.entries.get(name);
    if (found === undefined && !creates) throw new DOMException('nothing', 'NotFoundError');
    const entry = found ?? make();
    this.entries.set(name, entry);
    return entry;
  }

  paths(before = ''): string[] {
    return [...this.entries].flatMap(([name, entry]) =>
      entry instanceof FakeFolder ? entry.paths(`${before}${name}/`) : [before + name],
    );
  }
}

async function written(folder: FakeFolder, paths: readonly string[]) {
  const files = [];
  for (const path of paths) files.push(await freeFile(folder as unknown as FileSystemDirectoryHandle, path));
  return files;
}

describe('files in a folder that somebody chose', () => {
  it('lie under their own names in folders of their own, and over nothing that is there', async () => {
    const folder = new FakeFolder();
    await written(folder, ['a.txt', 'photos/a.txt', 'a.txt', 'a.txt', 'photos/deep/b', '../c.lnk']);
    expect(folder.paths()).toEqual(['a.txt', 'photos/a.txt', 'photos/deep/b', 'a (2).txt', 'a (3).txt', '_/c.lnk_']);
  });

  it('go beside a folder or a file of the same name', async () => {
    const folder = new FakeFolder();
    await folder.getDirectoryHandle('a.txt', { create: true });
    await folder.getFileHandle('photos', { create: true });
    await written(folder, ['a.txt', 'photos/b.txt']);
    expect(folder.paths()).toEqual(['photos', 'a (2).txt', 'photos (2)/b.txt']);
  });

  it('are taken away again when they were only begun', async () => {
    const folder = new FakeFolder();
    const [, second] = await written(folder, ['a.txt', 'a.txt']);
    await second?.remove();
    await second?.remove();
    expect(folder.paths()).toEqual(['a.txt']);
  });
});
