import type { ServiceSchema } from 'moleculer';
import { type Broadcast, defineService } from '../define-service.ts';
import type { Sessions } from './sessions.ts';

export interface SessionServiceDeps {
  readonly sessions: Sessions;
  readonly broadcast: Broadcast;
}

/** Anonymous identity with a random token, resumed on any node. */
export function sessionService({ sessions, broadcast }: SessionServiceDeps): ServiceSchema {
  return defineService({
    name: 'session',
    actions: {
      create: (ctx) => sessions.create(ctx.params.displayName),
      resolve: (ctx) => sessions.resolve(ctx.params.token),
      rename: (ctx) => sessions.rename(ctx.params.sessionId, ctx.params.displayName),
      revoke: async (ctx) => {
        await sessions.revoke(ctx.params.sessionId);
        broadcast('session.revoked', { sessionId: ctx.params.sessionId });
        return null;
      },
    },
    events: {
      'session.revoked': (ctx) => sessions.learnRevoked(ctx.params.sessionId),
    },
  });
}
