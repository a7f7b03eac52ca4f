import type { ServiceSchema } from 'moleculer';
import { type Broadcast, defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { Presence } from './presence.ts';
import type { Sessions } from './sessions.ts';

/** "Revocation within 2 s on all nodes", also on one that the event did not reach. */
const RECONCILE_EVERY_MS = 1_000;

export interface SessionServiceDeps {
  readonly sessions: Sessions;
  readonly presence: Pick<Presence, 'roommates'>;
  readonly broadcast: Broadcast;
  /** Tells this node's services alone. */
  readonly tellHere: Broadcast;
  /** With one node there is nobody whose events could be lost. */
  readonly hasOtherNodes: boolean;
  readonly onFault: (fault: unknown) => void;
}

/** Anonymous identity with a random token, resumed on any node. */
export function sessionService(deps: SessionServiceDeps): ServiceSchema {
  const { sessions } = deps;
  let loop: Loop | undefined;
  const reconcile = async () => {
    for (const sessionId of await sessions.reconcile()) deps.tellHere('session.revoked', { sessionId });
  };
  return defineService({
    name: 'session',
    actions: {
      create: (ctx) => sessions.create(ctx.params.displayName),
      resolve: (ctx) => sessions.resolve(ctx.params.token),
      find: (ctx) => sessions.find(ctx.params.sessionId),
      rename: async (ctx) => {
        const session = await sessions.rename(ctx.params.sessionId, ctx.params.displayName);
        deps.broadcast('session.renamed', { sessionId: session.id, displayName: session.displayName });
        return session;
      },
      revoke: async (ctx) => {
        await sessions.revoke(ctx.params.sessionId);
        deps.broadcast('session.revoked', { sessionId: ctx.params.sessionId });
        return null;
      },
      roommates: (ctx) => deps.presence.roommates(ctx.params.sessionId, ctx.params.others),
    },
    events: {
      'session.revoked': (ctx) => sessions.learnRevoked(ctx.params.sessionId),
    },
    async started() {
      if (deps.hasOtherNodes) loop = startLoop(RECONCILE_EVERY_MS, reconcile, deps.onFault);
    },
    async stopped() {
      await loop?.stop();
    },
  });
}
