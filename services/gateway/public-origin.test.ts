import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText } from '../../test/support/fuzz.ts';
import { isOwnOrigin, machineNames, type OriginSettings, parseHost, publicOriginOf } from './public-origin.ts';

const RUNS = { numRuns: 10_000 };
const settings: OriginSettings = {
  publicUrl: null,
  allowedOrigins: ['http://peerlink.test:8080', 'https://share.example.com'],
  port: () => 5000,
  machineNames: () => new Set(['localhost', 'box-7', '192.168.1.20', '::1', 'fe80::1']),
};

/** Names with numbers and dots where a parser of addresses looks twice. */
const dottedName = fc
  .tuple(
    fc.constantFrom('a', 'x', '1', '0x', 'a.1', 'x.0x', '127.1', 'a.08'),
    fc.constantFrom('', '.', '..', '.1.', '.0x..'),
  )
  .map((parts) => parts.join(''));

describe('publicOriginOf', () => {
  it.each([
    ['localhost:5000', false, 'http://localhost:5000'],
    ['LOCALHOST', false, 'http://localhost'],
    ['127.0.0.1:6000', false, 'http://127.0.0.1:6000'],
    ['127.8.9.1:6000', false, 'http://127.8.9.1:6000'],
    ['[::1]:5000', false, 'http://[::1]:5000'],
    ['box-7:5000', false, 'http://box-7:5000'],
    ['192.168.1.20:5000', true, 'https://192.168.1.20:5000'],
    ['app.localhost:5000', false, 'http://app.localhost:5000'],
    ['peerlink.test:8080', false, 'http://peerlink.test:8080'],
    ['share.example.com', true, 'https://share.example.com'],
  ])('begins links with %s when it is this machine or allowed', (host, isSecure, origin) => {
    expect(publicOriginOf(host, isSecure, settings)).toBe(origin);
  });

  it.each([
    'evil.com',
    'localhost.evil.com',
    'notlocalhost',
    '127.0.0.1.evil.com',
    'localhost@evil.com',
    'peerlink.test',
    'peerlink.test:8081',
    'share.example.com.evil.com',
    'evil.com#localhost',
    '',
    'a b',
    'localhost:99999',
    '192.168.1.21',
    'a.1..',
    'x.0x..',
  ])('never begins links with the Host %j', (host) => {
    expect(publicOriginOf(host, false, settings)).toBe('http://localhost:5000');
  });

  it('begins links with what a trusted proxy was asked by, when that is a host', () => {
    expect(publicOriginOf('files.example.org', false, settings, true)).toBe('http://files.example.org');
    expect(publicOriginOf('10.1.2.3:5000', true, settings, true)).toBe('https://10.1.2.3:5000');
    expect(publicOriginOf('evil.com#localhost', false, settings, true)).toBe('http://localhost:5000');
    expect(publicOriginOf('files.example.org', false, { ...settings, publicUrl: 'https://p.example' }, true)).toBe(
      'https://p.example',
    );
  });

  it('always uses PUBLIC_URL when there is one', () => {
    expect(publicOriginOf('localhost:5000', false, { ...settings, publicUrl: 'https://p.example' })).toBe(
      'https://p.example',
    );
  });

  it('gives one of the known origins, whatever the Host header holds', () => {
    const host = fc.oneof(
      fc.string(),
      dottedName,
      fc.domain(),
      fc.ipV4(),
      fc.ipV6(),
      fc.webAuthority({ withPort: true, withUserInfo: true, withIPv4: true, withIPv6: true }),
    );
    fc.assert(
      fc.property(host, fc.boolean(), (text, isSecure) => {
        const origin = publicOriginOf(text, isSecure, settings);
        const { hostname, href } = new URL(origin);
        assert.equal(href, `${origin}/`);
        const name = hostname.replace(/^\[(.*)\]$/, '$1');
        assert(
          settings.machineNames().has(name) ||
            name.startsWith('127.') ||
            name.endsWith('.localhost') ||
            settings.allowedOrigins.includes(origin),
        );
      }),
      RUNS,
    );
  });
});

describe('parseHost', () => {
  it('takes a host apart', () => {
    expect(parseHost('Example.COM:80')).toEqual({ name: 'example.com', port: 80 });
    expect(parseHost('[2001:DB8::1]')).toEqual({ name: '2001:db8::1', port: undefined });
  });

  it('never throws and never lets through what could end a host', () => {
    fc.assert(
      fc.property(fc.oneof(anyText(), dottedName), (text) => {
        const host = parseHost(text);
        if (host === undefined) return;
        assert.match(host.name, /^[a-z0-9._:-]+$/);
        assert(URL.canParse(`http://${host.name.includes(':') ? `[${host.name}]` : host.name}`));
      }),
      RUNS,
    );
  });
});

describe('isOwnOrigin', () => {
  it.each([
    ['http://localhost:5000', 'localhost:5000', true],
    ['https://share.example.com', 'share.example.com', true],
    ['http://share.example.com', 'share.example.com:80', true],
    ['https://share.example.com:443', 'share.example.com:443', true],
    ['http://localhost:5001', 'localhost:5000', false],
    ['https://share.example.co', 'share.example.com', false],
    ['https://share.example.com.evil.com', 'share.example.com', false],
    ['https://evil.com/share.example.com', 'share.example.com', false],
    ['https://share.example.com@evil.com', 'share.example.com', false],
    ['null', 'localhost:5000', false],
    ['file://', 'localhost', false],
    ['', '', false],
  ])('%s at %s: %s', (origin, host, isOwn) => {
    expect(isOwnOrigin(origin, host, null)).toBe(isOwn);
  });

  it.each([
    ['https://share.example.com', 'share.example.com', true],
    ['https://share.example.com', 'share.example.com:443', true],
    ['http://share.example.com', 'share.example.com', false],
    ['http://share.example.com:443', 'share.example.com:443', false],
  ])('over HTTPS %s at %s: %s', (origin, host, isOwn) => {
    expect(isOwnOrigin(origin, host, null, true)).toBe(isOwn);
  });

  it('knows PUBLIC_URL whatever the Host is', () => {
    expect(isOwnOrigin('https://p.example', 'inner:5000', 'https://p.example')).toBe(true);
    expect(isOwnOrigin('https://p.example.evil', 'inner:5000', 'https://p.example')).toBe(false);
  });

  it('never throws', () => {
    fc.assert(
      fc.property(anyText(), fc.string(), (origin, host) => typeof isOwnOrigin(origin, host, null) === 'boolean'),
      RUNS,
    );
  });
});

describe('machineNames', () => {
  it('has the addresses of this machine', () => {
    expect(machineNames().has('127.0.0.1')).toBe(true);
    expect(machineNames().has('localhost')).toBe(true);
  });
});
