import { Prisma } from '../../../prisma/generated/client.ts';
import { createPrismaClusterRepository } from '../../../services/cluster/adapters/prisma-cluster-repository.ts';
import type { ClusterRepository } from '../../../services/cluster/ports.ts';
import type { Database } from '../../../services/database/database.ts';
import type { LeaderTerm } from '../../../services/kernel/leader-term.ts';
import { createPrismaOperatorTokenStore } from '../../../services/operator/adapters/prisma-operator-token-store.ts';
import { createPrismaShownTransfers } from '../../../services/operator/adapters/prisma-shown-transfers.ts';
import type { OperatorTokenStore, ShownTransfers } from '../../../services/operator/ports.ts';
import { createPrismaSessionRepository } from '../../../services/session/adapters/prisma-session-repository.ts';
import type { SessionRepository } from '../../../services/session/ports.ts';
import { createPrismaSampleRepository } from '../../../services/stats/adapters/prisma-sample-repository.ts';
import type { SampleRepository } from '../../../services/stats/ports.ts';
import { createPrismaDirectRepository } from '../../../services/transfer/adapters/prisma-direct-repository.ts';
import { createPrismaLeaseRepository } from '../../../services/transfer/adapters/prisma-lease-repository.ts';
import { createPrismaLostTransfers } from '../../../services/transfer/adapters/prisma-lost-transfers.ts';
import { createPrismaTransferRepository } from '../../../services/transfer/adapters/prisma-transfer-repository.ts';
import type { DirectRepository } from '../../../services/transfer/direct/ports.ts';
import type { LostTransfers } from '../../../services/transfer/lost-transfers.ts';
import type { LeaseRepository, NewFile, NewTransfer, TransferRepository } from '../../../services/transfer/ports.ts';
import { newFile as plainFile, newTransfer as plainTransfer } from '../../support/transfer-rows.ts';

/** What the contract suites need of a store of the truth: its repositories, and a way to let its rows grow old. */
export interface StateHarness {
  readonly transfers: TransferRepository;
  readonly lost: LostTransfers;
  readonly leases: LeaseRepository;
  readonly direct: DirectRepository;
  readonly sessions: SessionRepository;
  readonly cluster: ClusterRepository;
  readonly samples: SampleRepository;
  readonly operatorTokens: OperatorTokenStore;
  readonly shownTransfers: ShownTransfers;
  /** Moves every time of the row into the past; of grants, those of the transfer. */
  age(
    table: 'transfers' | 'leases' | 'sessions' | 'nodes' | 'leader_lease' | 'grants' | 'outbox',
    id: string,
    seconds: number,
  ): Promise<void>;
}

/** What the suite of transfers needs of it; the repository in memory has no more. */
export interface TransferHarness {
  readonly transfers: TransferRepository;
  readonly leases: Pick<LeaseRepository, 'acquire' | 'consume'>;
  readonly cluster: Pick<ClusterRepository, 'tryLead' | 'resign'>;
  readonly age: StateHarness['age'];
}

const TIMES = {
  transfers: ['created_at', 'touched_at', 'expires_at', 'ended_at'],
  leases: ['created_at', 'used_at'],
  sessions: ['created_at', 'last_used_at', 'expires_at', 'revoked_at'],
  nodes: ['seen_at'],
  leader_lease: ['expires_at'],
  grants: ['created_at', 'expires_at', 'answered_at', 'received_at'],
  outbox: ['created_at', 'expires_at', 'seen_at', 'dismissed_at'],
} as const;

const olderFlights = (seconds: number): Prisma.Sql => Prisma.sql`flights = coalesce(
  (SELECT jsonb_object_agg(f.key, f.value || jsonb_build_object('at', (f.value ->> 'at')::float8 - ${seconds}::int))
   FROM jsonb_each(flights) f), '{}'::jsonb)`;

export function harnessOn(database: Database): StateHarness {
  return {
    transfers: createPrismaTransferRepository(database),
    lost: createPrismaLostTransfers(database),
    leases: createPrismaLeaseRepository(database),
    direct: createPrismaDirectRepository(database),
    sessions: createPrismaSessionRepository(database),
    cluster: createPrismaClusterRepository(database),
    samples: createPrismaSampleRepository(database),
    operatorTokens: createPrismaOperatorTokenStore(database),
    shownTransfers: createPrismaShownTransfers(database),
    age: async (table, id, seconds) => {
      const older = TIMES[table].map((column) => Prisma.raw(`${column} = ${column} - interval '${seconds} seconds'`));
      if (table === 'leases') older.push(olderFlights(seconds));
      await database.query(Prisma.sql`
        UPDATE ${Prisma.raw(table)} SET ${Prisma.join(older, ', ')} WHERE ${Prisma.raw(table === 'grants' ? 'transfer_id' : 'id::text')} = ${id}`);
    },
  };
}

/** Leads while `act` runs, whoever led before. */
export async function leading<T>(
  harness: Pick<TransferHarness, 'age' | 'cluster'>,
  act: (term: LeaderTerm) => Promise<T>,
): Promise<T> {
  await harness.age('leader_lease', '1', 1_000);
  const { holderNodeId: nodeId, epoch } = await harness.cluster.tryLead(unique('leader'), 60_000);
  try {
    return await act({ nodeId, epoch });
  } finally {
    await harness.cluster.resign(nodeId);
  }
}

let made = 0;
/** A name nothing else in this run has. */
export function unique(prefix: string): string {
  made += 1;
  return `${prefix}${process.pid}x${made}`;
}

export const bytes = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** A share of a session of its own. */
export function newTransfer(changes: Partial<NewTransfer> = {}): NewTransfer {
  const id = unique('transfer');
  return plainTransfer({
    id,
    shareId: `share-of-${id}`,
    homeNodeId: 'home-1',
    sessionId: unique('session'),
    ownerAddress: '192.0.2.7',
    uploadTokenHash: bytes(32, 1),
    ...changes,
  });
}

export function newFile(index: number, changes: Partial<NewFile> = {}): NewFile {
  return plainFile({
    id: unique('file'),
    index,
    path: `folder/file ${index}`,
    sizeBytes: 1_000,
    chunkSizeBytes: 16_384,
    ...changes,
  });
}

/** Enough for tests that are about something else. */
export const ROOMY = { maxOpen: 1_000, expiresInSeconds: 3_600 } as const;
