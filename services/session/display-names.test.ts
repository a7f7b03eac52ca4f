import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_DISPLAY_NAME_CHARS } from '../contracts/limits.ts';
import { displayNameOf, isShowable } from './display-names.ts';

describe('a display name', () => {
  it('is any text that can be shown, once and for all, or refused', async () => {
    const hard = fc
      .array(
        fc.constantFrom(
          ' ',
          '\u00a0',
          'a',
          'e\u0301',
          '\u0301',
          '\u202e',
          '\u200b',
          '\u3164',
          '\ufe0f',
          '🦊',
          '名',
          '\0',
        ),
        {
          maxLength: 70,
        },
      )
      .map((parts) => parts.join(''));
    await fuzz(
      'display names',
      fc.property(fc.oneof(anyText(70), hard), (text) => {
        let name: string;
        try {
          name = displayNameOf(text);
        } catch (fault) {
          assert(fault instanceof PeerLinkError && fault.type === 'bad_name');
          return;
        }
        assert(isShowable(name) && [...name].length <= MAX_DISPLAY_NAME_CHARS && name === name.trim());
        assert.doesNotMatch(name, /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u);
        assert.equal(displayNameOf(name), name);
      }),
    );
  });

  it.each(['', '   ', '\u0301', '\u3164', '\u2800', 'a\u202eb', 'a\0', 'x'.repeat(65)])('is not %j', (text) => {
    expect(() => displayNameOf(text)).toThrow(/1 to 64 visible/);
  });
});
