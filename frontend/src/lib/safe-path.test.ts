import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../../test/support/fuzz.ts';
import { numbered, safePath } from './safe-path.ts';

describe('a path from somebody else', () => {
  it.each([
    ['film.mov', ['film.mov']],
    ['photos/2026/one two.jpg', ['photos', '2026', 'one two.jpg']],
    ['../../etc/passwd', ['_', '_', 'etc', 'passwd']],
    ['/a//./b', ['a', 'b']],
    ['', ['_']],
    ['C:\\Windows\\x.dll', ['C__Windows_x.dll']],
    ['a\u202egpj.exe', ['a_gpj.exe']],
    ['line\nbreak\u0000', ['line_break_']],
    ['.bashrc', ['_bashrc']],
    ['report. . ', ['report_']],
    ['CON', ['_CON']],
    ['nul.txt', ['_nul.txt']],
    ['console.txt', ['console.txt']],
    ['look.lnk', ['look.lnk_']],
    ['صورة.jpg', ['صورة.jpg']],
  ])('%j can be written', (path, names) => {
    expect(safePath(path)).toEqual(names);
  });

  it('is cut to what a file system takes, without its ending and without half a letter', () => {
    const [name = ''] = safePath(`${'ü😀'.repeat(90)}.tar`);
    expect(new TextEncoder().encode(name).length).toBeLessThanOrEqual(200);
    expect(name.endsWith('.tar')).toBe(true);
    expect(name).not.toMatch(/\p{Surrogate}/u);
    expect(new TextEncoder().encode(safePath('x'.repeat(999))[0] ?? '').length).toBe(200);
  });

  it('never leaves its folder, nor has a name that some file system refuses or hides, whatever it is', async () => {
    const nasty = fc.constantFrom(
      '.',
      '..',
      '...',
      ' ',
      '\\',
      'CON',
      'nul.',
      'x.lnk',
      '\u202e',
      '\u0000',
      'é'.repeat(150),
      'C:',
    );
    const name = fc.oneof({ weight: 2, arbitrary: anyText(300) }, { weight: 1, arbitrary: nasty });
    const path = fc.array(
      fc.array(name, { maxLength: 3 }).map((parts) => parts.join('')),
      { maxLength: 5 },
    );
    await fuzz(
      "a sender's names before they are written",
      fc.property(path, (parts) => {
        const names = safePath(parts.join('/'));
        assert(names.length > 0);
        for (const one of names) {
          assert.notEqual(one, '');
          // What hides, ends in what Windows drops, names another place or device, or is followed as a link.
          assert.doesNotMatch(one, /^[.\s]|[.\s]$|[\p{Cc}\\/:*?"<>|\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/u);
          assert.doesNotMatch(one, /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)|\.(?:lnk|local|scf|url|desktop)$/i);
          assert(new TextEncoder().encode(one).length <= 200);
        }
      }),
    );
  });

  it('gets a number before its ending when there is one already', () => {
    expect([numbered('film.mov', 2), numbered('README', 3), numbered('_bashrc', 2)]).toEqual([
      'film (2).mov',
      'README (3)',
      '_bashrc (2)',
    ]);
  });
});
