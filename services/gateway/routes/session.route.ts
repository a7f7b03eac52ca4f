import { PeerLinkError } from '../../contracts/errors.ts';
import type { PublicSession, SessionResponse, TicketResponse } from '../../contracts/http.ts';
import { MAX_EXPIRES_SECONDS } from '../../contracts/limits.ts';
import type { Call } from '../../define-service.ts';
import { sessionCookie } from '../cookies.ts';
import type { EdgeContext } from '../edge-context.ts';
import type { EdgeSettings } from '../edge-settings.ts';
import type { RateLimits } from '../rate-limit.ts';
import { parseAs } from '../schemas.ts';
import type { Tickets } from '../tickets.ts';
import type { ApiAnswer, ApiRoutes } from './route.ts';

export interface SessionRouteDeps {
  readonly call: Call;
  readonly settings: EdgeSettings;
  readonly rateLimits: RateLimits;
  readonly tickets: Tickets;
}

/** /api/session: who the page is. */
export function sessionRoutes({ call, settings, rateLimits, tickets }: SessionRouteDeps): ApiRoutes {
  const cookieOf = (context: EdgeContext, token: string, maxAgeSeconds: number): string =>
    sessionCookie(token, { clusterId: settings.clusterId, isSecure: context.isSecure, maxAgeSeconds });
  const answer = (session: PublicSession, status: number, cookies: readonly string[] = []): ApiAnswer => {
    const body: SessionResponse = { session, limits: settings.limits };
    return { status, body, cookies };
  };
  /**
   * The cookie outlives the session: each use and each transfer extends that, mostly without an answer that could tell the
   * browser. Whether it still counts the server says.
   */
  const renewed = (context: EdgeContext, token: string): readonly string[] => [
    cookieOf(context, token, MAX_EXPIRES_SECONDS),
  ];
  const required = async (context: EdgeContext): Promise<PublicSession> => {
    const session = await context.session();
    if (session === null) throw new PeerLinkError('bad_token', 'There is no session. POST /api/session makes one.');
    return session;
  };

  return {
    'POST /session': async ({ context, body }) => {
      const existing = await context.session();
      const token = existing === null ? null : context.sessionToken;
      if (token === null) await rateLimits.consume('sessions', context.addressKey);
      const { displayName } = parseAs('createSession', (await body()) ?? {});
      if (existing !== null && token !== null) return answer(existing, 200, renewed(context, token));
      const made = await call('session.create', displayName === undefined ? {} : { displayName }, {
        requestId: context.requestId,
      });
      return answer(made.session, 201, renewed(context, made.token));
    },
    'GET /session': async ({ context }) => {
      const session = await required(context);
      return answer(session, 200, context.sessionToken === null ? [] : renewed(context, context.sessionToken));
    },
    'PATCH /session': async ({ context, body }) => {
      const { id: sessionId } = await required(context);
      // Each is a row, and told to every node and to everybody in the room.
      await rateLimits.consume('people', sessionId);
      const { displayName } = parseAs('changeSession', await body());
      return answer(await call('session.rename', { sessionId, displayName }, { requestId: context.requestId }), 200);
    },
    'DELETE /session': async ({ context }) => {
      const session = await context.session();
      if (session !== null) await call('session.revoke', { sessionId: session.id }, { requestId: context.requestId });
      return { status: 204, cookies: [cookieOf(context, '', 0)] };
    },
    'POST /session/ticket': async ({ context }) => {
      const body: TicketResponse = tickets.issue((await required(context)).id);
      return { status: 201, body };
    },
  };
}
