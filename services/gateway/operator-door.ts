import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import { SIGN_INS_PER_MINUTE } from '../contracts/limits.ts';
import { operatorSealOf } from './cookies.ts';
import { bearerOf, type EdgeContext, isMutating } from './edge-context.ts';
import type { EdgeSettings } from './edge-settings.ts';
import type { OperatorProof } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';

/** Addresses that guessed wrong, remembered at once; beyond it the first ones are forgotten. */
const MAX_ADDRESSES = 10_000;
/** Wrong tokens from one address on this node within the time: as many as all nodes together allow in a minute. */
const WRONG_TOKENS = SIGN_INS_PER_MINUTE;
const WRONG_TOKENS_WITHIN_MS = 60_000;

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
  const guesses = new Guesses();
  const assertToken = async (token: string, context: EdgeContext) => {
    const isRight = await operator.isToken(token);
    // Looked at after the token and not before: of a thousand guesses sent at once the sixth is not told that it is right.
    guesses.assertFree(context.addressKey);
    // A right token costs nothing: scripts ask again and again.
    if (isRight) return;
    guesses.countWrong(context.addressKey);
    await rateLimits.consume('sign-ins', context.addressKey).catch((fault: unknown) => {
      guesses.block(context.addressKey, fault);
      throw fault;
    });
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

/** Addresses that guessed wrong lately, and until when they are not told any more whether they are right. */
class Guesses {
  readonly #wrong = new Map<string, { count: number; untilMs: number }>();

  /** @throws rate_limited */
  assertFree(addressKey: string): void {
    const found = this.#of(addressKey);
    if (found.count < WRONG_TOKENS) return;
    throw new PeerLinkError('rate_limited', 'Too many wrong tokens came from this address. Try again later.', {
      retryAfterSeconds: Math.max(1, Math.ceil((found.untilMs - performance.now()) / 1000)),
    });
  }

  countWrong(addressKey: string): void {
    const found = this.#of(addressKey);
    const [first] = this.#wrong.keys();
    if (this.#wrong.size >= MAX_ADDRESSES && first !== undefined) this.#wrong.delete(first);
    this.#wrong.set(addressKey, { ...found, count: found.count + 1 });
  }

  /** All nodes together have counted enough. */
  block(addressKey: string, fault: unknown): void {
    if (!(fault instanceof PeerLinkError) || fault.retryAfterSeconds === undefined) return;
    this.#wrong.set(addressKey, { count: WRONG_TOKENS, untilMs: performance.now() + fault.retryAfterSeconds * 1000 });
  }

  #of(addressKey: string): { readonly count: number; readonly untilMs: number } {
    const found = this.#wrong.get(addressKey);
    if (found !== undefined && found.untilMs > performance.now()) return found;
    this.#wrong.delete(addressKey);
    return { count: 0, untilMs: performance.now() + WRONG_TOKENS_WITHIN_MS };
  }
}
