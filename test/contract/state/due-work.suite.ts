import { describe, expect, it } from '@jest/globals';
import { bytes, leading, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

const TIMES = { uploadTtlSeconds: 100, leaseIdleSeconds: 600, endedKeptSeconds: 1_000 };
const UNCERTAIN = { ...TIMES, uploadTtlSeconds: null, leaseIdleSeconds: null };

/**
 * When the leader has something to do, on any store of the truth: before the suites that leave work behind. What is due is
 * compared with what the statements then do, so that neither forgets what the other knows.
 */
export function describeDueWork(make: () => StateHarness): void {
  const due = (times: Parameters<StateHarness['transfers']['dueIn']>[0] = TIMES) => make().transfers.dueIn(times);
  const open = async (changes: Parameters<typeof newTransfer>[0] = {}, expiresInSeconds = 3_600) => {
    const row = newTransfer(changes);
    await make().transfers.insert(row, [newFile(0)], { ...ROOMY, expiresInSeconds });
    return row;
  };
  const seal = ({ id, homeNodeId }: { id: string; homeNodeId: string }) =>
    make().transfers.sealFile({
      ...{ transferId: id, fileIndex: 0, knownEpoch: 1, homeNodeId },
      ...{ digest: bytes(32, 7), sizeBytes: 1_000 },
    });
  const act = () =>
    leading(make(), async (term) => {
      const { transfers } = make();
      const ended = await transfers.endExpired({ ...TIMES, limit: 1_000, term });
      return { ended, deletedCount: await transfers.deleteEndedRows(TIMES.endedKeptSeconds, 1_000, term) };
    });

  describe('what is due', () => {
    it('is nothing while there is nothing, and then the first end, sealed or not, whoever says when', async () => {
      const { nowMs, ...nothing } = await due();
      expect(nothing).toEqual({ expiryMs: Number.POSITIVE_INFINITY, sendsMs: Number.POSITIVE_INFINITY });
      // The databases of these suites have this machine's clock.
      expect(Math.abs(nowMs - Date.now())).toBeLessThan(10_000);
      const [late, soon] = [await open({}, 5_000), await open({}, 50)];
      const within = async (fromMs: number, toMs: number) => {
        const { expiryMs } = await due(UNCERTAIN);
        expect(expiryMs).toBeGreaterThan(fromMs);
        expect(expiryMs).toBeLessThanOrEqual(toMs);
      };
      await within(0, 50_000);
      await seal(soon);
      await within(0, 50_000);
      await make().transfers.change(soon.id, { expiresInSeconds: 9_000 });
      await within(1_000_000, 5_000_000);
      await make().transfers.change(late.id, { expiresInSeconds: 20 });
      await within(0, 20_000);
      await make().age('transfers', late.id, 21);
      expect((await due(UNCERTAIN)).expiryMs).toBeLessThanOrEqual(0);
      expect((await act()).ended).toEqual([late.id]);
      expect((await due()).expiryMs).toBeGreaterThan(0);
      await make().transfers.end(soon.id, 'deleted');
    });

    it('is an upload that nobody goes on with, once that is certain', async () => {
      const left = await open();
      expect((await due()).expiryMs).toBeLessThanOrEqual(TIMES.uploadTtlSeconds * 1_000);
      await make().age('transfers', left.id, 200);
      expect((await due(UNCERTAIN)).expiryMs).toBeGreaterThan(0);
      expect((await due()).expiryMs).toBeLessThanOrEqual(0);
      expect((await act()).ended).toEqual([left.id]);
      expect((await due()).expiryMs).toBeGreaterThan(0);
    });

    it('is a share whose downloads are used up, so long after its last use', async () => {
      const share = await open({ maxDownloads: 1 });
      await seal(share);
      const lease = await make().leases.acquire({
        ...{ transferId: share.id, tokenHash: bytes(32, 1), holder: '192.0.2.9' },
        ...{ nodeId: 'home-1', idleMs: 600_000 },
      });
      const leaseId = lease.outcome === 'granted' ? lease.leaseId : '';
      await make().leases.consume(leaseId);
      const soon = await due();
      expect(soon.expiryMs).toBeGreaterThan(0);
      expect(soon.expiryMs).toBeLessThanOrEqual(TIMES.leaseIdleSeconds * 1_000);
      await make().age('leases', leaseId, 601);
      expect((await due(UNCERTAIN)).expiryMs).toBeGreaterThan(0);
      expect((await due()).expiryMs).toBeLessThanOrEqual(0);
      expect((await act()).ended).toEqual([share.id]);
      expect((await due()).expiryMs).toBeGreaterThan(0);
    });

    it('is the row of a transfer that ended long ago', async () => {
      const old = await open();
      await make().transfers.end(old.id, 'deleted');
      expect((await due()).expiryMs).toBeGreaterThan(0);
      await make().age('transfers', old.id, 1_001);
      expect((await due()).expiryMs).toBeLessThanOrEqual(0);
      expect((await act()).deletedCount).toBe(1);
      expect((await due()).expiryMs).toBeGreaterThan(0);
    });

    it('is a direct send as long as it is not over, and an offer of one that is when it expires', async () => {
      expect((await due()).sendsMs).toBe(Number.POSITIVE_INFINITY);
      const somebody = async (displayName: string) => {
        const id = unique('person');
        const tokenHash = Uint8Array.from(Buffer.from(id.padEnd(32).slice(0, 32)));
        await make().sessions.insert({ id, tokenHash, displayName }, 3_600);
        return { id, displayName };
      };
      const [sender, recipient] = [await somebody('Ada'), await somebody('Ben')];
      const row = newTransfer({ kind: 'direct', sessionId: sender.id });
      const options = { ...ROOMY, offerTtlSeconds: 300 };
      const recipients = [{ ...recipient, itemId: unique('item') }];
      await make().direct.insert(row, [newFile(0)], options, { sender, recipients });
      expect((await due()).sendsMs).toBe(0);
      await make().transfers.end(row.id, 'deleted');
      const { sendsMs } = await due();
      expect(sendsMs).toBeGreaterThan(0);
      expect(sendsMs).toBeLessThanOrEqual(300_000);
      await make().age('grants', row.id, 301);
      expect((await due()).sendsMs).toBeLessThanOrEqual(0);
      await leading(make(), (term) => make().direct.settle(500, term));
      expect((await due()).sendsMs).toBe(Number.POSITIVE_INFINITY);
    });
  });
}
