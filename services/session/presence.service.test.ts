import { afterEach, describe, expect, it } from '@jest/globals';
import { type Context, ServiceBroker } from 'moleculer';
import { waitFor } from '../../test/support/waiting.ts';
import { systemClock } from '../kernel/clock.ts';
import { createMemoryPresenceBoard } from './adapters/memory-presence-board.ts';
import { presenceService } from './presence.service.ts';
import { Presence } from './presence.ts';

const brokers: ServiceBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** A node without the session service, as SERVICES=gateway makes one. */
async function world({ hasOtherNodes = true } = {}) {
  const broker = new ServiceBroker({ logger: false });
  brokers.push(broker);
  const presence = new Presence({
    nodeId: 'n1',
    runId: 'run',
    board: createMemoryPresenceBoard(),
    clock: systemClock,
    otherNodeIds: () => [],
    announce: () => undefined,
    later: (delayMs, act) => void setTimeout(act, delayMs).unref(),
    keep: async () => new Map(),
    onFault: () => undefined,
  });
  /** What the database says was revoked, and whether anybody asked. */
  const database = { revoked: [] as string[], askedCount: 0 };
  const [learned, heard]: [string[], string[]] = [[], []];
  broker.createService(
    presenceService({
      presence,
      sessions: {
        reconcile: async () => {
          database.askedCount += 1;
          return database.revoked.splice(0);
        },
        learnRevoked: (sessionId) => void learned.push(sessionId),
      },
      tellHere: (name, payload) => void broker.broadcastLocal(name, payload),
      hasOtherNodes,
      onFault: () => undefined,
    }),
  );
  broker.createService({
    name: 'gateway',
    events: {
      'session.revoked': { handler: (ctx: Context<{ sessionId: string }>) => void heard.push(ctx.params.sessionId) },
    },
  });
  await broker.start();
  return { broker, presence, database, learned, heard };
}

describe('a node whose bus lost the word that a session is over', () => {
  it('hears of it from the database, without the session service: its sockets close', async () => {
    const { presence, database, learned, heard } = await world();
    presence.enter('socket', { id: 's', displayName: 'S' }, 'net:1');
    database.revoked.push('s');
    await waitFor('it is told here', 5_000, () => heard.length > 0);
    expect([heard, learned, presence.people('net:1')]).toEqual([['s'], ['s'], []]);
  });

  it('does not look when it is alone', async () => {
    const { broker, database, heard } = await world({ hasOtherNodes: false });
    void broker.broadcastLocal('session.revoked', { sessionId: 's' });
    await waitFor('it is heard', 5_000, () => heard.length > 0);
    expect(database.askedCount).toBe(0);
  });
});
