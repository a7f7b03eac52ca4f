import { isIP } from 'node:net';
import { Client, type ClientConfig } from 'pg';

/**
 * Compares a server's certificate with the address in its connection string. pg names no host to Node when that is an IP
 * address; Node then compares the certificate with `localhost`.
 */
export class PostgresClient extends Client {
  constructor(config?: string | ClientConfig) {
    super(config);
    const ssl: unknown = this.ssl;
    if (typeof ssl === 'object' && ssl !== null && isIP(this.host) !== 0) Object.assign(ssl, { host: this.host });
  }
}
