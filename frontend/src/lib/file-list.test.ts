import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { checkPath } from '../../../services/transfer/names.ts';
import { addFiles, cleanPath, removeItem, renameItem, totalBytesOf, withoutSent } from './file-list.ts';

const file = (path: string, text = path, lastModified = 1) => ({
  path,
  file: new File([text], path, { lastModified }),
});
const paths = (items: readonly { path: string }[]) => items.map((item) => item.path);

describe('the list of files', () => {
  it('leaves out a file that is there already, and numbers another of the same name', () => {
    const once = addFiles([], [file('a.tar.gz')]);
    expect(paths(addFiles(once, [file('a.tar.gz')]))).toEqual(['a.tar.gz']);
    expect(paths(addFiles(once, [file('a.tar.gz', 'other'), file('a.tar.gz', 'third one')]))).toEqual([
      'a.tar.gz',
      'a.tar (2).gz',
      'a.tar (3).gz',
    ]);
  });

  it('numbers thousands of one name without trying every number for each of them', () => {
    const pictures = Array.from({ length: 2_000 }, (_, index) => file('image.jpg', 'x', index));
    let encoded = 0;
    const { encode } = TextEncoder.prototype;
    TextEncoder.prototype.encode = function counted(text) {
      encoded += 1;
      return encode.call(this, text);
    };
    try {
      const items = addFiles([], [file('image (3).jpg'), ...pictures]);
      expect(new Set(paths(items)).size).toBe(2_001);
      expect(paths(items).slice(0, 4)).toEqual(['image (3).jpg', 'image.jpg', 'image (2).jpg', 'image (4).jpg']);
      expect(encoded).toBeLessThan(20 * items.length);
    } finally {
      TextEncoder.prototype.encode = encode;
    }
  });

  it('renames within the folder and keeps every path unique', () => {
    const items = addFiles([], [file('trip/a.txt'), file('trip/b.txt')]);
    const renamed = renameItem(items, items[1]?.id ?? 0, 'a.txt');
    expect(paths(renamed)).toEqual(['trip/a.txt', 'trip/a (2).txt']);
    expect(paths(renameItem(items, items[0]?.id ?? 0, '../../etc/passwd'))).toEqual([
      'trip/..-..-etc-passwd',
      'trip/b.txt',
    ]);
    expect(renameItem(items, items[0]?.id ?? 0, '   ')).toBe(items);
  });

  it('removes one and sums up the rest', () => {
    const items = addFiles([], [file('a', '12345'), file('b', '123')]);
    expect(totalBytesOf(items)).toBe(8);
    expect(paths(removeItem(items, items[0]?.id ?? 0))).toEqual(['b']);
  });

  it('keeps what was added while the rest was being sent', () => {
    const sent = addFiles([], [file('a'), file('b')]);
    const meanwhile = addFiles(sent, [file('c')]);
    expect(paths(withoutSent(meanwhile, sent))).toEqual(['c']);
    expect(withoutSent(sent, sent)).toEqual([]);
  });

  it.each([
    ['a/../b', 'a/b'],
    ['/abs/./x', 'abs/x'],
    ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
    ['new\nline\u0000.txt', 'newline.txt'],
    ['..', 'file'],
    ['写真/夏.png', '写真/夏.png'],
    ['C:\\letters\\a.txt', 'C:-letters-a.txt'],
    ['\ufeffone\u2028two\u2029.txt', 'onetwo.txt'],
    ['half \ud83d pair.txt', 'half  pair.txt'],
    ['Cafe\u0301.txt', 'Caf\u00e9.txt'],
    [`${'س'.repeat(130)}.docx`, `${'س'.repeat(125)}.docx`],
    [`${'📄'.repeat(70)}`, '📄'.repeat(63)],
    [`a.${'b'.repeat(300)}`, `a.${'b'.repeat(253)}`],
  ])('cleans %j to %j', (path, clean) => {
    expect(cleanPath(path)).toBe(clean);
  });

  it('makes only paths that a server takes as they are, whatever is added and however often', () => {
    const part = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 20 }),
      fc.string({
        unit: fc.constantFrom('.', ' ', '\\', 'س', '\u0301', '\ud83d', '\u2028', '\ufeff', 'x'),
        maxLength: 140,
      }),
      fc.constantFrom('n'.repeat(255), 'n'.repeat(252), '📄'.repeat(80)),
    );
    const folders = fc.oneof(fc.array(part, { maxLength: 3 }), fc.array(part, { minLength: 66, maxLength: 66 }));
    const path = folders.map((parts) => parts.join('/'));
    fc.assert(
      fc.property(path, (given) => {
        const items = addFiles([], [file(given, 'x'), file(given, 'xx'), file(given, 'xxx')]);
        const renamed = renameItem(items, 1, given);
        for (const { path } of [...items, ...renamed]) expect(checkPath(path)).toEqual({ isValid: true, path });
        expect(new Set(paths(items)).size).toBe(3);
      }),
      { numRuns: 25, examples: [[`${'n'.repeat(250)}/`.repeat(20)]] },
    );
  });

  it('never makes two items of one path, whatever is added and renamed', () => {
    const name = fc.stringMatching(/^[ab](\/[ab])?(\.t)?$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(name, fc.nat(3))), fc.array(fc.tuple(fc.nat(9), name)), (added, renames) => {
        let items = addFiles(
          [],
          added.map(([path, size]) => file(path, 'x'.repeat(size))),
        );
        for (const [id, to] of renames) items = renameItem(items, id, to);
        expect(new Set(paths(items)).size).toBe(items.length);
        expect(new Set(items.map((item) => item.id)).size).toBe(items.length);
      }),
    );
  });
});
