import { describe, expect, it } from '@jest/globals';
import { bytes, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

const IDLE_MS = 600_000;
const MIB = 1_048_576;

/** What every LeaseRepository does, whatever it stands on. */
export function describeLeaseRepository(make: () => StateHarness): void {
  const share = async (maxDownloads: number | null) => {
    const row = newTransfer({ maxDownloads });
    await make().transfers.insert(row, [newFile(0), newFile(1)], ROOMY);
    return row.id;
  };
  const acquire = (transferId: string, token: number, changes: { holder?: string; idleMs?: number } = {}) =>
    make().leases.acquire({
      transferId,
      tokenHash: bytes(32, token),
      holder: '192.0.2.1',
      nodeId: 'home-1',
      idleMs: IDLE_MS,
      ...changes,
    });
  const grant = async (transferId: string, token: number, changes: { holder?: string } = {}) => {
    const answer = await acquire(transferId, token, changes);
    if (answer.outcome !== 'granted') throw new Error(answer.outcome);
    return answer.leaseId;
  };
  const takeUp = (transferId: string, fromByte: number, changes: { holder?: string; fileIndex?: number } = {}) =>
    make().leases.takeUp({
      transferId,
      holder: '192.0.2.1',
      fileIndex: 0,
      fromByte,
      backtrackBytes: 8 * MIB,
      tokenHash: bytes(32, 200),
      ...changes,
    });

  describe('download leases', () => {
    it('are given while slots are free, held while all are, and used up when all are consumed', async () => {
      const id = await share(2);
      const first = await grant(id, 1);
      const second = await grant(id, 2);
      const third = await acquire(id, 3);
      expect(third).toEqual({ outcome: 'slots_held', retryAfterSeconds: 60 });
      expect(await make().leases.consume(first)).toBe(true);
      expect((await acquire(id, 3)).outcome).toBe('slots_held');
      expect(await make().leases.consume(second)).toBe(true);
      expect(await acquire(id, 3)).toEqual({ outcome: 'used_up' });
      expect((await make().transfers.findById(id))?.transfer).toMatchObject({ downloadCount: 2, state: 'open' });
    });

    it('are the same lease for the same token, consumed or not', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      expect(await grant(id, 1)).toBe(lease);
      await make().leases.consume(lease);
      expect(await grant(id, 1)).toBe(lease);
      expect(await make().leases.findByToken(id, bytes(32, 1))).toMatchObject({ id: lease, state: 'consumed' });
    });

    it('have no end without a limit, and follow a limit that is changed', async () => {
      const id = await share(null);
      for (let token = 1; token <= 5; token += 1) await grant(id, token);
      await make().transfers.change(id, { maxDownloads: 5 });
      expect((await acquire(id, 6)).outcome).toBe('slots_held');
      await make().transfers.change(id, { maxDownloads: 6 });
      expect((await acquire(id, 6)).outcome).toBe('granted');
    });

    it('are not given for an ended, expired or unknown share', async () => {
      const ended = await share(1);
      await make().transfers.end(ended, 'deleted');
      const expired = await share(1);
      await make().age('transfers', expired, 3_601);
      for (const id of [ended, expired, unique('nothing')]) {
        expect(await acquire(id, 1)).toEqual({ outcome: 'ended' });
      }
    });

    it('give their slot back after ten idle minutes, unless consumed', async () => {
      const id = await share(1);
      const idle = await grant(id, 1);
      await make().age('leases', idle, 599);
      expect(await acquire(id, 2)).toEqual({ outcome: 'slots_held', retryAfterSeconds: 1 });
      await make().age('leases', idle, 1);
      const next = await grant(id, 2);
      expect(await make().leases.findByToken(id, bytes(32, 1))).toBeNull();
      // Whoever held the slot learns that it is gone before the last chunk is sent.
      expect(await make().leases.record(idle, { fileIndex: 0, servedBytes: 1, streamDelta: 0 })).toBe(false);
      expect(await make().leases.consume(idle)).toBe(false);
      await make().leases.consume(next);
      await make().age('leases', next, 6_000);
      expect(await acquire(id, 3)).toEqual({ outcome: 'used_up' });
    });

    it('stay with a token that comes back before anybody else asked', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await make().age('leases', lease, 6_000);
      expect(await grant(id, 1)).toBe(lease);
    });

    it('are counted once however often they are consumed', async () => {
      const id = await share(3);
      const lease = await grant(id, 1);
      const answers = await Promise.all(Array.from({ length: 5 }, () => make().leases.consume(lease)));
      expect(answers).toEqual([true, true, true, true, true]);
      expect((await make().transfers.findById(id))?.transfer.downloadCount).toBe(1);
      expect(await make().leases.consume(unique('nothing'))).toBe(false);
    });

    it('add up what was served by file', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      expect(await make().leases.record(lease, { fileIndex: 0, servedBytes: 5, streamDelta: 1 })).toBe(true);
      await make().leases.record(lease, { fileIndex: 1, servedBytes: 2 ** 40, streamDelta: 0 });
      await make().leases.record(lease, { fileIndex: 0, servedBytes: 7, streamDelta: -1 });
      expect(await make().leases.findByToken(id, bytes(32, 1))).toEqual({
        id: lease,
        transferId: id,
        holder: '192.0.2.1',
        state: 'active',
        servedBytes: { 0: 12, 1: 2 ** 40 },
      });
      expect(await make().leases.findByToken(unique('nothing'), bytes(32, 1))).toBeNull();
    });
  });

  describe('a Range continuation without a token', () => {
    const served = async (servedBytes: number) => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await make().leases.record(lease, { fileIndex: 0, servedBytes, streamDelta: 0 });
      await make().age('leases', lease, 2);
      return { id, lease };
    };

    it('takes up the lease of its address where that was served, and gets a token of its own', async () => {
      const { id, lease } = await served(20 * MIB);
      expect(await takeUp(id, 12 * MIB)).toMatchObject({ id: lease, servedBytes: { 0: 20 * MIB } });
      expect(await make().leases.findByToken(id, bytes(32, 1))).toBeNull();
      expect(await make().leases.findByToken(id, bytes(32, 200))).toMatchObject({ id: lease });
    });

    it('takes up a consumed one too: the last chunk may have been cut', async () => {
      const { id, lease } = await served(20 * MIB);
      await make().leases.consume(lease);
      await make().age('leases', lease, 2);
      expect(await takeUp(id, 20 * MIB)).toMatchObject({ id: lease, state: 'consumed' });
    });

    it('takes up nothing from further below, of another file, from another address, of another share', async () => {
      const { id } = await served(20 * MIB);
      expect(await takeUp(id, 12 * MIB - 1)).toBeNull();
      expect(await takeUp(id, 0)).toBeNull();
      expect(await takeUp(id, 20 * MIB, { fileIndex: 1 })).toBeNull();
      expect(await takeUp(id, 20 * MIB, { holder: '192.0.2.2' })).toBeNull();
      expect(await takeUp(await share(1), 20 * MIB)).toBeNull();
    });

    it('takes up nothing of which nothing was served', async () => {
      const { id } = await served(0);
      expect(await takeUp(id, 1)).toBeNull();
    });

    it('waits until a second has passed without a stream', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await make().leases.record(lease, { fileIndex: 0, servedBytes: 100, streamDelta: 1 });
      await make().age('leases', lease, 5);
      expect(await takeUp(id, 100)).toBeNull();
      await make().leases.record(lease, { fileIndex: 0, servedBytes: 0, streamDelta: -1 });
      expect(await takeUp(id, 100)).toBeNull();
      await make().age('leases', lease, 1);
      expect(await takeUp(id, 100)).toMatchObject({ id: lease });
    });

    it('does not wait for streams that fell silent with their node', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      await make().leases.record(lease, { fileIndex: 0, servedBytes: 100, streamDelta: 1 });
      await make().age('leases', lease, 10);
      expect(await takeUp(id, 100)).toMatchObject({ id: lease });
    });

    it('takes the lease nearest to where it goes on', async () => {
      const id = await share(2);
      const far = await grant(id, 1);
      const near = await grant(id, 2);
      await make().leases.record(far, { fileIndex: 0, servedBytes: 2 * MIB, streamDelta: 0 });
      await make().leases.record(near, { fileIndex: 0, servedBytes: 9 * MIB, streamDelta: 0 });
      for (const lease of [far, near]) await make().age('leases', lease, 2);
      expect(await takeUp(id, 9 * MIB)).toMatchObject({ id: near });
    });

    it('takes up nothing of an ended share', async () => {
      const { id } = await served(100);
      await make().transfers.end(id, 'deleted');
      expect(await takeUp(id, 100)).toBeNull();
    });
  });
}
