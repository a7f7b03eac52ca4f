import type { Call } from '../../define-service.ts';
import type { Clock } from '../../kernel/clock.ts';
import { grantCookie } from '../cookies.ts';
import { bearerOf, callerOf } from '../edge-context.ts';
import { lookAt, type RateLimits } from '../rate-limit.ts';
import { asId, parseAs } from '../schemas.ts';
import type { ApiRoutes } from './route.ts';

export interface ShareRouteDeps {
  readonly call: Call;
  /** By which the grant's end was made. */
  readonly clock: Clock;
  readonly rateLimits: RateLimits;
}

/** /api/shares: what a recipient sees of a link. */
export function shareRoutes({ call, clock, rateLimits }: ShareRouteDeps): ApiRoutes {
  return {
    'GET /shares/:shareId': async ({ req, context, params }) => {
      const grant = bearerOf(req);
      const request = { caller: await callerOf(context, null), shareId: asId(params.shareId) };
      const body = await lookAt(rateLimits, context.addressKey, () =>
        call('transfer.share', grant === null ? request : { ...request, grant }, { requestId: context.requestId }),
      );
      return { status: 200, body };
    },
    'POST /shares/:shareId/grant': async ({ context, params, body }) => {
      const shareId = asId(params.shareId);
      const { password } = parseAs('grant', await body());
      const key = `${shareId} ${context.addressKey}`;
      await rateLimits.consume('passwords', key);
      await rateLimits.consume('password-checks', context.addressKey);
      const caller = {
        sessionId: null,
        uploadToken: null,
        addressKey: context.addressKey,
        publicOrigin: context.publicOrigin,
      };
      const granted = await call('transfer.grant', { caller, shareId, password }, { requestId: context.requestId });
      await rateLimits.forgive('passwords', key);
      const maxAgeSeconds = Math.max(0, Math.floor((Date.parse(granted.expiresAt) - clock.now()) / 1000));
      return {
        status: 201,
        body: granted,
        cookies: [grantCookie(granted.grant, { shareId, isSecure: context.isSecure, maxAgeSeconds })],
      };
    },
  };
}
