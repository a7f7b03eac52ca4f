import { describe, expect, it } from '@jest/globals';
import type { TransferRow, TransferWithFiles } from '../../../services/transfer/ports.ts';
import { bytes, newFile, newTransfer, ROOMY, type TransferHarness, unique } from './state-harness.ts';
import { transferSteps } from './transfer-steps.ts';

/** The lists that sessions and nodes read. */
export function describeListsOfTransfers(make: () => TransferHarness): void {
  const { open, seal } = transferSteps(make);

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
      // What is sealed has to be handed over, too.
      const sealed = (await make().transfers.findById(String(mine[1])))?.transfer as TransferRow;
      for (const index of [0, 1]) await seal(sealed, index, { homeNodeId });
      expect((await make().transfers.findById(sealed.id))?.transfer.state).toBe('sealed');
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
}
