import { describe, expect, it } from '@jest/globals';
import { mayBeRebound } from './rebinding.ts';

const NAMED = ['https://share.example.com', 'http://app.example.com:8080', 'not an origin'];
const MACHINE = new Set(['localhost', 'box.example.net']);

describe('the name that a page was opened by', () => {
  it.each([
    'localhost:5000',
    '127.0.0.1:5000',
    '192.168.1.5:5000',
    '[::1]:5000',
    '[fe80::1]',
    'nas:5000',
    'nas.local:5000',
    'NAS.Local.',
    'nas.lan',
    'nas.home.arpa:80',
    'peerlink.default.svc.internal',
    'a.localhost:5000',
    'box.example.net:5000',
    'share.example.com',
    'share.example.com:443',
    'app.example.com',
  ])('%s is nobody else’s', (host) => {
    expect(mayBeRebound(host, NAMED, MACHINE)).toBe(false);
  });

  it.each([
    'evil.example:5000',
    'nas.example.org:5000',
    'xshare.example.com',
    'share.example.com.evil.com',
    'local.evil.com',
    'nas.local.evil.com',
    'example.com',
    'evil-local.com',
    '192.168.1.5.nip.io',
    'box.example.net.evil.com',
    undefined,
    'no host',
    '',
  ])('%s could be a stranger’s', (host) => {
    expect(mayBeRebound(host, NAMED, MACHINE)).toBe(true);
  });
});
