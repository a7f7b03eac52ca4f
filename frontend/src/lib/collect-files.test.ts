import { describe, expect, it } from '@jest/globals';
import { claimDrop, collectDrop, collectPastedFiles } from './collect-files.ts';

/** As many as Chromium hands out at a time. */
const BATCH = 100;

describe('a drop', () => {
  it('is taken once, though the page keeps every drop from replacing it', () => {
    const drop = new Event('drop', { cancelable: true });
    drop.preventDefault();
    expect(claimDrop(drop)).toBe(true);
    expect(claimDrop(drop)).toBe(false);
    expect(claimDrop(new Event('drop'))).toBe(true);
  });
});

type FakeEntry = FileSystemEntry & { readonly looks?: () => number };

function fileEntry(name: string, isReadable = true): FakeEntry {
  return {
    name,
    isFile: true,
    isDirectory: false,
    file: (done: (file: File) => void, fail: (fault: Error) => void) =>
      isReadable ? done(new File([name], name)) : fail(new Error('NotReadableError')),
  } as unknown as FakeEntry;
}

/** Hands its entries out as browsers do: a reader goes on where it was, and answers none at the end. */
function folderEntry(name: string, children: readonly FileSystemEntry[]): FakeEntry {
  let looks = 0;
  return {
    name,
    isFile: false,
    isDirectory: true,
    createReader: () => {
      let next = 0;
      return {
        readEntries: (done: (entries: readonly FileSystemEntry[]) => void) => {
          looks += 1;
          done(children.slice(next, next + BATCH));
          next += BATCH;
        },
      };
    },
    looks: () => looks,
  } as unknown as FakeEntry;
}

/** A folder whose list cannot be had, as one that belongs to somebody else. */
function lockedEntry(name: string): FakeEntry {
  const readEntries = (_done: unknown, fail: (fault: Error) => void) => fail(new Error('NotFoundError'));
  return { name, isFile: false, isDirectory: true, createReader: () => ({ readEntries }) } as unknown as FakeEntry;
}

const dropped = (entry: FileSystemEntry, file: File | null = null) => ({ entry, file, handle: null });

describe('what is pasted', () => {
  const clipboard = (files: readonly File[], items: readonly object[]) => ({ files, items }) as unknown as DataTransfer;
  const item = (file: File, entry: FileSystemEntry | null) => ({
    kind: 'file',
    getAsFile: () => file,
    webkitGetAsEntry: () => entry,
  });

  it('comes with the files of a folder, which cannot be read itself, and pictures without a place on the disk', async () => {
    const [folder, shot] = [new File([], 'trip'), new File(['png'], 'shot.png')];
    const trip = folderEntry('trip', [fileEntry('a.txt')]);
    const pasted = clipboard([folder, shot], [{ kind: 'string' }, item(folder, trip), item(shot, null)]);
    const { files, ...leftOut } = (await collectPastedFiles(pasted)) ?? { files: [] };
    expect(files.map(({ path }) => path)).toEqual(['trip/a.txt', 'shot.png']);
    expect(leftOut).toEqual({ unreadableCount: 0, isEmpty: false });
  });

  it('comes also from a browser that only lists the files, and is nothing where there is none', async () => {
    const listed = await collectPastedFiles(clipboard([new File(['x'], 'x.txt')], []));
    expect(listed?.files.map(({ path }) => path)).toEqual(['x.txt']);
    expect(collectPastedFiles(clipboard([], [{ kind: 'string' }]))).toBeNull();
  });
});

describe('a folder that is dropped', () => {
  it('comes with everything in it, however deep, under paths that begin with its name', async () => {
    const trip = folderEntry('trip', [
      fileEntry('notes.md'),
      folderEntry('day 1', [fileEntry('dawn.jpg'), folderEntry('raw', [fileEntry('dawn.dng')])]),
    ]);
    const { files, unreadableCount } = await collectDrop([dropped(trip)], () => {});
    expect(files.map(({ path }) => path)).toEqual(['trip/notes.md', 'trip/day 1/dawn.jpg', 'trip/day 1/raw/dawn.dng']);
    expect(await Promise.all(files.map(({ file }) => file.text()))).toEqual(['notes.md', 'dawn.jpg', 'dawn.dng']);
    expect(unreadableCount).toBe(0);
  });

  it('is read to its end, though a browser tells of a hundred at a time', async () => {
    const folder = folderEntry(
      'many',
      Array.from({ length: 250 }, (_, index) => fileEntry(`${index}.txt`)),
    );
    const told: number[] = [];
    const { files } = await collectDrop([dropped(folder)], (count) => told.push(count));
    expect(files.map(({ path }) => path)).toEqual(Array.from({ length: 250 }, (_, index) => `many/${index}.txt`));
    expect(folder.looks?.()).toBe(4);
    expect(told.at(-1)).toBe(250);
  });

  it('is read no further than to more files than can be sent: it may be a whole disk', async () => {
    const names = (from: number) => Array.from({ length: 1_000 }, (_, index) => fileEntry(`${from + index}.txt`));
    const [first, second] = [folderEntry('a', names(0)), folderEntry('b', names(1_000))];
    const { files } = await collectDrop([dropped(folderEntry('disk', [first, second]))], () => {}, 250);
    expect(files).toHaveLength(250);
    expect([first.looks?.(), second.looks?.()]).toEqual([3, 0]);
  });

  it('leaves out what cannot be read, and counts it, a folder like a file', async () => {
    const folder = folderEntry('mixed', [fileEntry('locked.db', false), lockedEntry('private'), fileEntry('open.txt')]);
    const { files, unreadableCount } = await collectDrop([dropped(folder)], () => {});
    expect(files.map(({ path }) => path)).toEqual(['mixed/open.txt']);
    expect(unreadableCount).toBe(2);
  });

  it('comes beside single files, in the order of the drop', async () => {
    const file = new File(['x'], 'beside.txt');
    const folder = folderEntry('trip', [fileEntry('notes.md')]);
    const { files } = await collectDrop([dropped(folder), dropped(fileEntry('beside.txt'), file)], () => {});
    expect(files.map(({ path }) => path)).toEqual(['trip/notes.md', 'beside.txt']);
  });

  it('is called empty when there is no file in it, but not when there is one that cannot be read', async () => {
    const empty = folderEntry('empty', [folderEntry('emptier', [])]);
    expect(await collectDrop([dropped(empty)], () => {})).toEqual({ files: [], unreadableCount: 0, isEmpty: true });
    const locked = await collectDrop([dropped(lockedEntry('private'))], () => {});
    expect(locked).toEqual({ files: [], unreadableCount: 1, isEmpty: false });
    const full = await collectDrop([dropped(empty), dropped(folderEntry('full', [fileEntry('a')]))], () => {});
    expect(full.isEmpty).toBe(false);
  });
});
