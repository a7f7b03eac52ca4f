import type { Caller } from '../../contracts/actions.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import { MAX_JSON_BODY_BYTES } from '../../contracts/limits.ts';
import type { Call } from '../../define-service.ts';
import { bearerOf, callerOf } from '../edge-context.ts';
import { idempotencyKeyOf } from '../idempotency-key.ts';
import { lookAt, type RateLimits } from '../rate-limit.ts';
import { asId, parseAs } from '../schemas.ts';
import type { ApiRequest, ApiRoutes } from './route.ts';

export interface TransferRouteDeps {
  readonly call: Call;
  readonly rateLimits: RateLimits;
}

const caller = ({ req, context }: ApiRequest): Promise<Caller> => callerOf(context, bearerOf(req));

/** /api/transfers: what its sender does with a transfer, besides sending bytes. */
export function transferRoutes({ call, rateLimits }: TransferRouteDeps): ApiRoutes {
  return {
    'POST /transfers': async (request) => {
      const { req, context } = request;
      const idempotencyKey = idempotencyKeyOf(req.headers[HEADER.idempotencyKey]);
      const who = await caller(request);
      await rateLimits.consume('uploads', context.addressKey);
      const params = { caller: who, request: parseAs('openTransfer', await request.body(MAX_JSON_BODY_BYTES)) };
      const opened = await call(
        'transfer.open',
        idempotencyKey === undefined ? params : { ...params, idempotencyKey },
        {
          requestId: context.requestId,
        },
      );
      return { status: 201, body: opened, headers: { Location: `/api/transfers/${opened.transfer.id}` } };
    },
    'GET /transfers': async (request) => {
      const who = await caller(request);
      if (who.sessionId === null)
        throw new PeerLinkError('bad_token', 'There is no session, so there is no list of its transfers.');
      const { requestId, addressKey } = request.context;
      const { body } = await lookAt(rateLimits, addressKey, async () => {
        const list = await call('transfer.list', { caller: who }, { requestId });
        return { body: list, files: list.transfers.flatMap(({ files }) => files) };
      });
      return { status: 200, body };
    },
    'GET /transfers/:id': async (request) => {
      const params = { caller: await caller(request), transferId: asId(request.params.id) };
      const { requestId, addressKey } = request.context;
      const body = await lookAt(rateLimits, addressKey, () => call('transfer.get', params, { requestId }));
      return { status: 200, body };
    },
    'GET /transfers/:id/status': async (request) => {
      const params = { caller: await caller(request), transferId: asId(request.params.id) };
      const { requestId, addressKey } = request.context;
      const body = await lookAt(rateLimits, addressKey, () => call('transfer.status', params, { requestId }));
      return { status: 200, body };
    },
    'PATCH /transfers/:id': async (request) => {
      const transferId = asId(request.params.id);
      const params = {
        caller: await caller(request),
        transferId,
        change: parseAs('changeTransfer', await request.body()),
      };
      const { requestId, addressKey } = request.context;
      await rateLimits.consume('looks', addressKey);
      return { status: 200, body: await call('transfer.change', params, { requestId }) };
    },
    /** `X-Url-Delete` is an absolute address that DELETE accepts without a header: its token is in the query. */
    'DELETE /transfers/:id': async (request) => {
      const transferId = asId(request.params.id);
      const token = bearerOf(request.req) ?? request.context.query.get('token');
      const who = await callerOf(request.context, token === null || token.length > 512 ? null : token);
      await rateLimits.consume('looks', request.context.addressKey);
      await call(
        'transfer.end',
        { caller: who, transferId, reason: 'deleted' },
        { requestId: request.context.requestId },
      );
      return { status: 204 };
    },
  };
}
