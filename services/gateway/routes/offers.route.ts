import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_JSON_BODY_BYTES } from '../../contracts/limits.ts';
import type { Call } from '../../define-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import { grantCookie } from '../cookies.ts';
import type { EdgeContext } from '../edge-context.ts';
import type { RateLimits } from '../rate-limit.ts';
import { asId, parseAs } from '../schemas.ts';
import type { ApiRoutes } from './route.ts';

export interface OfferRouteDeps {
  readonly call: Call;
  /** By which the grant's end was made. */
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
}

/** Who asks, by the session cookie only. @throws bad_token, bad_origin, rate_limited */
export async function personOf(
  { rateLimits }: Pick<OfferRouteDeps, 'rateLimits'>,
  context: EdgeContext,
): Promise<string> {
  const sessionId = await context.sessionId();
  if (sessionId === null) {
    throw new PeerLinkError('bad_token', 'This is for people with a session. POST /api/session makes one.');
  }
  await rateLimits.consume('people', sessionId);
  return sessionId;
}

/** /api/offers: what a recipient does with a direct send. */
export function offerRoutes(deps: OfferRouteDeps): ApiRoutes {
  const { call, clock } = deps;
  return {
    'POST /offers/:transferId/accept': async ({ context, params }) => {
      const sessionId = await personOf(deps, context);
      const asked = { sessionId, transferId: asId(params.transferId) };
      const accepted = await call('transfer.accept', asked, { requestId: context.requestId });
      const maxAgeSeconds = Math.max(0, Math.floor((Date.parse(accepted.expiresAt) - clock.now()) / 1000));
      const { shareId, grant } = accepted;
      return {
        status: 200,
        body: accepted,
        cookies: [grantCookie(grant, { shareId, isSecure: context.isSecure, maxAgeSeconds })],
      };
    },
    'POST /offers/:transferId/decline': async ({ context, params }) => {
      const sessionId = await personOf(deps, context);
      const asked = { sessionId, transferId: asId(params.transferId) };
      await call('transfer.decline', asked, { requestId: context.requestId });
      return { status: 204 };
    },
    'POST /offers/:transferId/receipts': async ({ context, params, body }) => {
      const sessionId = await personOf(deps, context);
      const asked = {
        sessionId,
        transferId: asId(params.transferId),
        request: parseAs('receipts', await body(MAX_JSON_BODY_BYTES)),
      };
      await call('transfer.receive', asked, { requestId: context.requestId });
      return { status: 204 };
    },
  };
}
