import { describe, expect, it } from '@jest/globals';
import { tlsFaultText } from './tls-fault.ts';

const fault = (code: string, message: string) => Object.assign(new Error(message), { code });
const textOf = (of: unknown) => tlsFaultText(of, 'NATS at nats:4222', 'NODE_EXTRA_CA_CERTS');

describe('tlsFaultText', () => {
  it.each([
    ['SELF_SIGNED_CERT_IN_CHAIN', 'self-signed certificate in certificate chain'],
    ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'unable to verify the first certificate'],
    ['CERT_HAS_EXPIRED', 'certificate has expired'],
    ['ERR_TLS_CERT_ALTNAME_INVALID', "Hostname/IP does not match certificate's altnames"],
  ])('says of %s what a certificate must be', (code, message) => {
    expect(textOf(fault(code, message))).toBe(
      `NATS at nats:4222 shows a certificate that is not accepted (${message}): it must be valid now, name this address, ` +
        'and come from an authority that Node.js knows or that is in a file named by NODE_EXTRA_CA_CERTS',
    );
  });

  it('says of what OpenSSL refuses which refusal it is', () => {
    expect(textOf(fault('ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', 'C0:error'))).toBe(
      'NATS at nats:4222 and PeerLink do not agree on TLS (ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE)',
    );
  });

  it.each([
    [fault('ECONNREFUSED', 'connect ECONNREFUSED')],
    [fault('28P01', 'password authentication failed')],
    [new Error('no answer')],
    [null],
    ['CERT'],
  ])('says nothing of other faults: %s', (other) => {
    expect(textOf(other)).toBeNull();
  });
});
