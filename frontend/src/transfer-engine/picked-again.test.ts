import { describe, expect, it } from '@jest/globals';
import type { KnownFile } from './match-files.ts';
import { PickedAgain } from './picked-again.ts';

const known: readonly KnownFile[] = ['one/a.bin', 'two/a.bin', 'two/b.bin'].map((path) => ({
  path,
  sizeBytes: 5,
  lastModifiedMs: 1_000,
  fingerprint: path,
}));
const picked = (path: string) => ({ path, file: new File([path.slice(0, 5)], path, { lastModified: 1_000 }) });
const [a, b, c] = [picked('one/a.bin'), picked('two/a.bin'), picked('two/b.bin')];
const namesOf = (files: readonly (File | null)[]) => files.map((file) => file?.name ?? null);
/** Fingerprints are the names, and take a turn to read. */
const slow = async (file: File) => {
  await new Promise((resolve) => setImmediate(resolve));
  return file.name;
};

describe('files picked again', () => {
  it('may come a folder at a time', async () => {
    const again = new PickedAgain(slow);
    expect(namesOf(await again.match('t', known, [a], true))).toEqual(['one/a.bin', null, null]);
    expect(namesOf(await again.match('other', known, [], true))).toEqual([null, null, null]);
    expect(namesOf(await again.match('t', known, [b, c], true))).toEqual(known.map(({ path }) => path));
  });

  it('wait for the pick before, so that two at once find all of it', async () => {
    const again = new PickedAgain(slow);
    const [first, second] = await Promise.all([
      again.match('t', known, [a, b], true),
      again.match('t', known, [c], true),
    ]);
    expect(namesOf(first)).toEqual(['one/a.bin', 'two/a.bin', null]);
    expect(namesOf(second)).toEqual(known.map(({ path }) => path));
  });

  it('are not kept when they were meant for something else', async () => {
    const again = new PickedAgain(slow);
    expect(namesOf(await again.match('t', known, [a], false))).toEqual(['one/a.bin', null, null]);
    expect(namesOf(await again.match('t', known, [b], true))).toEqual([null, 'two/a.bin', null]);
    again.forget('t');
    expect(namesOf(await again.match('t', known, [c], true))).toEqual([null, null, 'two/b.bin']);
  });

  it('does not stop at one that cannot be read', async () => {
    const again = new PickedAgain(async (file) => {
      if (file === a.file) throw new DOMException('gone', 'NotReadableError');
      return file.name;
    });
    expect(namesOf(await again.match('t', known, [a, b, c], true))).toEqual([null, 'two/a.bin', 'two/b.bin']);
  });

  it('are not kept of an upload that was discarded while they were read', async () => {
    const again = new PickedAgain(slow);
    const picking = again.match('t', known, [a], true);
    again.forget('t');
    await picking;
    expect(namesOf(await again.match('t', known, [], true))).toEqual([null, null, null]);
  });
});
