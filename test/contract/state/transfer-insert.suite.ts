import { describe, expect, it } from '@jest/globals';
import { MAX_FILE_BYTES } from '../../../services/contracts/limits.ts';
import type { TransferRow } from '../../../services/transfer/ports.ts';
import { bytes, newFile, newTransfer, ROOMY, type TransferHarness, unique } from './state-harness.ts';
import { transferSteps } from './transfer-steps.ts';

/** What is inserted comes back as it went in, once for each key, and no more of it than is allowed. */
export function describeInsertedTransfers(make: () => TransferHarness): void {
  const { open, seal } = transferSteps(make);

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
      // Nor do theirs for who comes from there without one.
      const ownerAddress = unique('address');
      await make().transfers.insert(newTransfer({ ownerAddress }), [newFile(0)], ROOMY);
      const without = newTransfer({ sessionId: null, ownerAddress });
      expect((await make().transfers.insert(without, [newFile(0)], { ...ROOMY, maxOpen: 1 })).outcome).toBe('inserted');
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
