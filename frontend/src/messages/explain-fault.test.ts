import { describe, expect, it } from '@jest/globals';
import { formatterFor } from '../lib/format.ts';
import { ar } from './ar.ts';
import { en } from './en.ts';
import { explainUpload } from './explain-fault.ts';

const format = formatterFor('en');
const files = [{ path: 'trip/day 1.mov' }, { path: 'trip/day 2.mov' }];

describe('why an upload stopped', () => {
  it('names the file that cannot be read, and says what to do', () => {
    const { title, advice } = explainUpload({ kind: 'unreadable', fileIndex: 1 }, files, en, format, false);
    expect(title).toBe('day 2.mov cannot be read any more');
    expect(advice).toMatch(/choose it again.*cancel/);
    const inArabic = explainUpload({ kind: 'unreadable', fileIndex: 0 }, files, ar, format, false);
    expect(inArabic.title).toContain('\u2068day 1.mov\u2069');
  });

  it('is said as everywhere when it is no file of its own', () => {
    expect(explainUpload({ kind: 'network' }, files, en, format, false)).toEqual(en.fault.network);
    expect(explainUpload({ kind: 'unreadable', fileIndex: 7 }, files, en, format, false)).toEqual(en.fault.unreadable);
  });
});
