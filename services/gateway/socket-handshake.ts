import type { IncomingMessage } from 'node:http';
import type { Socket } from 'socket.io';
import { PeerLinkError } from '../contracts/errors.ts';
import type { Call } from '../define-service.ts';
import type { EdgeContext, MakeContext } from './edge-context.ts';
import { problemOf } from './http-errors.ts';
import type { Tickets } from './tickets.ts';

/** Who is at the other end, found out once at the handshake. */
export interface SocketIdentity {
  readonly context: EdgeContext;
  readonly sessionId: string;
}

export interface HandshakeDeps {
  readonly makeContext: MakeContext;
  readonly tickets: Tickets;
  readonly call: Call;
  /** Whether this node has heard that the session is over. */
  readonly isRevoked: (sessionId: string) => boolean;
}

/** "CORS does not cover WebSocket": the Origin is compared exactly before the handshake is answered. */
export function isOriginAllowed(makeContext: MakeContext, req: IncomingMessage): boolean {
  return makeContext(req).originRelation !== 'foreign';
}

/**
 * "The handshake is authorised by the session cookie (same origin) or `auth.ticket`."
 * @throws an error with `data: ProblemDetails`, as Socket.IO's `connect_error` shows it
 */
export async function identify(deps: HandshakeDeps, socket: Socket): Promise<SocketIdentity> {
  const context = deps.makeContext(socket.request);
  try {
    const sessionId = (await sessionOfTicket(deps, socket.handshake.auth, context)) ?? (await context.sessionId());
    if (sessionId === null) throw new PeerLinkError('bad_token', 'The handshake needs the session cookie or a ticket.');
    // Told while another node was asked: the sockets of that session were closed then, and this one is none of them yet.
    if (deps.isRevoked(sessionId)) throw new PeerLinkError('bad_token', 'The session is over.');
    return { context: { ...context, sessionId: async () => sessionId }, sessionId };
  } catch (fault) {
    const problem = problemOf(fault, context.requestId);
    throw Object.assign(new Error(problem.title), { data: problem });
  }
}

async function sessionOfTicket(
  { tickets, call }: HandshakeDeps,
  auth: Record<string, unknown>,
  { requestId }: EdgeContext,
): Promise<string | null> {
  const { ticket } = auth;
  if (ticket === undefined) return null;
  const sessionId = typeof ticket === 'string' && ticket.length <= 256 ? tickets.check(ticket) : null;
  // The ticket says who it was made for; whether that session is still one, only the session service knows.
  const session = sessionId === null ? null : await call('session.find', { sessionId }, { requestId });
  if (session === null) throw new PeerLinkError('bad_token', 'The ticket is not valid any more.');
  return session.id;
}
