import { describe, expect, it } from '@jest/globals';
import { peerAddressFault } from './peer-address.ts';

const at = (...urls: string[]) => urls.map((peerUrl, index) => ({ nodeId: `node-${index}`, peerUrl }));

describe('peerAddressFault', () => {
  it.each([
    ['the first member', 'http://localhost:5000', []],
    ['the first member by a name', 'http://box-1:5000', []],
    ['loopback only', 'http://127.0.0.1:5002', ['http://localhost:5000', 'http://[::1]:5001']],
    ['names and addresses only', 'https://box-3.example', ['http://box-1:5000', 'http://10.0.0.7:5000']],
  ])('takes %s', (_title, own, others) => {
    expect(peerAddressFault(own, at(...others))).toBeNull();
  });

  it.each(['http://localhost:5000', 'http://127.0.0.1:5000', 'http://[::1]:5000', 'http://a.localhost:5000'])(
    'refuses %s beside a member with a name, and says whose',
    (own) => {
      const fault = peerAddressFault(own, at(own, 'http://box-1:5000'));
      expect(fault).toContain('NODE_HOSTNAME');
      expect(fault).toContain(`${own} can be reached from this machine only`);
      expect(fault).toContain('node-1 of the cluster is at http://box-1:5000');
    },
  );

  it('refuses a name beside a member on loopback', () => {
    expect(peerAddressFault('http://box-2:5000', at('http://127.0.0.1:5000'))).toMatch(
      /^NODE_HOSTNAME .* node-0 .* at http:\/\/127\.0\.0\.1:5000, which only its own machine can reach/,
    );
  });

  it('does not take a name that only begins like an address for loopback', () => {
    expect(peerAddressFault('http://127.0.0.1.example.com:5000', at('http://box-1:5000'))).toBeNull();
  });
});
