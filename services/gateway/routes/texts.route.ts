import { HEADER } from '../../contracts/http.ts';
import { MAX_TEXT_BODY_BYTES } from '../../contracts/limits.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { parseAs } from '../schemas.ts';
import { type OfferRouteDeps, personOf } from './offers.route.ts';
import type { ApiRoutes } from './route.ts';

/** /api/texts: plain text for people in the same room. */
export function textRoutes(deps: OfferRouteDeps): ApiRoutes {
  return {
    'POST /texts': async ({ req, context, body }) => {
      const sessionId = await personOf(deps, context);
      await deps.rateLimits.consume('texts', context.addressKey);
      const idempotencyKey = idempotencyKeyOf(req.headers[HEADER.idempotencyKey]);
      const params = { sessionId, request: parseAs('sendText', await body(MAX_TEXT_BODY_BYTES)) };
      const sent = await deps.call(
        'transfer.sendText',
        idempotencyKey === undefined ? params : { ...params, idempotencyKey },
        { requestId: context.requestId },
      );
      return { status: 201, body: sent };
    },
  };
}
