import assert from 'node:assert/strict';
import type { IncomingHttpHeaders } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fuzz } from '../../../test/support/fuzz.ts';
import { PeerAuth } from './peer-auth.ts';

const SECRET = Buffer.from('a secret of the cluster');
const request = {
  method: 'PUT',
  path: '/peer/transfers/abcdefgh12/files/0?offset=0',
  lengthBytes: 10,
  epoch: 3,
  isObfuscated: true,
  chunkValue: '',
};

function pair(options: { secret?: Buffer; nowMs?: () => number } = {}) {
  const nowMs = options.nowMs ?? (() => 1_000_000);
  return {
    a: new PeerAuth({ secret: SECRET, nodeId: 'a', nowMs }),
    b: new PeerAuth({ secret: options.secret ?? SECRET, nodeId: 'b', nowMs }),
  };
}

function received(signed: { headers: Readonly<Record<string, string>> }, lengthBytes: number | null = 10) {
  return { ...signed.headers, ...(lengthBytes === null ? {} : { 'content-length': String(lengthBytes) }) };
}

describe('the MAC of a head', () => {
  it('lets a head through that the other node signed, with everything it said', () => {
    const { a, b } = pair();
    const signed = a.sign('b', { ...request, chunkValue: 'ab' });
    expect(b.verify('PUT', request.path, received(signed))).toEqual({
      ...request,
      nodeId: 'a',
      timeMs: 1_000_000,
      nonce: signed.nonce,
      chunkValue: 'ab',
    });
  });

  it('refuses a repeated head, one for another node, and one under another secret', () => {
    const { a, b } = pair();
    const headers = received(a.sign('b', request));
    expect(typeof b.verify('PUT', request.path, headers)).toBe('object');
    expect(b.verify('PUT', request.path, headers)).toBe('repeated');
    expect(b.verify('PUT', request.path, received(a.sign('c', request)))).toBe('forged');
    const { b: other } = pair({ secret: Buffer.from('another') });
    expect(other.verify('PUT', request.path, received(a.sign('b', request)))).toBe('forged');
  });

  it('refuses a head at 60 s and a millisecond of either clock, and takes one at 60 s', () => {
    let now = 1_000_000;
    const { a, b } = pair({ nowMs: () => now });
    for (const [awayMs, wanted] of [
      [60_000, 'object'],
      [60_001, 'string'],
      [-60_000, 'object'],
      [-60_001, 'string'],
    ] as const) {
      now = 1_000_000;
      const headers = received(a.sign('b', request));
      now += awayMs;
      expect(typeof b.verify('PUT', request.path, headers)).toBe(wanted);
    }
  });

  it('refuses what was not signed so: method, path, length, each header', () => {
    const { a, b } = pair();
    const headers = received(a.sign('b', { ...request, chunkValue: 'cd' }));
    expect(b.verify('GET', request.path, headers)).toBe('forged');
    expect(b.verify('PUT', `${request.path}1`, headers)).toBe('forged');
    expect(b.verify('PUT', request.path, { ...headers, 'content-length': '11' })).toBe('forged');
    const { 'content-length': _, ...chunked } = headers;
    expect(b.verify('PUT', request.path, chunked)).toBe('forged');
    for (const name of Object.keys(headers)) {
      const value = headers[name as keyof typeof headers] ?? '';
      const changed = { ...headers, [name]: value.slice(0, -1) + (value.endsWith('1') ? '2' : '1') };
      expect([name, b.verify('PUT', request.path, changed)]).toEqual([name, 'forged']);
      expect([name, b.verify('PUT', request.path, { ...headers, [name]: undefined })]).toEqual([name, 'forged']);
    }
    expect(typeof b.verify('PUT', request.path, headers)).toBe('object');
  });

  it('never takes a nonce twice within its minute, however many others came in between', () => {
    let now = 1_000_000;
    const { a, b } = pair({ nowMs: () => now });
    const first = received(a.sign('b', request));
    expect(typeof b.verify('PUT', request.path, first)).toBe('object');
    for (let index = 0; index < 70_000; index += 1) {
      if (index % 10 === 0) now += 1;
      b.verify('PUT', request.path, received(a.sign('b', request)));
    }
    expect(['repeated', 'stale']).toContain(b.verify('PUT', request.path, first));
    // Others of the same node go on.
    expect(typeof b.verify('PUT', request.path, received(a.sign('b', request)))).toBe('object');
  });

  it.each([
    ['however much they say then', 1, 70_000],
    ['and had forgotten what they said before', 70_000, 100],
  ])('goes on with a node when the clock they share is set back by an hour, %s', (_what, before, after) => {
    let now = 10_000_000;
    const { a, b } = pair({ nowMs: () => now });
    const ask = () => typeof b.verify('PUT', request.path, received(a.sign('b', request)));
    for (let index = 0; index < before; index += 1) ask();
    now += 1;
    ask();
    now -= 3_600_000;
    let refused = 0;
    for (let index = 0; index < after; index += 1) {
      now += 1;
      if (ask() !== 'object') refused += 1;
    }
    expect(refused).toBe(0);
  });

  it('takes nothing but what was signed, whatever the headers', async () => {
    const { a, b } = pair();
    const good = received(a.sign('b', request)) as Record<string, string>;
    const names = Object.keys(good);
    const value = fc.oneof(
      fc.string(),
      fc.constantFrom('', '0', '-1', '1e3', '01', 'NaN', 'plain', 'xor'),
      fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 64 }),
      fc.array(fc.string(), { maxLength: 2 }),
      fc.constant(undefined),
    );
    await fuzz(
      'heads of peers',
      fc.property(fc.dictionary(fc.constantFrom(...names), value, { minKeys: 1 }), (changes) => {
        const headers = { ...good, ...changes } as IncomingHttpHeaders;
        const isSame = names.every((name) => headers[name] === good[name]);
        fc.pre(!isSame);
        assert.equal(b.verify('PUT', request.path, headers), 'forged');
      }),
    );
  });
});

describe('keys', () => {
  it('differ by request, direction and session, and are the same on both sides', () => {
    const { a, b } = pair();
    expect(a.obfuscationKey('n', 'request')).toEqual(b.obfuscationKey('n', 'request'));
    expect(a.obfuscationKey('n', 'request')).toHaveLength(256);
    expect(a.obfuscationKey('n', 'request')).not.toEqual(a.obfuscationKey('n', 'response'));
    expect(a.obfuscationKey('n', 'request')).not.toEqual(a.obfuscationKey('m', 'request'));
    expect(a.frameKey('s')).toEqual(b.frameKey('s'));
    expect(a.frameKey('s')).not.toEqual(a.frameKey('t'));
  });
});
