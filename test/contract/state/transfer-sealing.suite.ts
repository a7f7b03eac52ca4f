import { describe, expect, it } from '@jest/globals';
import { bytes, newFile, newTransfer, ROOMY, type TransferHarness, unique } from './state-harness.ts';
import { transferSteps } from './transfer-steps.ts';

/** Who owns a transfer changes by compare-and-swap, and its owner seals it. */
export function describeSealing(make: () => TransferHarness): void {
  const { open, seal } = transferSteps(make);

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
      // Also to a home that knows the epoch of the end.
      for (const knownEpoch of [1, 2]) {
        expect(await seal(transfer, 0, { knownEpoch })).toMatchObject({
          outcome: 'refused',
          transfer: { state: 'ended', epoch: 2 },
        });
      }
      expect((await make().transfers.findById(transfer.id))?.files[0]?.digest).toBeNull();
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
}
