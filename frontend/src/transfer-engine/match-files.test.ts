import { describe, expect, it } from '@jest/globals';
import { fingerprintOf } from './fingerprint.ts';
import { type KnownFile, leftOver, matchFiles } from './match-files.ts';

function picked(path: string, text: string, lastModified = 1_000) {
  return { path, file: new File([text], path.slice(path.lastIndexOf('/') + 1), { lastModified }) };
}
async function known(path: string, text: string, lastModifiedMs = 1_000, isMarked = true): Promise<KnownFile> {
  const fingerprint = isMarked ? await fingerprintOf(new Blob([text])) : null;
  return { path, sizeBytes: text.length, lastModifiedMs, fingerprint };
}
const nameOf = (path: string) => path.slice(path.lastIndexOf('/') + 1);
const names = (files: readonly (File | null)[]) => files.map((file) => file?.name ?? null);

describe('matching files that were picked again', () => {
  it('knows a file by its name, size and fingerprint, also when its time changed', async () => {
    const one = picked('a.txt', 'hello', 9_999);
    expect(await matchFiles([await known('a.txt', 'hello')], [one], fingerprintOf)).toEqual([one.file]);
  });

  it('does not take a file of the same name and size with other bytes', async () => {
    expect(await matchFiles([await known('a.txt', 'hello')], [picked('a.txt', 'jello')], fingerprintOf)).toEqual([
      null,
    ]);
  });

  it('trusts only an unchanged time when there was no fingerprint yet', async () => {
    const unmarked = [await known('a.txt', 'hello', 1_000, false)];
    expect(names(await matchFiles(unmarked, [picked('a.txt', 'hello', 1_000)], fingerprintOf))).toEqual(['a.txt']);
    expect(names(await matchFiles(unmarked, [picked('a.txt', 'hello', 2_000)], fingerprintOf))).toEqual([null]);
  });

  it('finds files of a folder that were picked without it, and each only once', async () => {
    const wanted = [await known('trip/a.txt', 'same'), await known('trip/b/a.txt', 'same')];
    const both = [picked('a.txt', 'same'), picked('b/a.txt', 'same')];
    expect((await matchFiles(wanted, both, fingerprintOf)).filter(Boolean)).toHaveLength(2);
    expect((await matchFiles(wanted, both.slice(0, 1), fingerprintOf)).filter(Boolean)).toHaveLength(1);
  });

  it('knows a renamed file by its bytes and time', async () => {
    const result = await matchFiles([await known('old.bin', 'content')], [picked('new.bin', 'content')], fingerprintOf);
    expect(names(result)).toEqual(['new.bin']);
  });

  describe('of one chunk, which have no fingerprint,', () => {
    const unmarked = (path: string, text: string, lastModifiedMs = 1_000) => known(path, text, lastModifiedMs, false);

    it('knows one that was sent under another name by the name it has on disk', async () => {
      const wanted = { ...(await unmarked('Report (2).txt', 'hello')), pickedName: 'report.txt' };
      expect(names(await matchFiles([wanted], [picked('report.txt', 'hello')], fingerprintOf))).toEqual(['report.txt']);
      expect(names(await matchFiles([wanted], [picked('other.txt', 'hello')], fingerprintOf))).toEqual([null]);
      expect(names(await matchFiles([wanted], [picked('report.txt', 'hello', 2_000)], fingerprintOf))).toEqual([null]);
    });

    it('knows a name that a system gives decomposed', async () => {
      const [composed, decomposed] = ['Vertr\u00e4ge/Caf\u00e9.txt', 'Vertra\u0308ge/Cafe\u0301.txt'];
      const wanted = [await unmarked(composed, 'hello')];
      for (const path of [decomposed, nameOf(decomposed)]) {
        expect(await matchFiles(wanted, [picked(path, 'hello')], fingerprintOf)).not.toContain(null);
      }
    });

    it('does not take one for its namesake in another folder that is as long and as old', async () => {
      const wanted = [await unmarked('one/notes.txt', 'first'), await unmarked('two/notes.txt', 'other')];
      const second = picked('two/notes.txt', 'other');
      expect(await matchFiles(wanted, [second], fingerprintOf)).toEqual([null, second.file]);
    });
  });

  it('reads a file once, however many of its size are looked for', async () => {
    let reads = 0;
    const counting = (file: File) => {
      reads++;
      return fingerprintOf(file);
    };
    const wanted = await Promise.all(['aaaaa', 'bbbbb', 'ccccc'].map((text, index) => known(`${index}.bin`, text)));
    const found = await matchFiles(wanted, [picked('x.bin', 'ccccc')], counting);
    expect(names(found)).toEqual([null, null, 'x.bin']);
    expect(reads).toBe(1);
  });

  it('does not read files of other sizes', async () => {
    let reads = 0;
    const counting = (file: File) => {
      reads++;
      return fingerprintOf(file);
    };
    await matchFiles([await known('a', 'hello')], [picked('a', 'hello!'), picked('b', '')], counting);
    expect(reads).toBe(0);
  });
});

describe('what was picked beside the files that are looked for', () => {
  it.each([
    ['a.iso and another', ['a.iso', 'b.pdf'], ['b.pdf']],
    ['a copy of it', ['a.iso', 'copy/a.iso'], ['copy/a.iso']],
    ['something else alone', ['x.txt'], ['x.txt']],
    ['nothing else', ['a.iso'], []],
  ])('is left: %s', async (_, paths, left) => {
    const picks = paths.map((path) => picked(path, path === 'x.txt' ? 'other' : 'disk'));
    const matches = await matchFiles([await known('a.iso', 'disk')], picks, fingerprintOf);
    expect(leftOver(picks, matches).map(({ path }) => path)).toEqual(left);
  });
});

describe('fingerprint', () => {
  it('is 16 hex digits, the same for the same bytes, another when head, middle, tail or length differ', async () => {
    const bytes = new Uint8Array(100_000).fill(7);
    const base = await fingerprintOf(new Blob([bytes]));
    expect(base).toMatch(/^[0-9a-f]{16}$/);
    expect(await fingerprintOf(new Blob([bytes.slice()]))).toBe(base);
    for (const place of [0, 50_000, 99_999]) {
      const other = bytes.slice();
      other[place] = 8;
      expect(await fingerprintOf(new Blob([other]))).not.toBe(base);
    }
    expect(await fingerprintOf(new Blob([bytes.subarray(1)]))).not.toBe(base);
    expect(await fingerprintOf(new Blob([]))).toMatch(/^[0-9a-f]{16}$/);
  });
});
