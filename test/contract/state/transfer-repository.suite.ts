import { describe, expect, it } from '@jest/globals';
import { MAX_FILE_BYTES } from '../../../services/contracts/limits.ts';
import type { TransferRow, TransferWithFiles } from '../../../services/transfer/ports.ts';
import { bytes, leading, newFile, newTransfer, ROOMY, type TransferHarness, unique } from './state-harness.ts';

/** What every TransferRepository does, whatever it stands on. */
export function describeTransferRepository(make: () => TransferHarness): void {
  const open = async (fileCount = 1, changes: Parameters<typeof newTransfer>[0] = {}) => {
    const row = newTransfer(changes);
    const files = Array.from({ length: fileCount }, (_, index) => newFile(index));
    const inserted = await make().transfers.insert(row, files, ROOMY);
    if (inserted.outcome !== 'inserted') throw new Error(inserted.outcome);
    return inserted.row;
  };
  const seal = (transfer: TransferRow, fileIndex: number, changes: { knownEpoch?: number; homeNodeId?: string } = {}) =>
    make().transfers.sealFile({
      transferId: transfer.id,
      fileIndex,
      knownEpoch: transfer.epoch,
      homeNodeId: transfer.homeNodeId,
      digest: bytes(32, fileIndex + 1),
      sizeBytes: 1_000,
      ...changes,
    });

  describe('inserting a transfer', () => {
    it('gives back by id and by share id what went in, names in any script included', async () => {
      const row = newTransfer({
        kind: 'direct',
        passwordHash: 'scrypt$…',
        maxDownloads: 3,
        senderName: 'Żółw 🐢',
        idempotencyKey: unique('key'),
        requestHash: bytes(32, 9),
      });
      const files = [
        newFile(0, {
          path: 'שלום/日本語/"quoted" \\ & \'file\' {}.txt',
          sizeBytes: MAX_FILE_BYTES,
          expectedDigest: bytes(32, 7),
          mediaType: 'text/plain',
          lastModifiedMs: -1,
        }),
        newFile(1, { sizeBytes: null, lastModifiedMs: 8_640_000_000_000_000 }),
      ];
      const before = Date.now();
      const inserted = await make().transfers.insert(row, files, { maxOpen: 1, expiresInSeconds: 60 });
      const found = await make().transfers.findById(row.id);
      expect(inserted).toEqual({ outcome: 'inserted', row: found });
      expect(await make().transfers.findByShareId(row.shareId)).toEqual(found);
      expect(found?.files).toEqual(files.map((file) => ({ ...file, transferId: row.id })));
      expect(found?.transfer).toMatchObject({
        ...row,
        state: 'open',
        endReason: null,
        replicaNodeId: null,
        replicaState: 'none',
        epoch: 1,
        generation: 1,
        downloadCount: 0,
        endedAt: null,
      });
      const lifetimeMs = Number(found?.transfer.expiresAt) - Number(found?.transfer.createdAt);
      expect(lifetimeMs).toBe(60_000);
      // The database runs on this machine or one with a right clock.
      expect(Math.abs(Number(found?.transfer.createdAt) - before)).toBeLessThan(60_000);
    });

    it('answers null for what is not there', async () => {
      expect(await make().transfers.findById(unique('nothing'))).toBeNull();
      expect(await make().transfers.findByShareId("' OR 1=1 --")).toBeNull();
    });

    it('answers a repeated Idempotency-Key of the same session with the row that is there', async () => {
      const key = unique('key');
      const first = newTransfer({ idempotencyKey: key });
      await make().transfers.insert(first, [newFile(0)], ROOMY);
      const again = newTransfer({ idempotencyKey: key, sessionId: first.sessionId });
      const repeated = await make().transfers.insert(again, [newFile(0)], { ...ROOMY, maxOpen: 1 });
      expect(repeated).toMatchObject({ outcome: 'exists', row: { transfer: { id: first.id } } });
      expect(await make().transfers.findById(again.id)).toBeNull();
      const foreign = newTransfer({ idempotencyKey: key });
      expect((await make().transfers.insert(foreign, [newFile(0)], ROOMY)).outcome).toBe('inserted');
    });

    it('answers the same id again with the row, as after an answer that was lost', async () => {
      const row = newTransfer();
      const files = [newFile(0)];
      await make().transfers.insert(row, files, ROOMY);
      const repeated = await make().transfers.insert(row, files, ROOMY);
      expect(repeated).toEqual({ outcome: 'exists', row: await make().transfers.findById(row.id) });
    });

    it('refuses the first one over maxOpen, per session, and per address without one', async () => {
      const address = unique('address');
      for (const owner of [{ sessionId: unique('s') }, { sessionId: null, ownerAddress: address }]) {
        const limits = { ...ROOMY, maxOpen: 2 };
        const outcomes = [];
        for (let index = 0; index < 3; index += 1) {
          outcomes.push(await make().transfers.insert(newTransfer(owner), [newFile(0)], limits));
        }
        expect(outcomes.map((one) => one.outcome)).toEqual(['inserted', 'inserted', 'too_many']);
        expect(outcomes[2]).toEqual({ outcome: 'too_many', openCount: 2 });
      }
      // Sessions behind the same address do not count for it.
      const beside = newTransfer({ ownerAddress: address });
      expect((await make().transfers.insert(beside, [newFile(0)], { ...ROOMY, maxOpen: 1 })).outcome).toBe('inserted');
    });

    it('counts neither sealed, ended nor expired transfers as open, nor an offer that nobody has accepted', async () => {
      const sessionId = unique('s');
      const limits = { ...ROOMY, maxOpen: 1 };
      const sealed = newTransfer({ sessionId });
      await make().transfers.insert(sealed, [newFile(0, { sizeBytes: 0, digest: bytes(32, 1) })], limits);
      const ended = newTransfer({ sessionId });
      await make().transfers.insert(ended, [newFile(0)], limits);
      await make().transfers.end(ended.id, 'aborted');
      await make().transfers.insert(newTransfer({ sessionId }), [newFile(0)], { maxOpen: 1, expiresInSeconds: -1 });
      await make().transfers.insert(newTransfer({ sessionId, kind: 'direct' }), [newFile(0)], limits);
      expect((await make().transfers.insert(newTransfer({ sessionId }), [newFile(0)], limits)).outcome).toBe(
        'inserted',
      );
      expect((await make().transfers.insert(newTransfer({ sessionId }), [newFile(0)], limits)).outcome).toBe(
        'too_many',
      );
    });

    it('inserts a transfer of empty files sealed, and one of some empty files open', async () => {
      const digest = bytes(32, 5);
      const all = newTransfer();
      await make().transfers.insert(
        all,
        [newFile(0, { sizeBytes: 0, digest }), newFile(1, { sizeBytes: 0, digest })],
        ROOMY,
      );
      expect((await make().transfers.findById(all.id))?.transfer.state).toBe('sealed');
      const some = newTransfer();
      await make().transfers.insert(some, [newFile(0, { sizeBytes: 0, digest }), newFile(1)], ROOMY);
      const row = (await make().transfers.findById(some.id))?.transfer as TransferRow;
      expect(row.state).toBe('open');
      expect(await seal(row, 1)).toMatchObject({ outcome: 'sealed', transfer: { state: 'sealed', epoch: 2 } });
    });

    it('takes 10,000 files in one go and gives them back in order', async () => {
      const files = Array.from({ length: 10_000 }, (_, index) => newFile(index)).reverse();
      const row = newTransfer();
      await make().transfers.insert(row, files, ROOMY);
      const found = await make().transfers.findById(row.id);
      expect(found?.files.map((file) => file.index)).toEqual(files.map((_, index) => index));
      expect(await make().transfers.listBySession(String(row.sessionId), 10, 3)).toMatchObject([
        { fileCount: 10_000, totalBytes: 10_000_000, files: [{ index: 0 }, { index: 1 }, { index: 2 }] },
      ]);
    }, 30_000);
  });

  describe('the ownership compare-and-swap', () => {
    it('changes the row and raises the epoch by one when the known epoch holds', async () => {
      const { transfer } = await open();
      const attached = await make().transfers.cas(transfer.id, 1, { replicaNodeId: 'r', replicaState: 'syncing' });
      expect(attached).toEqual({ ...transfer, epoch: 2, replicaNodeId: 'r', replicaState: 'syncing' });
      expect(await make().transfers.cas(transfer.id, 2, { replicaState: 'in_sync' })).toMatchObject({ epoch: 3 });
      const promoted = await make().transfers.cas(transfer.id, 3, {
        homeNodeId: 'r',
        replicaNodeId: null,
        replicaState: 'none',
        generation: 2,
      });
      expect(promoted).toEqual({ ...transfer, epoch: 4, homeNodeId: 'r', generation: 2 });
      expect((await make().transfers.findById(transfer.id))?.transfer).toEqual(promoted);
    });

    it('changes nothing under an older or newer epoch, or once the transfer ended', async () => {
      const { transfer } = await open();
      expect(await make().transfers.cas(transfer.id, 2, {})).toBeNull();
      expect(await make().transfers.cas(transfer.id, 1, {})).toMatchObject({ epoch: 2 });
      expect(await make().transfers.cas(transfer.id, 1, {})).toBeNull();
      await make().transfers.end(transfer.id, 'deleted');
      expect(await make().transfers.cas(transfer.id, 3, {})).toBeNull();
      expect(await make().transfers.cas(unique('nothing'), 1, {})).toBeNull();
    });

    it('refuses a replica without its state, and a state without a replica', async () => {
      const { transfer } = await open();
      for (const broken of [{ replicaNodeId: 'r' }, { replicaState: 'in_sync' as const }]) {
        await expect(make().transfers.cas(transfer.id, 1, broken)).rejects.toMatchObject({ type: 'internal' });
      }
      expect((await make().transfers.findById(transfer.id))?.transfer.epoch).toBe(1);
    });
  });

  describe('sealing', () => {
    it('sets digests once and seals the transfer with its last file, raising the epoch', async () => {
      const { transfer, files } = await open(2);
      const first = await seal(transfer, 1);
      expect(first).toEqual({ outcome: 'sealed', transfer, digest: bytes(32, 2) });
      expect(await seal(transfer, 0)).toMatchObject({ outcome: 'sealed', transfer: { state: 'sealed', epoch: 2 } });
      expect((await make().transfers.findById(transfer.id))?.files.map((file) => file.digest)).toEqual(
        files.map((file) => bytes(32, file.index + 1)),
      );
    });

    it('may be repeated, before and after the transfer is sealed', async () => {
      const { transfer } = await open(2);
      await seal(transfer, 0);
      expect(await seal(transfer, 0)).toMatchObject({ outcome: 'sealed', transfer: { state: 'open', epoch: 1 } });
      await seal(transfer, 1);
      for (const index of [0, 1]) {
        expect(await seal(transfer, index)).toMatchObject({
          outcome: 'sealed',
          transfer: { state: 'sealed', epoch: 2 },
        });
      }
    });

    it('refuses another digest for a sealed file, and a size that is not the declared one', async () => {
      const { transfer } = await open(2);
      await seal(transfer, 0);
      const args = { transferId: transfer.id, fileIndex: 0, knownEpoch: 1, homeNodeId: 'home-1', sizeBytes: 1_000 };
      expect(await make().transfers.sealFile({ ...args, digest: bytes(32, 99) })).toMatchObject({ outcome: 'refused' });
      const wrongSize = { ...args, fileIndex: 1, sizeBytes: 999, digest: bytes(32, 2) };
      expect(await make().transfers.sealFile(wrongSize)).toMatchObject({ outcome: 'refused' });
      expect((await make().transfers.findById(transfer.id))?.files[1]?.digest).toBeNull();
    });

    it('writes the size of a file whose length nobody knew', async () => {
      const row = newTransfer();
      await make().transfers.insert(row, [newFile(0, { sizeBytes: null })], ROOMY);
      const listed = () => make().transfers.listBySession(String(row.sessionId), 1, 1);
      expect(await listed()).toMatchObject([{ totalBytes: null }]);
      const args = { transferId: row.id, fileIndex: 0, knownEpoch: 1, homeNodeId: 'home-1', digest: bytes(32, 3) };
      expect(await make().transfers.sealFile({ ...args, sizeBytes: 77 })).toMatchObject({ outcome: 'sealed' });
      expect(await listed()).toMatchObject([{ totalBytes: 77, files: [{ sizeBytes: 77, digest: bytes(32, 3) }] }]);
    });

    it('is refused to another home, under another epoch, after the end, and for unknown files', async () => {
      const { transfer } = await open();
      expect(await seal(transfer, 0, { homeNodeId: 'other' })).toEqual({ outcome: 'refused', transfer });
      expect(await seal(transfer, 0, { knownEpoch: 2 })).toEqual({ outcome: 'refused', transfer });
      expect(await seal(transfer, 5)).toEqual({ outcome: 'refused', transfer });
      await make().transfers.end(transfer.id, 'deleted');
      expect(await seal(transfer, 0)).toMatchObject({ outcome: 'refused', transfer: { state: 'ended' } });
      expect(await seal({ ...transfer, id: unique('nothing') }, 0)).toEqual({ outcome: 'refused', transfer: null });
    });

    it('is refused to a home that was taken over, even for the file it sealed itself', async () => {
      const { transfer } = await open(2);
      await seal(transfer, 0);
      await make().transfers.cas(transfer.id, 1, { homeNodeId: 'other' });
      expect(await seal(transfer, 0)).toMatchObject({
        outcome: 'refused',
        transfer: { homeNodeId: 'other', epoch: 2 },
      });
    });
  });

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
      await make().transfers.cas(transferId, 1, { replicaNodeId: 'other', replicaState: 'in_sync' });
      const kept = { ...fate, epoch: 2, replicaNodeId: 'other', isReplicaInSync: true };
      expect(await make().transfers.fateOfFiles([fileId])).toEqual(new Map([[fileId, kept]]));
      await make().transfers.end(transfer.id, 'expired');
      const over = { ...kept, fate: 'ended', epoch: 3 };
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

  describe('lists', () => {
    it('hold the newest of a session first, without ended ones and without those of others', async () => {
      const sessionId = unique('s');
      const rows = [];
      for (let index = 0; index < 4; index += 1) rows.push(await open(2, { sessionId }));
      await open(1);
      await make().transfers.end(String(rows[1]?.transfer.id), 'deleted');
      const ids = (await make().transfers.listBySession(sessionId, 10, 1)).map((one) => one.transfer.id);
      // Rows of the same millisecond may stand in either order.
      expect(new Set(ids)).toEqual(new Set([rows[3], rows[2], rows[0]].map((one) => one?.transfer.id)));
      const newest = await make().transfers.listBySession(sessionId, 2, 1);
      expect(newest.map((one) => one.transfer.id)).toEqual(ids.slice(0, 2));
      expect(newest[0]).toMatchObject({ fileCount: 2, totalBytes: 2_000, files: [{ index: 0 }] });
    });

    it('of a home hold no more files than one transfer may have: each statement has to end in time', async () => {
      const homeNodeId = unique('home');
      for (let index = 0; index < 3; index += 1) await open(4_000, { homeNodeId });
      const sizes: number[] = [];
      for (let after: string | null = null; ; ) {
        const page: readonly TransferWithFiles[] = await make().transfers.listByHome(homeNodeId, after, 50);
        sizes.push(page.length);
        const last = page.at(-1);
        if (last === undefined) break;
        after = last.transfer.id;
      }
      expect(sizes).toEqual([2, 1, 0]);
    });

    it('of a home page by id through everything that has not ended', async () => {
      const homeNodeId = unique('home');
      const mine: string[] = [];
      for (let index = 0; index < 5; index += 1) mine.push((await open(2, { homeNodeId })).transfer.id);
      await make().transfers.end(String(mine[2]), 'deleted');
      const wanted = mine.filter((id) => id !== mine[2]).sort();
      const found: string[] = [];
      for (let after: string | null = null; ; ) {
        const page = await make().transfers.listByHome(homeNodeId, after, 3);
        expect(page.every((one) => one.files.length === 2)).toBe(true);
        found.push(...page.map((one) => one.transfer.id));
        after = page.at(-1)?.transfer.id ?? null;
        if (page.length < 3) break;
      }
      expect(found).toEqual(wanted);
    });

    it('of a replica page by id, and a home counts which of its transfers have one in sync', async () => {
      const [homeNodeId, replicaNodeId] = [unique('home'), unique('replica')];
      const ids: string[] = [];
      for (const replicaState of ['syncing', 'in_sync', 'in_sync', 'none'] as const) {
        const { transfer } = await open(1, { homeNodeId });
        ids.push(transfer.id);
        const change = { replicaNodeId: replicaState === 'none' ? null : replicaNodeId, replicaState };
        await make().transfers.cas(transfer.id, transfer.epoch, change);
      }
      const empty = newTransfer({ homeNodeId, kind: 'direct' });
      await make().transfers.insert(empty, [newFile(0, { sizeBytes: 0, digest: bytes(32, 1) })], ROOMY);
      expect(await make().transfers.countByHome(homeNodeId)).toEqual({
        homeCount: 4,
        singleCopyCount: 2,
        directCount: 1,
      });
      await make().transfers.end(String(ids[1]), 'deleted');
      expect(await make().transfers.countByHome(homeNodeId)).toEqual({
        homeCount: 3,
        singleCopyCount: 2,
        directCount: 1,
      });
      const wanted = [ids[0], ids[2]].map(String).sort();
      const [first, ...rest] = await make().transfers.listByReplica(replicaNodeId, null, 1);
      expect(rest).toEqual([]);
      const then = await make().transfers.listByReplica(replicaNodeId, String(first?.id), 5);
      expect([first, ...then].map((row) => row?.id)).toEqual(wanted);
      expect(then[0]).toMatchObject({ homeNodeId, replicaNodeId });
    });

    it('of a replica are those in sync of some homes, the first ones by id', async () => {
      const [home, second, living, replicaNodeId] = [
        unique('home'),
        unique('second'),
        unique('living'),
        unique('replica'),
      ];
      const put = async (homeNodeId: string, replicaState: 'syncing' | 'in_sync', at = replicaNodeId) => {
        const { transfer } = await open(1, { homeNodeId });
        await make().transfers.cas(transfer.id, transfer.epoch, { replicaNodeId: at, replicaState });
        return transfer.id;
      };
      const wanted = [await put(home, 'in_sync'), await put(home, 'in_sync'), await put(second, 'in_sync')].sort();
      await put(home, 'syncing');
      await put(home, 'in_sync', unique('other'));
      await put(living, 'in_sync');
      await make().transfers.end(await put(home, 'in_sync'), 'deleted');
      const find = async (homes: readonly string[], limit: number) => {
        const rows = await make().transfers.listInSync(replicaNodeId, homes, limit);
        return rows.map((row) => row.id);
      };
      expect(await find([home, second], 100)).toEqual(wanted);
      expect(await find([home, second], 2)).toEqual(wanted.slice(0, 2));
      expect(await find([second], 100)).toHaveLength(1);
      expect(await find([], 100)).toEqual([]);
    });

    it('of running transfers are read again in one go, ended ones too', async () => {
      const rows = await Promise.all([open(), open()]);
      await make().transfers.end(String(rows[0]?.transfer.id), 'deleted');
      const again = await make().transfers.refresh([...rows.map((one) => one.transfer.id), unique('nothing')]);
      expect(new Set(again.map((row) => row.state))).toEqual(new Set(['ended', 'open']));
      expect(await make().transfers.refresh([])).toEqual([]);
    });
  });

  describe('changing a transfer', () => {
    it('sets what is given and nothing else, while it lives', async () => {
      const { transfer } = await open(1, { maxDownloads: 2 });
      const longer = await make().transfers.change(transfer.id, { expiresInSeconds: 7_200 });
      expect(longer).toMatchObject({ maxDownloads: 2, epoch: 1 });
      expect(Number(longer?.expiresAt) - Number(transfer.createdAt)).toBeGreaterThanOrEqual(7_200_000);
      expect(await make().transfers.change(transfer.id, { maxDownloads: null })).toEqual({
        ...longer,
        maxDownloads: null,
      });
      expect(await make().transfers.change(transfer.id, {})).toEqual({ ...longer, maxDownloads: null });
      await make().age('transfers', transfer.id, 7_201);
      expect(await make().transfers.change(transfer.id, { expiresInSeconds: 60 })).toBeNull();
      const ended = await open();
      await make().transfers.end(ended.transfer.id, 'deleted');
      expect(await make().transfers.change(ended.transfer.id, { maxDownloads: 1 })).toBeNull();
    });
  });
}
