import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import { operatorSealOf } from './cookies.ts';
import { bearerOf, type EdgeContext, isMutating } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';
import type { OperatorProof } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';

export interface OperatorDoorDeps {
  readonly settings: Pick<EdgeSettings, 'clusterId'>;
  readonly rateLimits: RateLimits;
  readonly operator: OperatorProof;
}

export interface OperatorDoor {
  /** @throws bad_origin for a page that is not ours */
  assertOwnPage(context: EdgeContext): void;
  /** @throws bad_token, rate_limited, unavailable */
  signIn(token: string, context: EdgeContext): Promise<void>;
  /** By `Authorization: Bearer <token>`, or by the cookie. @throws bad_token, bad_origin, rate_limited, unavailable */
  assertOperator(req: IncomingMessage, context: EdgeContext): Promise<void>;
}

/** Nothing under /api/operator is answered but to the operator; guesses are counted by address. */
export function createOperatorDoor({ settings, rateLimits, operator }: OperatorDoorDeps): OperatorDoor {
  const assertToken = async (token: string, context: EdgeContext) => {
    if (await operator.isToken(token)) {
      // A right token is not counted, since scripts ask again and again; but after too many wrong ones it is refused as well.
      await rateLimits.assertLeft('sign-ins', context.addressKey);
      return;
    }
    await rateLimits.consume('sign-ins', context.addressKey);
    throw new PeerLinkError('bad_token', 'This is not the token of the operator.');
  };
  const assertOwnPage = (context: EdgeContext) => {
    if (context.originRelation === 'own' || context.originRelation === 'none') return;
    throw new PeerLinkError('bad_origin', 'Only the page of this cluster may do this.');
  };
  return {
    assertOwnPage,
    signIn: assertToken,
    async assertOperator(req, context) {
      const token = bearerOf(req);
      if (token !== null) return assertToken(token, context);
      const seal = operatorSealOf(req.headers.cookie, settings.clusterId, context.isSecure);
      if (seal === null || !(await operator.isSealed(seal)))
        throw new PeerLinkError('bad_token', 'This is for the operator. POST /api/operator/session signs in.');
      assertOwnPage(context);
      if (isMutating(req) && context.originRelation !== 'own')
        throw new PeerLinkError('bad_origin', 'A change with the cookie needs our own Origin.');
    },
  };
}
