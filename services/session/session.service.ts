import type { ServiceSchema } from 'moleculer';
import { type Broadcast, defineService } from '../define-service.ts';
import type { Presence } from './presence.ts';
import type { Sessions } from './sessions.ts';

export interface SessionServiceDeps {
  readonly sessions: Sessions;
  readonly presence: Pick<Presence, 'roommates'>;
  readonly broadcast: Broadcast;
}

/** Anonymous identity with a random token, resumed on any node. */
export function sessionService(deps: SessionServiceDeps): ServiceSchema {
  const { sessions } = deps;
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
  });
}
