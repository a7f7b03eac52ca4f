import assert from 'node:assert/strict';
import crypto, { randomBytes } from 'node:crypto';
import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import {
  checkPassword,
  hashPassword,
  isGrantValid,
  recipientOfGrant,
  signGrant,
  signRecipientGrant,
  uploadTokenFor,
} from './secrets.ts';

const secret = randomBytes(32);
const NOW = Date.UTC(2026, 0, 1);

describe('a password', () => {
  it('is known again, in either of its Unicode forms, and no other one is', async () => {
    const stored = await hashPassword('caf\u00e9 🔑');
    expect(stored).toMatch(/^scrypt\$[\w-]+\$[\w-]{43}$/);
    expect(await checkPassword('caf\u00e9 🔑', stored ?? '')).toBe('right');
    expect(await checkPassword('cafe\u0301 🔑', stored ?? '')).toBe('right');
    expect(await checkPassword('cafe 🔑', stored ?? '')).toBe('wrong');
    expect(await checkPassword('', stored ?? '')).toBe('wrong');
    expect(await hashPassword('caf\u00e9 🔑')).not.toBe(stored);
  });

  it('is wrong for a stored text of another form', async () => {
    for (const stored of ['', 'scrypt', 'scrypt$a', 'argon2$a$b', '$$'])
      expect(await checkPassword('x', stored)).toBe('wrong');
  });

  it('is not hashed when too many others wait, and of those who do one after the other', async () => {
    let atOnce = 0;
    let most = 0;
    let count = 0;
    // 65 of the real ones take ten seconds of a core; what is asked here is who waits for whom.
    const cheap = jest.spyOn(crypto, 'scrypt').mockImplementation(((...args: Parameters<typeof crypto.scrypt>) => {
      atOnce += 1;
      count += 1;
      most = Math.max(most, atOnce);
      setImmediate(() => {
        atOnce -= 1;
        args[4](null, Buffer.alloc(32));
      });
    }) as typeof crypto.scrypt);
    try {
      const all = await Promise.all(Array.from({ length: 70 }, () => checkPassword('x', 'scrypt$AAAA$AAAA')));
      expect(all.map((answer) => answer === 'busy')).toEqual([...Array(65).fill(false), ...Array(5).fill(true)]);
      expect([count, most]).toEqual([65, 1]);
    } finally {
      cheap.mockRestore();
    }
  });
});

describe('a grant', () => {
  it('opens its own share until its time, and nothing else', () => {
    const grant = signGrant(secret, 'header', 'share1', NOW + 60_000);
    expect(isGrantValid(secret, 'header', 'share1', grant, NOW)).toBe(true);
    expect(isGrantValid(secret, 'header', 'share1', grant, NOW + 59_999)).toBe(true);
    expect(isGrantValid(secret, 'header', 'share1', grant, NOW + 60_000)).toBe(false);
    expect(isGrantValid(secret, 'header', 'share2', grant, NOW)).toBe(false);
    expect(isGrantValid(secret, 'address', 'share1', grant, NOW)).toBe(false);
    expect(isGrantValid(randomBytes(32), 'header', 'share1', grant, NOW)).toBe(false);
    expect(isGrantValid(secret, 'header', 'share1', grant.replace(/\.\w+\./, '.zzzzzzz.'), NOW)).toBe(false);
  });

  it('is none when a symbol of it was changed, added or taken away, or when it is any other text', async () => {
    const grant = signGrant(secret, 'header', 'share1', NOW + 60_000);
    const symbol = fc.constantFrom('.', 'A', 'a', '0', '-', '_', '=', '', 'é', '\0');
    const forged = fc.oneof(
      fc
        .tuple(fc.nat({ max: grant.length - 1 }), symbol)
        .map(([at, put]) => grant.slice(0, at) + put + grant.slice(at + 1)),
      fc.tuple(fc.nat({ max: grant.length }), symbol).map(([at, put]) => grant.slice(0, at) + put + grant.slice(at)),
      fc.nat({ max: grant.length - 1 }).map((length) => grant.slice(0, length)),
      anyText(),
      fc.string().map((text) => `share1.${text}`),
      fc.string({ minLength: 250, maxLength: 400 }).map((text) => grant + text),
    );
    await fuzz(
      'grants',
      fc.property(forged, (text) => {
        assert.equal(isGrantValid(secret, 'header', 'share1', text, NOW), text === grant);
      }),
    );
  });
});

describe("a recipient's grant", () => {
  const grant = signRecipientGrant(secret, 'header', 'share1', 'ben', NOW + 60_000);

  it('names its session for its own share until its time, and is no grant of a share with a password', () => {
    expect(recipientOfGrant(secret, 'header', 'share1', grant, NOW)).toBe('ben');
    expect(recipientOfGrant(secret, 'header', 'share1', grant, NOW + 60_000)).toBeNull();
    expect(recipientOfGrant(secret, 'address', 'share1', grant, NOW)).toBeNull();
    expect(recipientOfGrant(secret, 'header', 'share2', grant, NOW)).toBeNull();
    expect(recipientOfGrant(randomBytes(32), 'header', 'share1', grant, NOW)).toBeNull();
    expect(recipientOfGrant(secret, 'header', 'share1', grant.replace('.ben.', '.eve.'), NOW)).toBeNull();
    expect(isGrantValid(secret, 'header', 'share1', grant, NOW)).toBe(false);
    const other = signGrant(secret, 'header', 'share1', NOW + 60_000);
    expect(recipientOfGrant(secret, 'header', 'share1', other, NOW)).toBeNull();
  });

  it('is none when a symbol of it was changed, or when it is any other text', async () => {
    const forged = fc.oneof(
      fc
        .tuple(fc.nat({ max: grant.length - 1 }), fc.constantFrom('.', 'A', '0', '', 'é', '\0'))
        .map(([at, put]) => grant.slice(0, at) + put + grant.slice(at + 1)),
      anyText(),
      fc.string().map((text) => `share1.zzzzzzz.ben.${text}`),
      fc.string({ minLength: 250, maxLength: 400 }).map((text) => grant + text),
    );
    await fuzz(
      'recipient grants',
      fc.property(forged, (text) => {
        assert.equal(recipientOfGrant(secret, 'header', 'share1', text, NOW), text === grant ? 'ben' : null);
      }),
    );
  });
});

describe('an upload token', () => {
  it('is the same for the same transfer, and another for another', () => {
    expect(uploadTokenFor(secret, 'a')).toBe(uploadTokenFor(secret, 'a'));
    expect(uploadTokenFor(secret, 'a')).not.toBe(uploadTokenFor(secret, 'b'));
    expect(uploadTokenFor(secret, 'a')).toMatch(/^[\w-]{43}$/);
  });
});
