import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_TEXT_BYTES } from '../../../../services/contracts/limits.ts';
import { sendableText, textParts } from './text-parts.ts';

const links = (text: string) => textParts(text).flatMap((part) => (part.kind === 'link' ? [part.text] : []));

describe('a text that somebody sent', () => {
  it.each([
    ['see https://example.org/a?b=c#d.', ['https://example.org/a?b=c#d']],
    ['(http://example.org/x), HTTPS://EXAMPLE.ORG/Y!', ['http://example.org/x', 'HTTPS://EXAMPLE.ORG/Y']],
    ['javascript:alert(1) data:text/html,x file:///etc/passwd', []],
    ['https://user:secret@example.org/', []],
    ['https://:www.bank.example@example.org/', []],
    ['https://example.org/\u202Egnp.exe', ['https://example.org/']],
    ['<a href="https://example.org/q">', ['https://example.org/q']],
    ['https:// http://', []],
  ])('has links only where a page is: %j', (text, wanted) => {
    expect(links(text)).toEqual(wanted);
  });

  it('is cut in browsers that do not know URL.canParse, too', () => {
    const { canParse } = URL;
    Reflect.deleteProperty(URL, 'canParse');
    try {
      expect(links('see https://example.org/a, not https://')).toEqual(['https://example.org/a']);
    } finally {
      URL.canParse = canParse;
    }
  });

  it('is cut at once whatever signs its sender put into a link', () => {
    // As long as a text may be: looked at in one pass it takes a few milliseconds, in one pass for each sign seconds.
    const hostile = `https://example.org/${')'.repeat(MAX_TEXT_BYTES - 21)}x`;
    const startedMs = performance.now();
    expect(links(hostile)).toEqual([hostile]);
    expect(performance.now() - startedMs).toBeLessThan(400);
  });

  it('loses and gains nothing by being cut', () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom('https://example.org/a', 'http://[::1]/', '.', ' ', '<b>'));
    fc.assert(
      fc.property(fc.array(piece), (pieces) => {
        const text = pieces.join('');
        expect(
          textParts(text)
            .map((part) => part.text)
            .join(''),
        ).toBe(text);
        for (const link of links(text)) expect(new URL(link).protocol).toMatch(/^https?:$/);
      }),
      { numRuns: 10_000 },
    );
  });

  it('is sent without what no server takes', () => {
    expect(sendableText('a\r\nb\rc\td\u202Ee\u0000\uD800')).toBe('a\nb\nc\tde');
    expect(sendableText('写真 😀')).toBe('写真 😀');
  });
});
