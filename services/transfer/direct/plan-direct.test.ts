import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../../test/support/fuzz.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_RECIPIENTS, MAX_TEXT_BYTES } from '../../contracts/limits.ts';
import { checkRecipients, checkText } from './plan-direct.ts';

/** The type of the refusal; anything else that is thrown fails the test. */
function refusalOf(act: () => unknown): string | null {
  try {
    act();
    return null;
  } catch (fault) {
    assert(fault instanceof PeerLinkError, String(fault));
    return fault.type;
  }
}

describe('a text to people', () => {
  it('is as long as it may be: at, one over', () => {
    expect(refusalOf(() => checkText('x'.repeat(MAX_TEXT_BYTES)))).toBeNull();
    expect(refusalOf(() => checkText('x'.repeat(MAX_TEXT_BYTES + 1)))).toBe('too_large');
    expect(refusalOf(() => checkText(`${'x'.repeat(MAX_TEXT_BYTES - 1)}é`))).toBe('too_large');
  });

  it('stays as it is or is refused, whatever it is', async () => {
    const part = fc.oneof(
      anyText(8),
      fc.constantFrom('\0', '\t', '\n', '\r', '\u202e', '\u2066', '\ud800', '\u0085', ' '),
    );
    const text = fc.array(part, { maxLength: 4 }).map((parts) => parts.join(''));
    await fuzz(
      'texts',
      fc.property(fc.oneof(text, fc.anything()), (given) => {
        const refusal = refusalOf(() => assert.equal(checkText(given), given));
        assert(refusal === null || refusal === 'bad_request');
        if (refusal === null)
          assert.doesNotMatch(String(given), /[\0\r\u0085\u202a-\u202e\u2066-\u2069]|\p{Surrogate}|^\s*$/u);
        else assert(typeof given !== 'string' || !/^[\w ]*\w$/.test(given));
      }),
    );
  });

  it('goes to 1 to 20 people, nobody twice, or is refused', async () => {
    await fuzz(
      'recipients',
      fc.property(fc.oneof(fc.array(anyText(3), { maxLength: 22 }), fc.anything()), (to) => {
        const refusal = refusalOf(() => checkRecipients(to as never));
        assert(refusal === null || refusal === 'bad_request');
        if (refusal !== null) return;
        assert(Array.isArray(to) && to.length >= 1 && to.length <= MAX_RECIPIENTS && new Set(to).size === to.length);
      }),
    );
  });
});
