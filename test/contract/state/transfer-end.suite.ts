import { describe, expect, it } from '@jest/globals';
import { bytes, leading, type TransferHarness, unique } from './state-harness.ts';
import { transferSteps } from './transfer-steps.ts';

/** When a transfer ends, and when its row goes. */
export function describeEndOfTransfers(make: () => TransferHarness): void {
  const { open, seal } = transferSteps(make);

  describe('the end of a transfer', () => {
    it('comes once, raises the epoch, and keeps its first reason', async () => {
      const { transfer } = await open();
      expect(await make().transfers.end(transfer.id, 'deleted')).toBe(true);
      expect(await make().transfers.end(transfer.id, 'expired')).toBe(false);
      expect(await make().transfers.end(unique('nothing'), 'expired')).toBe(false);
      const row = (await make().transfers.findById(transfer.id))?.transfer;
      expect(row).toMatchObject({ state: 'ended', endReason: 'deleted', epoch: 2 });
      expect(row?.endedAt).toEqual(expect.anything());
    });

    it('comes to what expired and to uploads nobody went on with, and to nothing else', async () => {
      const [live, expired, abandoned, sealedLongAgo] = await Promise.all([open(), open(), open(), open()]);
      // Within the grain of a touch, and an offer that waits for its answer.
      const [recent, offered] = await Promise.all([open(), open(1, { kind: 'direct' })]);
      await make().age('transfers', recent.transfer.id, 120);
      await make().age('transfers', offered.transfer.id, 200);
      await make().age('transfers', expired.transfer.id, 3_601);
      await make().age('transfers', abandoned.transfer.id, 200);
      await seal(sealedLongAgo.transfer, 0);
      await make().age('transfers', sealedLongAgo.transfer.id, 200);
      const ended: string[] = [];
      // Not by one whose term is over.
      const past = await leading(make(), async (term) => term);
      expect(
        await make().transfers.endExpired({ uploadTtlSeconds: 100, leaseIdleSeconds: null, limit: 3, term: past }),
      ).toEqual([]);
      // While nobody can say what moves, only what expired.
      const certain = await leading(make(), (term) =>
        make().transfers.endExpired({ uploadTtlSeconds: null, leaseIdleSeconds: null, limit: 1_000, term }),
      );
      expect(certain).toContain(expired.transfer.id);
      expect(certain).not.toContain(abandoned.transfer.id);
      ended.push(...certain);
      // Other tests' rows may be among them, so the limit is met many times over.
      for (let round = 0; round < 100; round += 1) {
        const some = await leading(make(), (term) =>
          make().transfers.endExpired({ uploadTtlSeconds: 100, leaseIdleSeconds: null, limit: 3, term }),
        );
        expect(some.length).toBeLessThanOrEqual(3);
        if (some.length === 0) break;
        ended.push(...some);
      }
      expect(ended).toEqual(expect.arrayContaining([expired.transfer.id, abandoned.transfer.id]));
      const states = await make().transfers.refresh(
        [live, expired, abandoned, sealedLongAgo, recent, offered].map((one) => one.transfer.id),
      );
      expect(new Map(states.map((row) => [row.id, `${row.state} ${row.endReason}`]))).toEqual(
        new Map([
          [live.transfer.id, 'open null'],
          [expired.transfer.id, 'ended expired'],
          [abandoned.transfer.id, 'ended aborted'],
          [sealedLongAgo.transfer.id, 'sealed null'],
          [recent.transfer.id, 'open null'],
          [offered.transfer.id, 'open null'],
        ]),
      );
    });

    it('comes to a sealed share whose downloads are used up and under which nobody reads any more', async () => {
      const end = (leaseIdleSeconds: number | null) =>
        leading(make(), (term) =>
          make().transfers.endExpired({ uploadTtlSeconds: null, leaseIdleSeconds, limit: 1_000, term }),
        );
      const share = async (maxDownloads: number | null) => {
        const { transfer } = await open(1, { maxDownloads });
        await seal(transfer, 0);
        return transfer.id;
      };
      const lease = async (transferId: string, token: number, ageSeconds: number, isConsumed = true) => {
        const given = await make().leases.acquire({
          transferId,
          tokenHash: bytes(32, token),
          holder: '192.0.2.1',
          nodeId: 'home-1',
          idleMs: 600_000,
        });
        if (given.outcome !== 'granted') throw new Error(given.outcome);
        if (isConsumed) await make().leases.consume(given.leaseId);
        await make().age('leases', given.leaseId, ageSeconds);
        return given.leaseId;
      };
      const [usedUp, inUse, oneLeft, raised, lowered, unlimited] = await Promise.all(
        [1, 2, 2, 1, 2, null].map((maxDownloads) => share(maxDownloads)),
      ).then((ids) => ids.map(String));
      const growing = (await open(1, { maxDownloads: 1 })).transfer.id;
      for (const id of [usedUp, inUse, oneLeft, raised, lowered, unlimited, growing]) await lease(String(id), 1, 600);
      // Somebody goes on, under a download that was counted or under one that was begun before the limit was lowered.
      const going = await lease(String(inUse), 2, 300);
      const begun = await lease(String(lowered), 2, 300, false);
      await make().transfers.change(String(raised), { maxDownloads: 2 });
      await make().transfers.change(String(lowered), { maxDownloads: 1 });
      const past = await leading(make(), async (term) => term);
      const options = { uploadTtlSeconds: null, leaseIdleSeconds: 600, limit: 1_000, term: past };
      expect(await make().transfers.endExpired(options)).toEqual([]);
      // While nobody can say who reads, none.
      expect(await end(null)).not.toContain(usedUp);
      expect(await end(900)).not.toContain(usedUp);
      const ended = await end(600);
      expect(ended).toContain(usedUp);
      for (const id of [inUse, oneLeft, raised, lowered, unlimited, growing]) expect(ended).not.toContain(id);
      const row = (await make().transfers.findById(String(usedUp)))?.transfer;
      expect(row).toMatchObject({ state: 'ended', endReason: 'used_up', epoch: 3, endedAt: expect.anything() });
      // Who comes too late is told so: no limit brings it back.
      expect(await make().transfers.change(String(usedUp), { maxDownloads: 5 })).toBeNull();
      await make().age('leases', going, 300);
      await make().age('leases', begun, 300);
      expect(await end(600)).toEqual(expect.arrayContaining([inUse, lowered]));
    });

    it('does not come to an upload that was touched', async () => {
      const { transfer } = await open();
      await make().age('transfers', transfer.id, 200);
      await make().transfers.touch([transfer.id, unique('nothing')]);
      const ended = await leading(make(), (term) =>
        make().transfers.endExpired({ uploadTtlSeconds: 100, leaseIdleSeconds: null, limit: 100, term }),
      );
      expect(ended).not.toContain(transfer.id);
      await make().transfers.touch([]);
    });

    it('leaves the row for as long as asked, then takes its files along', async () => {
      const { transfer, files } = await open();
      const fileId = String(files[0]?.id);
      const gone = unique('gone');
      const { id: transferId, homeNodeId } = transfer;
      const none = { replicaNodeId: null, isReplicaInSync: false };
      const fate = { fate: 'kept', transferId, epoch: 1, homeNodeId, ...none };
      expect(await make().transfers.fateOfFiles([fileId, gone])).toEqual(new Map([[fileId, fate]]));
      await make().transfers.cas(transferId, 1, { replicaNodeId: 'other', replicaState: 'syncing' });
      // What is being filled is no copy yet.
      const filled = { ...fate, epoch: 2, replicaNodeId: 'other' };
      expect(await make().transfers.fateOfFiles([fileId])).toEqual(new Map([[fileId, filled]]));
      await make().transfers.cas(transferId, 2, { replicaState: 'in_sync' });
      const kept = { ...filled, epoch: 3, isReplicaInSync: true };
      expect(await make().transfers.fateOfFiles([fileId])).toEqual(new Map([[fileId, kept]]));
      await make().transfers.end(transfer.id, 'expired');
      const over = { ...kept, fate: 'ended', epoch: 4 };
      expect(await make().transfers.fateOfFiles([fileId, gone])).toEqual(new Map([[fileId, over]]));
      const deleteOld = () => leading(make(), (term) => make().transfers.deleteEndedRows(1_000, 1_000, term));
      await deleteOld();
      expect(await make().transfers.findById(transfer.id)).not.toBeNull();
      await make().age('transfers', transfer.id, 1_001);
      const past = await leading(make(), async (term) => term);
      expect(await make().transfers.deleteEndedRows(1_000, 1_000, past)).toBe(0);
      expect(await deleteOld()).toBeGreaterThanOrEqual(1);
      expect(await make().transfers.findById(transfer.id)).toBeNull();
      expect(await make().transfers.fateOfFiles([fileId])).toEqual(new Map());
      expect(await make().transfers.fateOfFiles([])).toEqual(new Map());
    });

    it('deletes no more files at a time than one transfer may have: each statement has to end in time', async () => {
      const deleteOld = () => leading(make(), (term) => make().transfers.deleteEndedRows(1_000, 1_000, term));
      while ((await deleteOld()) > 0);
      const ids: string[] = [];
      for (const ageSeconds of [1_100, 1_090, 1_080]) {
        const { transfer } = await open(4_000);
        await make().transfers.end(transfer.id, 'expired');
        await make().age('transfers', transfer.id, ageSeconds);
        ids.push(transfer.id);
      }
      expect([await deleteOld(), await deleteOld(), await deleteOld()]).toEqual([2, 1, 0]);
      for (const id of ids) expect(await make().transfers.findById(id)).toBeNull();
    });
  });
}
