import type { ServiceSchema } from 'moleculer';
import { defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { PRESENCE_LOOK_EVERY_MS, type Presence } from './presence.ts';

/** Keeps a node's view of who is online. In every process: those with sockets say it, and whoever is asked has read it. */
export function presenceService(presence: Presence, onFault: (fault: unknown) => void): ServiceSchema {
  let loop: Loop | undefined;
  return defineService({
    name: 'presence',
    events: {
      'presence.changed': (ctx) => presence.hear(ctx.params.nodeId),
      'session.renamed': (ctx) => presence.rename(ctx.params.sessionId, ctx.params.displayName),
      'session.revoked': (ctx) => presence.forget(ctx.params.sessionId),
    },
    async started() {
      loop = startLoop(PRESENCE_LOOK_EVERY_MS, () => presence.turn(), onFault);
    },
    async stopped() {
      await loop?.stop();
      await presence.stop();
    },
  });
}
