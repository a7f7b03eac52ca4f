import { describe, expect, it } from '@jest/globals';
import { en } from './en.ts';
import { isolate, isolateForeign } from './isolate.ts';
import { languageFor, localeFor } from './languages.ts';
import { pluralIn } from './plural.ts';

describe('the language of the page', () => {
  it.each([
    [null, ['ar-EG', 'en-US'], 'ar', 'ar-EG'],
    [null, ['de-AT', 'AR', 'en'], 'ar', 'AR'],
    [null, ['de', 'fr'], 'en', 'en'],
    [null, [], 'en', 'en'],
    // "arn" is Mapudungun.
    [null, ['arn', 'en-GB'], 'en', 'en-GB'],
    ['en', ['ar-EG', 'en-CA'], 'en', 'en-CA'],
    ['ar', ['en-GB'], 'ar', 'ar'],
    ['xx', ['ar'], 'ar', 'ar'],
  ] as const)('chosen before: %j, wanted: %j', (chosen, wanted, tag, locale) => {
    expect(languageFor(chosen, wanted)).toBe(tag);
    expect(localeFor(tag, wanted)).toBe(locale);
  });
});

describe('plural forms', () => {
  it('has two in English, and six in Arabic', () => {
    const forms = { zero: 'zero', one: 'one', two: 'two', few: 'few', many: 'many', other: 'other' };
    const asked = [0, 1, 2, 3, 10, 11, 99, 100, 102, 103, 1.5];
    const inEnglish = asked.map((count) => pluralIn('en')(count, { one: 'one', other: 'other' }));
    expect(inEnglish).toEqual(asked.map((count) => (count === 1 ? 'one' : 'other')));
    expect(asked.map((count) => pluralIn('ar')(count, forms))).toEqual([
      'zero',
      'one',
      'two',
      'few',
      'few',
      'many',
      'many',
      'other',
      'other',
      'few',
      'other',
    ]);
  });
});

describe('one of a thing', () => {
  it('is not called by its plural', () => {
    expect(en.strip.sealed(1, '1')).toBe('Its one chunk stored and sealed');
    expect(en.strip.sealed(41, '41')).toBe('All 41 chunks stored and sealed');
    expect(en.strip.label('0', 1, '1', '1')).toBe('0 of 1 chunk stored, 1 on the way');
    expect(en.mine.downloadsLeft('1', 1, '1')).toBe('1 of 1 download left');
    expect(en.send.reading(1, '1')).toBe('Reading the folder: 1 file so far');
  });
});

describe('names in a sentence', () => {
  it('are kept apart where they run the other way', () => {
    expect(isolate('a.txt')).toBe('\u2068a.txt\u2069');
    expect(isolateForeign('a.txt')).toBe('a.txt');
    expect(isolateForeign('写真.png')).toBe('写真.png');
    expect(isolateForeign('تقرير.pdf')).toBe('\u2068تقرير.pdf\u2069');
  });
});
