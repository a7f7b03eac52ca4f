import { STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import type { PeerLinkError } from '../contracts/errors.ts';
import { problemOf } from './http-errors.ts';

/** How long a refused connection may take to read its answer. */
const LINGER_MS = 1_000;

/** Answers a connection that has no response object: no request was read of it, or it wanted to be upgraded. It ends. */
export function refuseOnSocket(socket: Duplex, fault: PeerLinkError): void {
  const problem = problemOf(fault);
  const body = JSON.stringify(problem);
  const head = [
    `HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status] ?? ''}`,
    'Content-Type: application/problem+json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'X-Content-Type-Options: nosniff',
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  // Node's time-outs are off after an upgrade, and the other side may never close: it is not waited for.
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
