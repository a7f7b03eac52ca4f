import { PeerLinkError } from '../../contracts/errors.ts';
import type { DrainResponse } from '../../contracts/operator.ts';
import type { Call } from '../../define-service.ts';
import { operatorCookie, operatorSealOf } from '../cookies.ts';
import type { EdgeSettings } from '../edge-settings.ts';
import { createOperatorDoor } from '../operator-door.ts';
import type { OperatorProof } from '../ports.ts';
import type { RateLimits } from '../rate-limit.ts';
import { asId, parseAs } from '../schemas.ts';
import type { ApiRequest, ApiRoutes } from './route.ts';

/** The whole cluster is asked, each node for at most a second. */
const OVERVIEW_MS = 4_000;
const DRAIN_MS = 5_000;
/** Each node probes the one that is given up, for at most 1.5 s. */
const GIVE_UP_MS = 8_000;

export interface OperatorRouteDeps {
  readonly call: Call;
  readonly settings: EdgeSettings;
  readonly rateLimits: RateLimits;
  readonly operator: OperatorProof;
}

/** /api/operator: for whoever has the operator's token. */
export function operatorRoutes(deps: OperatorRouteDeps): ApiRoutes {
  const { call, settings, operator } = deps;
  const door = createOperatorDoor(deps);
  /** The same refusals either way: who looks at what it costs is told first that the node lives. */
  const answerGiveUp = async ({ req, context, params }: ApiRequest, isConfirmed: boolean) => {
    await door.assertOperator(req, context);
    const asked = { nodeId: asId(params.nodeId), isConfirmed };
    const options = { requestId: context.requestId, timeoutMs: GIVE_UP_MS };
    return { status: 200, body: await call('operator.giveUp', asked, options) };
  };
  return {
    'POST /operator/session': async ({ context, body }) => {
      door.assertOwnPage(context);
      const { token } = parseAs('operatorSignIn', await body());
      await door.signIn(token, context);
      const seal = await operator.seal();
      return {
        status: 204,
        cookies: [
          operatorCookie(seal ?? '', {
            ...settings,
            isSecure: context.isSecure,
            maxAgeSeconds: operator.sealedSeconds,
          }),
        ],
      };
    },
    // Without a proof too: a cookie that counts no more is taken away all the same. One that still counts is not taken away
    // before it was ended: with it the same request can be sent again.
    'DELETE /operator/session': async ({ req, context }) => {
      door.assertOwnPage(context);
      const seal = operatorSealOf(req.headers.cookie, settings.clusterId, context.isSecure);
      if (seal !== null) await operator.signOut(seal);
      return {
        status: 204,
        cookies: [operatorCookie('', { ...settings, isSecure: context.isSecure, maxAgeSeconds: 0 })],
      };
    },
    'GET /operator/overview': async ({ req, context }) => {
      await door.assertOperator(req, context);
      const options = { requestId: context.requestId, timeoutMs: OVERVIEW_MS };
      return { status: 200, body: await call('operator.overview', {}, options) };
    },
    'POST /operator/nodes/:nodeId/drain': async ({ req, context, params }) => {
      await door.assertOperator(req, context);
      const nodeId = asId(params.nodeId);
      const { nodes } = await call('cluster.nodes', {}, { requestId: context.requestId });
      if (!nodes.some(({ id }) => id === nodeId)) throw new PeerLinkError('not_found', 'There is no such node.');
      const left: DrainResponse = await call(
        'node.drain',
        {},
        { nodeId, requestId: context.requestId, timeoutMs: DRAIN_MS },
      );
      return { status: 202, body: left };
    },
    'GET /operator/nodes/:nodeId/give-up': (request) => answerGiveUp(request, false),
    'POST /operator/nodes/:nodeId/give-up': (request) => answerGiveUp(request, true),
  };
}
