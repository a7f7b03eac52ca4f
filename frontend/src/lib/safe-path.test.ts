import { describe, expect, it } from '@jest/globals';
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

  it('gets a number before its ending when there is one already', () => {
    expect([numbered('film.mov', 2), numbered('README', 3), numbered('_bashrc', 2)]).toEqual([
      'film (2).mov',
      'README (3)',
      '_bashrc (2)',
    ]);
  });
});
