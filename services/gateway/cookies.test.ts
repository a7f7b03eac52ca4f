import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText } from '../../test/support/fuzz.ts';
import { grantCookie, sessionCookie, sessionCookieName, sessionTokenOf } from './cookies.ts';

describe('sessionTokenOf', () => {
  it('finds the token among other cookies', () => {
    expect(sessionTokenOf('a=b; pl_c1=tok-en_1; x=y', 'c1', false)).toBe('tok-en_1');
  });

  it('knows the cluster: the cookie of another PeerLink on the same host is not ours', () => {
    expect(sessionTokenOf('pl_c2=token', 'c1', false)).toBeNull();
  });

  it('takes only the __Host- cookie on HTTPS, which another host cannot have planted', () => {
    expect(sessionTokenOf('pl_c1=planted', 'c1', true)).toBeNull();
    expect(sessionTokenOf('pl_c1=planted; __Host-pl_c1=ours', 'c1', true)).toBe('ours');
  });

  it('refuses a token that could not be ours', () => {
    for (const value of ['', 'a b', 'a"b', 'x'.repeat(257), '%00'])
      expect(sessionTokenOf(`pl_c1=${value}`, 'c1', false)).toBeNull();
  });

  it('gives a token or null for any header', () => {
    const header = fc.oneof(
      anyText(),
      fc.string().map((text) => `pl_c1=${text}`),
      fc.array(fc.string()).map((parts) => parts.join(';')),
    );
    fc.assert(
      fc.property(header, fc.boolean(), (text, isSecure) => {
        const token = sessionTokenOf(text, 'c1', isSecure);
        if (token !== null) assert.match(token, /^[\w-]{1,256}$/);
      }),
      { numRuns: 10_000 },
    );
  });
});

describe('cookies we set', () => {
  it('are out of reach of scripts and of other sites', () => {
    const plain = sessionCookie('t', { clusterId: 'c1', isSecure: false, maxAgeSeconds: 60 });
    expect(plain).toBe('pl_c1=t; Max-Age=60; Path=/; HttpOnly; SameSite=Lax');
    const secure = sessionCookie('t', { clusterId: 'c1', isSecure: true, maxAgeSeconds: 60 });
    expect(secure).toBe('__Host-pl_c1=t; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax');
    expect(sessionCookieName('c1', true)).toBe('__Host-pl_c1');
  });

  it('carry a grant to its own share only', () => {
    expect(grantCookie('g', { shareId: 's1', isSecure: true, maxAgeSeconds: 1 })).toContain(
      '; Path=/d/s1; HttpOnly; Secure; SameSite=Lax',
    );
  });
});
