import { describe, expect, it } from '@jest/globals';
import { newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

/** What an OperatorTokenStore and ShownTransfers do, whatever they stand on. */
export function describeOperatorRows(make: () => StateHarness): void {
  describe("the operator's rows", () => {
    it('keep one hash: of nodes that start at once one writes the first, and a later one replaces it', async () => {
      const { cluster, operatorTokens } = make();
      await cluster.identity();
      expect(await operatorTokens.read()).toEqual({ hash: null, signedOut: [] });
      const hashes = [1, 2, 3].map((byte) => new Uint8Array(32).fill(byte));
      const written = await Promise.all(hashes.map((hash) => operatorTokens.writeFirstHash(hash)));
      expect(written.filter(Boolean)).toHaveLength(1);
      expect((await operatorTokens.read()).hash).toEqual(hashes[written.indexOf(true)]);
      const renewed = new Uint8Array(32).fill(9);
      await operatorTokens.writeHash(renewed);
      expect((await operatorTokens.read()).hash).toEqual(renewed);
      expect((await cluster.identity()).secret).toHaveLength(32);
    });

    it('keep of the sign-ins that were ended the greatest, each once, however many end at once', async () => {
      const { cluster, operatorTokens } = make();
      await cluster.identity();
      const signIns = ['1790000002.aB', '1790000001.zz', '1790000003._-', '1790000002.Ab', '1790000002.aB'];
      await Promise.all(signIns.map((signIn) => operatorTokens.addSignedOut(signIn, 3)));
      const wanted = ['1790000003._-', '1790000002.aB', '1790000002.Ab'];
      expect((await operatorTokens.read()).signedOut).toEqual(wanted);
      await operatorTokens.addSignedOut('1790000001.zz', 3);
      expect((await operatorTokens.read()).signedOut).toEqual(wanted);
    });

    it('are the newest transfers of each state and those that are named, and never one that has ended', async () => {
      const { transfers, shownTransfers, age } = make();
      const nodeId = unique('node');
      const insert = async (ageSeconds: number) => {
        const row = newTransfer({ homeNodeId: nodeId });
        await transfers.insert(row, [newFile(0)], ROOMY);
        await age('transfers', row.id, ageSeconds);
        return row.id;
      };
      // Newer than any other of this database.
      const [oldest, middle, newest] = [await insert(-100), await insert(-200), await insert(-300)];
      const listed = async (ids: readonly string[], limit: number) =>
        (await shownTransfers.list(ids, limit)).map(({ id }) => id);
      expect(await listed([], 1)).toContain(newest);
      expect(await listed([], 1)).not.toContain(middle);
      expect((await listed([], 2)).filter((id) => [oldest, middle, newest].includes(id)).sort()).toEqual(
        [middle, newest].sort(),
      );
      expect(await listed([oldest], 1)).toEqual(expect.arrayContaining([oldest, newest]));
      await transfers.cas(middle, 1, { replicaNodeId: 'b', replicaState: 'in_sync' });
      const found = (await shownTransfers.list([middle], 0)).find(({ id }) => id === middle);
      expect(found).toMatchObject({
        state: 'open',
        homeNodeId: nodeId,
        replicaNodeId: 'b',
        isReplicaInSync: true,
        epoch: 2,
      });
      expect(Object.keys(found ?? {}).sort()).toEqual(
        [
          'id',
          'kind',
          'state',
          'endReason',
          'homeNodeId',
          'replicaNodeId',
          'isReplicaInSync',
          'epoch',
          'fileCount',
          'totalBytes',
          'createdAt',
        ].sort(),
      );
      const growing = newTransfer({ homeNodeId: nodeId });
      await transfers.insert(growing, [newFile(0), newFile(1, { sizeBytes: null })], ROOMY);
      const lists = await shownTransfers.list([growing.id, oldest], 0);
      expect(new Map(lists.map(({ id, totalBytes }) => [id, totalBytes]))).toEqual(
        new Map([
          [growing.id, null],
          [oldest, 1_000],
        ]),
      );
      await transfers.end(growing.id, 'deleted');
      await transfers.cas(oldest, 1, { replicaNodeId: 'b', replicaState: 'syncing' });
      const before = await shownTransfers.count();
      expect(before.homeCounts.get(nodeId)).toBe(3);
      await transfers.end(newest, 'deleted');
      expect(await listed([newest], 1)).not.toContain(newest);
      const after = await shownTransfers.count();
      expect(after.homeCounts.get(nodeId)).toBe(2);
      expect(after.transferCount).toBe(before.transferCount - 1);
      expect(after.singleCopyCount).toBe(before.singleCopyCount - 1);
      // What has its replica half is single too.
      await transfers.end(oldest, 'deleted');
      expect((await shownTransfers.count()).singleCopyCount).toBe(before.singleCopyCount - 2);
    });
  });
}
