import { describe, expect, it } from '@jest/globals';
import type { OwnershipChange } from '../../../services/transfer/ports.ts';
import { bytes, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

/** What every LostTransfers does, whatever it stands on. */
export function describeLostTransfers(make: () => StateHarness): void {
  const node = async (prefix: string) => {
    const id = unique(prefix);
    await make().cluster.announce({
      id,
      peerUrl: `http://${id}:5000`,
      publicUrl: null,
      state: 'healthy',
      secretMark: 'a',
    });
    await make().age('nodes', id, 100);
    return id;
  };
  const put = async (homeNodeId: string, isSealed: boolean, ownership?: OwnershipChange) => {
    const row = newTransfer({ homeNodeId });
    const file = isSealed ? newFile(0, { digest: bytes(32, 1) }) : newFile(0);
    await make().transfers.insert(row, [file], ROOMY);
    if (ownership !== undefined) await make().transfers.cas(row.id, 1, ownership);
    return row.id;
  };
  const inSync = (replicaNodeId: string): OwnershipChange => ({ replicaNodeId, replicaState: 'in_sync' });
  const found = async (id: string) => (await make().transfers.findById(id))?.transfer;

  describe('transfers of a node that is given up', () => {
    it('are counted by what becomes of them before it is, and are lost only while it is', async () => {
      const { lost, cluster } = make();
      const [home, other] = [await node('home'), await node('other')];
      const [alone, behind, sealed, copied] = [
        await put(home, false),
        await put(home, false, { replicaNodeId: other, replicaState: 'syncing' }),
        await put(home, true),
        await put(home, false, inSync(other)),
      ];
      const ended = await put(home, false);
      await make().transfers.end(ended, 'deleted');
      await put(other, false, inSync(home));
      await put(other, false, { replicaNodeId: home, replicaState: 'syncing' });
      const counted = { homeCount: 4, openLostCount: 2, sealedLostCount: 1, copyCount: 1 };
      expect(await lost.count(home)).toEqual(counted);
      const all = [alone, behind, sealed, copied];
      const listed = async (state: 'open' | 'sealed') =>
        (await lost.list(state, '', 1_000)).filter((id) => all.includes(id));
      const none = async () => expect([await listed('open'), await listed('sealed')]).toEqual([[], []]);
      await none();
      expect(await lost.end(all)).toBe(0);

      expect(await cluster.giveUp(home, 30)).not.toBeNull();
      expect(await listed('open')).toEqual([alone, behind].sort());
      expect(await listed('sealed')).toEqual([sealed]);
      const [first = '', second] = await lost.list('open', '', 1_000);
      expect(await lost.list('open', first, 1)).toEqual([second]);
      // Its replica is the last one that has it.
      expect(await lost.count(other)).toMatchObject({ homeCount: 2, openLostCount: 3 });
      expect(await lost.end([alone, copied])).toBe(1);
      expect(await found(alone)).toMatchObject({ state: 'ended', endReason: 'node_lost', epoch: 2 });
      expect((await found(alone))?.endedAt).toBeInstanceOf(Date);
      expect(await lost.end([alone])).toBe(0);

      // It is back before the others ended.
      await cluster.announce({
        id: home,
        peerUrl: 'http://home:5000',
        publicUrl: null,
        state: 'joining',
        secretMark: 'a',
      });
      expect(await lost.end(all)).toBe(0);
      await none();
      expect(await found(behind)).toMatchObject({ state: 'open', epoch: 2 });
    });

    it('are lost with their replica in sync when both are given up', async () => {
      const { lost, cluster } = make();
      const [home, replica] = [await node('home'), await node('replica')];
      const id = await put(home, true, inSync(replica));
      await cluster.giveUp(home, 30);
      expect(await lost.end([id])).toBe(0);
      expect(await lost.count(replica)).toEqual({ homeCount: 0, openLostCount: 0, sealedLostCount: 1, copyCount: 0 });
      await cluster.giveUp(replica, 30);
      expect(await lost.end([id])).toBe(1);
    });
  });
}
