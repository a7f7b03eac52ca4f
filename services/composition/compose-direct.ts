import type { DirectCounter } from '../kernel/direct-counter.ts';
import { createPrismaDirectRepository } from '../transfer/adapters/prisma-direct-repository.ts';
import { DirectSends } from '../transfer/direct/direct-sends.ts';
import { DirectUpkeep } from '../transfer/direct/direct-upkeep.ts';
import type { TransferEngine } from '../transfer/transfer-engine.ts';
import type { NodeCore } from './node-core.ts';

/** What people send each other: who may be sent to is the session service's to say, hints go to all nodes. */
export function composeDirect(core: NodeCore, engine: TransferEngine, counter: DirectCounter) {
  const { call, broadcast, secret, database, onFault } = core;
  const repository = createPrismaDirectRepository(database);
  const direct = new DirectSends({
    engine,
    repository,
    secret,
    counter,
    roommates: {
      among: (sessionId, others) => call('session.roommates', { sessionId, others }),
      nameOf: async (sessionId) => (await call('session.find', { sessionId }))?.displayName ?? null,
    },
    news: {
      inboxesChanged: (sessionIds) => broadcast('inbox.changed', { sessionIds }),
      recipientsChanged: (transferIds, isAnswer) => broadcast('transfer.recipients.changed', { transferIds, isAnswer }),
    },
  });
  const nowMs = () => performance.now();
  return { direct, directUpkeep: new DirectUpkeep({ direct, repository, counter, nowMs, onFault }) };
}
