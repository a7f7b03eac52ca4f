import { describe, expect, it } from '@jest/globals';
import { pickersFor } from './pickers.ts';

describe('the dialogs that give the files of a transfer again', () => {
  it.each([
    ['one file', ['a'], ['file']],
    ['several', ['a', 'b'], ['files']],
    ['a folder', ['f/a', 'f/b'], ['folder']],
    ['a folder of one file', ['f/a'], ['folder']],
    // A dialog for folders gives no single file, and the other way round.
    ['a folder and a file beside it', ['f/a', 'b'], ['folder', 'looseFiles']],
  ])('are for %s', (_what, paths, pickers) => {
    expect(pickersFor(paths.map((path) => ({ path })))).toEqual(pickers);
  });
});
