import { createHmac, timingSafeEqual } from 'node:crypto';
import { TICKET_TTL_MS } from '../contracts/limits.ts';

/** "Socket.IO to another node a 60 s ticket": a session's word that any node of the cluster can check alone. */
export interface Tickets {
  issue(sessionId: string): { readonly ticket: string; readonly expiresAt: string };
  /** The session id, or null when forged, expired or malformed. */
  check(ticket: string): string | null;
}

const TICKET = /^t1\.([1-9A-HJ-NP-Za-km-z]{8,64})\.(\d{13})\.([\w-]{43})$/;

export function createTickets(secret: Uint8Array, nowMs: () => number): Tickets {
  const key = createHmac('sha256', secret).update('peerlink socket ticket v1').digest();
  const sign = (text: string) => createHmac('sha256', key).update(text).digest();
  return {
    issue(sessionId) {
      const expiresMs = nowMs() + TICKET_TTL_MS;
      const text = `t1.${sessionId}.${expiresMs}`;
      return { ticket: `${text}.${sign(text).toString('base64url')}`, expiresAt: new Date(expiresMs).toISOString() };
    },
    check(ticket) {
      const match = TICKET.exec(ticket);
      if (match?.[1] === undefined || match[3] === undefined || Number(match[2]) < nowMs()) return null;
      const wanted = sign(ticket.slice(0, ticket.lastIndexOf('.')));
      const found = Buffer.from(match[3], 'base64url');
      return found.length === wanted.length && timingSafeEqual(found, wanted) ? match[1] : null;
    },
  };
}
