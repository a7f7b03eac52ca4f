import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'content-disposition';
import fc from 'fast-check';
import { anyText, fuzz } from '../../../test/support/fuzz.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { checkPath, fileName } from '../names.ts';
import { disposition } from './disposition.ts';
import { assertOffsetAgrees, bearerOf, chunkValueOf, contentLengthOf } from './put-body.ts';
import { assertWholeFile, positiveHeader, uploadName, uploadWishes } from './put-upload.ts';
import { queryNumber } from './query-number.ts';
import { basicPasswordOf, shareCookies } from './share-access.ts';

const requestWith = (headers: Record<string, string | undefined>) => ({ headers }) as unknown as IncomingMessage;

/** The value, or the type of the refusal; anything else that is thrown fails the test. */
function outcomeOf<T>(act: () => T): T | string {
  try {
    return act();
  } catch (fault) {
    assert(fault instanceof PeerLinkError, String(fault));
    return `refused: ${fault.type}`;
  }
}

const hostile = fc.oneof(
  anyText(30),
  fc.array(fc.integer({ min: 0x20, max: 0xff }), { maxLength: 20 }).map((codes) => String.fromCharCode(...codes)),
  fc
    .array(fc.constantFrom('%', '%2', '%2f', '%00', '%E2%80%AE', '/', '..', 'a', 'é', '?', '\xff', '\xc3\xa9', ' '), {
      maxLength: 8,
    })
    .map((parts) => parts.join('')),
);

describe('uploadName', () => {
  it.each([
    ['/', 'stdin'],
    ['', 'stdin'],
    ['/a.txt', 'a.txt'],
    ['/some/folder/a.txt', 'a.txt'],
    ['/some/folder/', 'stdin'],
    ['/%E6%97%A5%E6%9C%AC.txt', '日本.txt'],
    ['/a%20b', 'a b'],
    ['/100%25', '100%'],
    ['/\xc3\xa9.txt', 'é.txt'],
    ['/%C3\xa9.txt', 'é.txt'],
  ])('of %j is %j', (pathname, name) => {
    expect(uploadName(pathname)).toBe(name);
  });

  it.each(['/%', '/%2', '/%zz', '/%ff', '/\xff', '/%E2%80'])('refuses %j', (pathname) => {
    expect(outcomeOf(() => uploadName(pathname))).toBe('refused: bad_name');
  });

  it('gives a name or a refusal for any address, and the name of every path that may be', async () => {
    await fuzz(
      'uploadName',
      fc.property(hostile, (text) => {
        const any = outcomeOf(() => uploadName(`/${text}`));
        assert(any === 'refused: bad_name' || any.length > 0);
        const checked = checkPath(text);
        if (!checked.isValid) return;
        const name = fileName(checked.path);
        assert.equal(uploadName(`/x/${encodeURIComponent(name)}`), name);
        // As a client sends it that does not encode: node:http shows its bytes as Latin-1.
        if (!/[%?#]/.test(name)) assert.equal(uploadName(`/${Buffer.from(name).toString('latin1')}`), name);
      }),
    );
  });
});

describe('contentLengthOf', () => {
  it.each([
    [{ 'content-length': '0' }, 0],
    [{ 'content-length': '9007199254740991' }, Number.MAX_SAFE_INTEGER],
    [{ 'transfer-encoding': 'chunked' }, null],
    [{}, 0],
    [{ 'content-length': '9007199254740992' }, 'refused: bad_size'],
    [{ 'content-length': '-1' }, 'refused: bad_size'],
    [{ 'content-length': '1.5' }, 'refused: bad_size'],
    [{ 'content-length': '1e3' }, 'refused: bad_size'],
    [{ 'content-length': '' }, 'refused: bad_size'],
    [{ 'content-length': ' 5' }, 'refused: bad_size'],
  ])('of %j is %p', (headers, wanted) => {
    expect(outcomeOf(() => contentLengthOf(requestWith(headers)))).toBe(wanted);
  });

  it('is a whole number from 0 to 2^53 - 1 or refused, whatever was sent', async () => {
    const text = fc.oneof(hostile, fc.bigInt().map(String), fc.double().map(String), fc.nat().map(String));
    await fuzz(
      'Content-Length',
      fc.property(text, (given) => {
        const length = outcomeOf(() => contentLengthOf(requestWith({ 'content-length': given })));
        if (length === 'refused: bad_size') assert(!/^\d{1,15}$/.test(given));
        else assert(Number.isSafeInteger(length) && String(BigInt(given)) === String(length));
      }),
    );
  });
});

describe('bearerOf', () => {
  it.each([
    ['Bearer abc', 'abc'],
    ['bearer a.b-c_~+/=', 'a.b-c_~+/='],
    [undefined, null],
    ['', null],
    ['Bearer', null],
    ['Bearer ', null],
    ['Bearer a b', null],
    ['Basic abc', null],
    [`Bearer ${'a'.repeat(257)}`, null],
    ['Bearer é', null],
  ])('of %j is %j', (authorization, wanted) => {
    expect(bearerOf(requestWith({ authorization }))).toBe(wanted);
  });

  it('is a token of 1 to 256 symbols or nothing', async () => {
    await fuzz(
      'Bearer',
      fc.property(hostile, fc.boolean(), (text, isBearer) => {
        const token = bearerOf(requestWith({ authorization: isBearer ? `Bearer ${text}` : text }));
        if (token !== null) assert.match(token, /^[\w.~+/=-]{1,256}$/);
        if (isBearer && /^[\w.~+/=-]{1,30}$/.test(text)) assert.equal(token, text);
      }),
    );
  });
});

describe('chunkValueOf', () => {
  it('is 32 bytes or refused', async () => {
    const value = fc.oneof(
      hostile,
      fc.uint8Array({ minLength: 31, maxLength: 33 }).map((bytes) => Buffer.from(bytes).toString('hex')),
      fc.anything(),
    );
    await fuzz(
      'X-Chunk-Value',
      fc.property(value, (given) => {
        const found = outcomeOf(() => chunkValueOf(given));
        if (found === 'refused: bad_request') assert(typeof given !== 'string' || !/^[0-9a-f]{64}$/i.test(given));
        else assert.equal(Buffer.from(found as Uint8Array).toString('hex'), String(given).toLowerCase());
      }),
    );
  });
});

describe('disposition', () => {
  it('says plain names plainly', () => {
    expect(disposition('photo.jpg', 'attachment')).toBe("attachment; filename=photo.jpg; filename*=UTF-8''photo.jpg");
  });

  it('is a header that gives back any name that may be, to those who read filename* and to those who do not', async () => {
    await fuzz(
      'Content-Disposition',
      fc.property(hostile, fc.constantFrom('attachment' as const, 'inline' as const), (text, type) => {
        const checked = checkPath(text);
        if (!checked.isValid) return;
        const name = fileName(checked.path);
        const header = disposition(name, type);
        assert.match(header, /^[\t\x20-\x7e\x80-\xff]*$/);
        const read = parse(header);
        assert.equal(read.type, type);
        assert.equal(read.parameters.filename, name);
        const old = parse(header, { extended: false });
        assert.equal(Buffer.from(old.parameters.filename ?? '', 'latin1').toString(), name);
      }),
    );
  });
});

describe('shareCookies', () => {
  it('finds its own cookies among any others, and none in any other text', async () => {
    await fuzz(
      'Cookie',
      fc.property(hostile, hostile, (before, after) => {
        const any = shareCookies(requestWith({ cookie: before }));
        for (const value of Object.values(any)) assert(value === undefined || typeof value === 'string');
        if (/[;=]/.test(before + after)) return;
        const found = shareCookies(requestWith({ cookie: `x=${before}; pl_lease=abc; y=${after}; pl_grant=a.b.c-_` }));
        assert.deepEqual(found, { lease: 'abc', grant: 'a.b.c-_' });
      }),
    );
  });

  it('finds nothing where nothing is', () => {
    for (const cookie of [undefined, '', ';', '=', 'pl_grant', '__proto__=x', 'constructor=y']) {
      expect(shareCookies(requestWith({ cookie }))).toEqual({ lease: undefined, grant: undefined });
    }
  });
});

describe('basicPasswordOf', () => {
  it('gives back any password with any user before it, and takes nothing else for one', async () => {
    await fuzz(
      'Authorization: Basic',
      fc.property(hostile, anyText(60), fc.constantFrom('Basic ', 'basic ', 'BASIC '), (header, password, scheme) => {
        const read = basicPasswordOf(header);
        assert(read === null || /^basic /i.test(header));
        const user = header.replaceAll(':', '');
        for (const encoding of ['base64', 'base64url'] as const) {
          const given = Buffer.from(`${user}:${password}`).toString(encoding);
          assert.equal(basicPasswordOf(scheme + given), Buffer.from(password).toString());
          assert.equal(basicPasswordOf(`${scheme}${given} ${header}`), null);
        }
      }),
    );
  });
});

describe('positiveHeader', () => {
  const outcome = (value: string) => outcomeOf(() => positiveHeader(requestWith({ 'max-days': value }), 'max-days'));

  it('is a number above 0 as people write one, or is refused', async () => {
    const written = fc.oneof(hostile, fc.double().map(String), fc.integer().map(String));
    await fuzz(
      'Max-Days and Max-Downloads',
      fc.property(written, fc.integer({ min: 1, max: 999_999_999 }), (text, number) => {
        const read = outcome(text);
        if (typeof read === 'number') assert(read > 0 && Number.isFinite(read) && /^[\d.]+$/.test(text));
        else assert.equal(read, 'refused: bad_request');
        assert.equal(outcome(String(number)), number);
        assert.equal(outcome(`${number}.25`), number + 0.25);
      }),
    );
    expect(positiveHeader(requestWith({}), 'max-days')).toBeNull();
  });
});

describe('queryNumber', () => {
  it('is a whole number in decimal, or none', async () => {
    const text = fc.oneof(hostile, fc.bigInt().map(String), fc.double().map(String), fc.nat().map(String));
    await fuzz(
      'numbers of queries',
      fc.property(text, fc.nat(), (given, number) => {
        const read = queryNumber(new URLSearchParams({ offset: given }), 'offset');
        assert(Number.isNaN(read) || (read >= 0 && Number.isInteger(read) && /^\d+$/.test(given)));
        assert.equal(queryNumber(new URLSearchParams({ offset: String(number), [given]: 'x' }), 'offset'), number);
        assert(Number.isNaN(queryNumber(new URLSearchParams(given), 'no such name')));
      }),
    );
  });
});

describe('uploadWishes', () => {
  it.each([
    [{}, {}],
    [
      { 'max-days': '366', 'max-downloads': '1000000' },
      { expiresInSeconds: 31_622_400, maxDownloads: 1_000_000 },
    ],
    [{ 'max-days': '0.00001' }, { expiresInSeconds: 1 }],
  ])('of %j are %j', (headers, wanted) => {
    expect(uploadWishes(requestWith(headers))).toEqual(wanted);
  });

  it.each([
    [{ 'max-days': '367' }, 'The header max-days may be at most 366, found 367.'],
    [{ 'max-downloads': '1.5' }, 'The header max-downloads must be a whole number from 1 to 1000000, found 1.5.'],
    [
      { 'max-downloads': '1000001' },
      'The header max-downloads must be a whole number from 1 to 1000000, found 1000001.',
    ],
  ])('are refused in the words of the headers: %j', (headers, message) => {
    expect(() => uploadWishes(requestWith(headers))).toThrow(message);
  });
});

describe('Content-Range with a body', () => {
  it.each([
    [undefined, 5, null],
    ['bytes 0-4/5', 5, null],
    ['Bytes 0-4/5', 5, null],
    ['bytes 0--1/0', 0, null],
    ['bytes 0--2/-1', null, null],
    ['bytes 2-4/5', 3, 'refused: bad_request'],
    ['bytes 0-2/5', 3, 'refused: bad_request'],
    ['bytes 2--2/-1', null, 'refused: bad_request'],
    ['what', 5, 'refused: bad_request'],
  ])('of a link: %j with %p bytes', (header, sizeBytes, wanted) => {
    expect(outcomeOf(() => assertWholeFile(header, sizeBytes)) ?? null).toBe(wanted);
  });

  it.each([
    [undefined, 16_384, null],
    ['bytes 16384-39999/40000', 16_384, null],
    ['bytes 0-39999/40000', 0, null],
    ['bytes 16384-39999/40000', 0, 'refused: bad_offset'],
    ['bytes 0-39999/40000', 16_384, 'refused: bad_offset'],
  ])('of a run: %j at %p', (header, offset, wanted) => {
    expect(outcomeOf(() => assertOffsetAgrees(header, offset)) ?? null).toBe(wanted);
  });

  it('is passed or refused, whatever it says', async () => {
    await fuzz(
      'Content-Range',
      fc.property(hostile, fc.nat(), fc.nat(), (text, first, offset) => {
        const outcome = outcomeOf(() => assertWholeFile(text, offset));
        assert(outcome === 'refused: bad_request' || text.toLowerCase() === `bytes 0-${offset - 1}/${offset}`);
        assert.equal(
          outcomeOf(() => assertOffsetAgrees(`${text}bytes ${first}-`, first)),
          undefined,
        );
        const differs = outcomeOf(() => assertOffsetAgrees(`bytes ${first}-${text}`, offset));
        assert.equal(differs, first === offset ? undefined : 'refused: bad_offset');
      }),
    );
  });
});
