import type { ServiceSchema } from 'moleculer';
import { type Broadcast, defineService } from '../define-service.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import { PRESENCE_LOOK_EVERY_MS, type Presence } from './presence.ts';
import type { Sessions } from './sessions.ts';

/** "Revocation within 2 s on all nodes", also on one that the event did not reach. */
const RECONCILE_EVERY_MS = 1_000;

export interface PresenceServiceDeps {
  readonly presence: Presence;
  readonly sessions: Pick<Sessions, 'reconcile' | 'learnRevoked'>;
  /** Tells this node's services alone. */
  readonly tellHere: Broadcast;
  /** With one node there is nobody whose events could be lost. */
  readonly hasOtherNodes: boolean;
  readonly onFault: (fault: unknown) => void;
}

/**
 * Keeps a node's view of who is online, and of which sessions are over. In every process: those with sockets say it and
 * close them, whether or not the session service runs there, and whoever is asked has read it.
 */
export function presenceService(deps: PresenceServiceDeps): ServiceSchema {
  const { presence, sessions } = deps;
  const loops: Loop[] = [];
  const reconcile = async () => {
    for (const sessionId of await sessions.reconcile()) deps.tellHere('session.revoked', { sessionId });
  };
  return defineService({
    name: 'presence',
    events: {
      'presence.changed': (ctx) => presence.hear(ctx.params.nodeId),
      'session.renamed': (ctx) => presence.rename(ctx.params.sessionId, ctx.params.displayName),
      'session.revoked': (ctx) => {
        sessions.learnRevoked(ctx.params.sessionId);
        presence.forget(ctx.params.sessionId);
      },
    },
    async started() {
      loops.push(startLoop(PRESENCE_LOOK_EVERY_MS, () => presence.turn(), deps.onFault));
      if (deps.hasOtherNodes) loops.push(startLoop(RECONCILE_EVERY_MS, reconcile, deps.onFault));
    },
    async stopped() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await presence.stop();
    },
  });
}
