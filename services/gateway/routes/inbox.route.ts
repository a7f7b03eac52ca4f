import type { Inbox } from '../../contracts/people.ts';
import { asId } from '../schemas.ts';
import { type OfferRouteDeps, personOf } from './offers.route.ts';
import type { ApiRoutes } from './route.ts';

/** /api/inbox: what was sent to this session directly. */
export function inboxRoutes(deps: OfferRouteDeps): ApiRoutes {
  const { call } = deps;
  return {
    'GET /inbox': async ({ context }) => {
      const sessionId = await personOf(deps, context);
      const asked = [{ sessionId, fingerprint: '' }];
      const [found] = await call('transfer.inboxes', { asked }, { requestId: context.requestId });
      const body: Inbox = { items: found?.items ?? [] };
      return { status: 200, body };
    },
    'DELETE /inbox/:itemId': async ({ context, params }) => {
      const sessionId = await personOf(deps, context);
      await call('transfer.dismiss', { sessionId, itemId: asId(params.itemId) }, { requestId: context.requestId });
      return { status: 204 };
    },
  };
}
