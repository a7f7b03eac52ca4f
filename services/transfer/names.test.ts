import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { MAX_NAME_BYTES, MAX_PATH_BYTES, MAX_PATH_DEPTH } from '../contracts/limits.ts';
import { checkPath, distinctPaths, fileName } from './names.ts';

/** Text as hostile as it comes: any code unit, lone surrogates, separators, dots and what must be refused. */
const hostileText = fc.oneof(
  anyText(40),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => String.fromCharCode(...units)),
  fc
    .array(
      fc.constantFrom(
        '..',
        '.',
        '/',
        '\\',
        'a',
        'é',
        'e\u0301',
        '\u202e',
        '\0',
        '\u2028',
        '日本',
        '👩‍👩‍👧',
        ' ',
        '%2e',
        'C:',
      ),
      { maxLength: 10 },
    )
    .map((parts) => parts.join('')),
);

describe('checkPath', () => {
  it.each([
    'photo.jpg',
    'folder/inner/photo.jpg',
    'Фотографии/Котик.png',
    '写真/東京.jpg',
    'صور/قطة.jpg',
    '👩‍👩‍👧.png',
    ' leading and trailing ',
    '..hidden',
    'a..b',
    '.htaccess',
    'quotes\'and"so on',
    'CON',
    'a:b',
    '-rf',
    '%2e%2e%2f',
  ])('takes %j as it is', (path) => {
    expect(checkPath(path)).toEqual({ isValid: true, path });
  });

  it('brings a name to NFC, so that one name written in two ways is one name', () => {
    expect(checkPath('cafe\u0301.txt')).toEqual({ isValid: true, path: 'caf\u00e9.txt' });
  });

  it.each([
    ['', 'empty'],
    ['/etc/passwd', 'part'],
    ['a//b', 'part'],
    ['a/', 'part'],
    ['.', 'part'],
    ['..', 'part'],
    ['../x', 'part'],
    ['a/../../x', 'part'],
    ['a/./b', 'part'],
    ['..\\x', 'backslash'],
    ['C:\\x', 'backslash'],
    ['a\0b', 'control'],
    ['a\nb', 'control'],
    ['a\u007fb', 'control'],
    ['a\u0085b', 'control'],
    ['gpj.\u202eexe', 'control'],
    ['\u200fx', 'control'],
    ['\u2066x', 'control'],
    ['a\u2028b', 'control'],
    ['\ufeffx', 'control'],
    ['\ud800x', 'Unicode'],
    ['x\udc00', 'Unicode'],
  ])('refuses %j', (path, why) => {
    const answer = checkPath(path);
    expect(answer.isValid).toBe(false);
    expect(answer).toHaveProperty('message', expect.stringContaining(why));
  });

  it('takes a name, a path and a depth at the limit, and refuses one over and far over', () => {
    const isValid = (path: string) => checkPath(path).isValid;
    expect(isValid('n'.repeat(MAX_NAME_BYTES))).toBe(true);
    expect(isValid('n'.repeat(MAX_NAME_BYTES + 1))).toBe(false);
    expect(isValid('é'.repeat(MAX_NAME_BYTES))).toBe(false);
    const longest = `${'d'.repeat(63)}/`.repeat(63) + 'n'.repeat(64);
    expect(longest).toHaveLength(MAX_PATH_BYTES);
    expect(isValid(longest)).toBe(true);
    expect(isValid(`${longest}n`)).toBe(false);
    expect(isValid('x'.repeat(1_000_000))).toBe(false);
    expect(isValid(`${'d/'.repeat(MAX_PATH_DEPTH - 1)}n`)).toBe(true);
    expect(isValid(`${'d/'.repeat(MAX_PATH_DEPTH)}n`)).toBe(false);
  });

  it('lets through only relative paths without a way up and without a forbidden character, and is stable', async () => {
    await fuzz(
      'checkPath',
      fc.property(hostileText, (text) => {
        const answer = checkPath(text);
        if (!answer.isValid) return;
        const { path } = answer;
        assert.deepEqual(checkPath(path), answer);
        assert.equal(Buffer.from(path).toString(), path);
        for (const part of path.split('/')) assert(!['', '.', '..'].includes(part));
        assert.doesNotMatch(path, /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}\\]/u);
      }),
    );
  });
});

describe('distinctPaths', () => {
  it.each([
    [
      ['a.txt', 'a.txt', 'a.txt'],
      ['a.txt', 'a (2).txt', 'a (3).txt'],
    ],
    [
      ['A.txt', 'a.TXT'],
      ['A.txt', 'a (2).TXT'],
    ],
    [
      ['a (2).txt', 'a.txt', 'a.txt'],
      ['a (2).txt', 'a.txt', 'a (3).txt'],
    ],
    [
      ['x/a', 'y/a', 'x/A'],
      ['x/a', 'y/a', 'x/A (2)'],
    ],
    [
      ['.env', '.env'],
      ['.env', '.env (2)'],
    ],
    [
      ['archive.tar.gz', 'archive.tar.gz'],
      ['archive.tar.gz', 'archive.tar (2).gz'],
    ],
    [
      ['v1.0/readme', 'v1.0/readme'],
      ['v1.0/readme', 'v1.0/readme (2)'],
    ],
  ])('makes %j to %j', (given, wanted) => {
    expect(distinctPaths(given)).toEqual(wanted);
  });

  it('gives a file another name than a folder beside it, whichever comes first', () => {
    expect(distinctPaths(['docs', 'docs/a.txt'])).toEqual(['docs (2)', 'docs/a.txt']);
    expect(distinctPaths(['Docs/inner/a.txt', 'docs/INNER'])).toEqual(['Docs/inner/a.txt', 'docs/INNER (2)']);
  });

  it('keeps a numbered name as short as a name may be', () => {
    const longest = `${'é'.repeat(125)}x.txt`;
    const [, second] = distinctPaths([longest, longest]);
    expect(second).toMatch(/ \(2\)\.txt$/);
    expect(Buffer.byteLength(second ?? '')).toBeLessThanOrEqual(MAX_NAME_BYTES);
  });

  it('numbers 10,000 equal names at once', () => {
    const startedAt = performance.now();
    const paths = distinctPaths(new Array(10_000).fill('same.bin'));
    expect(new Set(paths).size).toBe(10_000);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
  });

  it('numbers 10,000 long names that are alike once they are shortened', () => {
    const startedAt = performance.now();
    const paths = distinctPaths(
      Array.from({ length: 10_000 }, (_, index) => 'a'.repeat(248) + String(Math.floor(index / 2)).padStart(7, '0')),
    );
    expect(new Set(paths).size).toBe(10_000);
    expect(performance.now() - startedAt).toBeLessThan(2_000);
  });

  it('looks at 10,000 paths of 64 folders of their own about as soon as at 10,000 in one', () => {
    const timeOf = (paths: readonly string[]) => {
      const startedAt = performance.now();
      expect(distinctPaths(paths)).toEqual(paths);
      return performance.now() - startedAt;
    };
    const inFolder = (folder: (index: number) => string) =>
      Array.from({ length: 10_000 }, (_, index) => `${folder(index)}/x${index}`);
    const flatMs = timeOf(inFolder(() => 'abcdefghij-'.repeat(62)));
    expect(timeOf(inFolder((index) => `${index}${'/abcdefghij'.repeat(62)}`))).toBeLessThan(200 + 5 * flatMs);
  });

  it('gives paths that a folder can hold all of, whatever meets', async () => {
    const part = fc.constantFrom('a', 'A', 'b', 'a (2)', 'A (2)', 'a.txt', 'a (2).txt', 'é', 'É', 'n'.repeat(255));
    const path = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
    await fuzz(
      'distinctPaths',
      fc.property(fc.array(path, { maxLength: 12 }), (paths) => {
        const distinct = distinctPaths(paths);
        assert.equal(distinct.length, paths.length);
        const files = new Set(distinct.map((one) => one.toLowerCase()));
        assert.equal(files.size, paths.length);
        for (const [index, one] of distinct.entries()) {
          assert(checkPath(one).isValid);
          const folder = one.slice(0, one.lastIndexOf('/') + 1);
          assert.equal(folder, paths[index]?.slice(0, folder.length));
          for (let slash = one.indexOf('/'); slash >= 0; slash = one.indexOf('/', slash + 1)) {
            assert(!files.has(one.slice(0, slash).toLowerCase()));
          }
        }
      }),
    );
  });
});

describe('fileName', () => {
  it.each([
    ['a/b/c.txt', 'c.txt'],
    ['c.txt', 'c.txt'],
  ])('of %s is %s', (path, name) => {
    expect(fileName(path)).toBe(name);
  });
});
