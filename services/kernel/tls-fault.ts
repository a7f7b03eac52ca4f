/** In the codes of Node's errors for a certificate that does not verify: SELF_SIGNED_CERT_IN_CHAIN, UNABLE_TO_VERIFY_... */
const NOT_VERIFIED = /CERT|SELF_SIGNED|UNABLE_TO|CRL|INVALID_CA|HOSTNAME_MISMATCH|PATH_LENGTH|INVALID_PURPOSE/;
/** Of OpenSSL itself, such as an alert of the other side. */
const OPENSSL = /^ERR_SSL_/;

/**
 * Why TLS with a server failed, for the operator; null: the fault is of another kind. Waiting cures none of these.
 * @param server with its address: `Redis at 10.0.0.5:6379`
 * @param authorities the settings that name files with certificate authorities
 */
export function tlsFaultText(fault: unknown, server: string, authorities: string): string | null {
  // By its shape: tests run in a realm with an `Error` of its own.
  if (typeof fault !== 'object' || fault === null || !('code' in fault) || !('message' in fault)) return null;
  const { code, message } = fault;
  if (typeof code !== 'string') return null;
  if (OPENSSL.test(code)) return `${server} and PeerLink do not agree on TLS (${code})`;
  if (!NOT_VERIFIED.test(code)) return null;
  return (
    `${server} shows a certificate that is not accepted (${message}): it must be valid now, name this address, and come ` +
    `from an authority that Node.js knows or that is in a file named by ${authorities}`
  );
}
