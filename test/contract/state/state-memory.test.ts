import { describe } from '@jest/globals';
import { randomId } from '../../../services/kernel/ids.ts';
import type { LeaseRepository } from '../../../services/transfer/ports.ts';
import { MemoryTransferRepository } from '../../support/memory-transfers.ts';
import type { TransferHarness } from './state-harness.ts';
import { describeTransferRepository } from './transfer-repository.suite.ts';

/** As much of the leases' and of the cluster's statements as the suite of transfers asks for. */
function memoryHarness(): TransferHarness {
  const leases = new Map<string, { readonly transferId: string; usedMs: number; isConsumed: boolean }>();
  let leader = { holderNodeId: '', epoch: 0 };
  const transfers = new MemoryTransferRepository(() => Date.now(), {
    isCurrent: ({ nodeId, epoch }) => leader.holderNodeId === nodeId && leader.epoch === epoch,
    lastUsedMs: (transferId) =>
      Math.max(...[...leases.values()].filter((one) => one.transferId === transferId).map(({ usedMs }) => usedMs)),
  });
  const older = (at: Date, seconds: number) => new Date(at.getTime() - seconds * 1000);
  const acquire: LeaseRepository['acquire'] = async ({ transferId }) => {
    const leaseId = randomId(22);
    leases.set(leaseId, { transferId, usedMs: Date.now(), isConsumed: false });
    return { outcome: 'granted', leaseId };
  };
  const consume: LeaseRepository['consume'] = async (leaseId) => {
    const lease = leases.get(leaseId);
    if (lease === undefined) return false;
    if (!lease.isConsumed) transfers.alter(lease.transferId, ({ downloadCount: n }) => ({ downloadCount: n + 1 }));
    lease.isConsumed = true;
    return true;
  };
  return {
    transfers,
    leases: { acquire, consume },
    cluster: {
      tryLead: async (holderNodeId) => {
        leader = { holderNodeId, epoch: leader.epoch + 1 };
        return { ...leader, expiresAt: new Date(Date.now() + 60_000) };
      },
      resign: async () => {
        leader = { ...leader, holderNodeId: '' };
      },
    },
    age: async (table, id, seconds) => {
      const lease = leases.get(id);
      if (table === 'leases' && lease !== undefined) lease.usedMs -= seconds * 1000;
      if (table !== 'transfers') return;
      transfers.alter(id, (row) => ({
        createdAt: older(row.createdAt, seconds),
        touchedAt: older(row.touchedAt, seconds),
        expiresAt: older(row.expiresAt, seconds),
        endedAt: row.endedAt === null ? null : older(row.endedAt, seconds),
      }));
    },
  };
}

describe('the transfers in memory, which tests of the engine stand on', () => {
  const harness = memoryHarness();
  describeTransferRepository(() => harness);
});
