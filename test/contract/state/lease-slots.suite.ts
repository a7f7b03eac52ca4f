import { describe, expect, it } from '@jest/globals';
import { leaseSteps } from './lease-steps.ts';
import { bytes, type StateHarness, unique } from './state-harness.ts';

/** How many leases a share gives, and how much is served under one. */
export function describeLeaseSlots(make: () => StateHarness): void {
  const { share, acquire, grant, serve, begin } = leaseSteps(make);

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

    it('are no more than the limit for who comes at once, those that are consumed counted', async () => {
      const id = await share(3);
      for (const token of [1, 2]) await make().leases.consume(await grant(id, token));
      const outcomes = await Promise.all([3, 4, 5].map((token) => acquire(id, token)));
      expect(outcomes.map(({ outcome }) => outcome).sort()).toEqual(['granted', 'slots_held', 'slots_held']);
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
      expect(await serve(idle, 0, 1)).toBe(false);
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
      expect(await serve(lease, 0, 5, { opens: true })).toBe(true);
      await serve(lease, 1, 2 ** 40);
      await serve(lease, 0, 7, { closes: true });
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

  describe('what is served under a lease', () => {
    it('is never more of a file than allowed, counting what is under way wherever it is', async () => {
      const lease = await grant(await share(1), 1);
      expect(await begin(lease, 'a', 100, 200)).toBe('begun');
      expect(await begin(lease, 'b', 100, 200)).toBe('begun');
      expect(await begin(lease, 'c', 1, 200)).toBe('held');
      // Another file has its own count.
      expect(await begin(lease, 'd', 200, 200, 1)).toBe('begun');
      // What was sent is counted as sent, and what a stream does not send any more is free again.
      const over = { streamId: 'a', fileIndex: 0, leftBytes: 70, isZip: false };
      const sent = (servedBytes: number) => ({ ...over, served: [{ fileIndex: 0, servedBytes }] });
      expect(await make().leases.record(lease, { ...sent(30), number: 1, isLast: false })).toBe(true);
      expect(await begin(lease, 'c', 1, 200)).toBe('held');
      expect(await make().leases.record(lease, { ...sent(10), number: 2, isLast: true })).toBe(true);
      expect(await begin(lease, 'c', 61, 200)).toBe('held');
      expect(await begin(lease, 'c', 60, 200)).toBe('begun');
      expect(await begin(unique('nothing'), 'x', 1, 200)).toBe('gone');
    });

    it('is counted once when it is told again because the answer was lost', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      const tell = (number: number, servedBytes: number, isLast = false) => {
        const flight = { streamId: 'a', fileIndex: 0, leftBytes: 0, isZip: false };
        return make().leases.record(lease, { ...flight, number, served: [{ fileIndex: 0, servedBytes }], isLast });
      };
      const counted = async () => (await make().leases.findByToken(id, bytes(32, 1)))?.servedBytes;
      expect(await begin(lease, 'a', 100, 200)).toBe('begun');
      for (let times = 0; times < 3; times += 1) expect(await tell(1, 30)).toBe(true);
      expect(await counted()).toEqual({ 0: 30 });
      for (let times = 0; times < 2; times += 1) expect(await tell(2, 5)).toBe(true);
      expect(await tell(3, 7, true)).toBe(true);
      expect(await counted()).toEqual({ 0: 42 });
    });

    it('is one count for all that begin at once', async () => {
      const lease = await grant(await share(1), 1);
      const answers = await Promise.all(Array.from({ length: 20 }, (_, index) => begin(lease, `s${index}`, 30, 100)));
      expect(answers.filter((answer) => answer === 'begun')).toHaveLength(3);
    });

    it('counts what a zip sends by file: what it sent, what it is at, and whole what is still behind that', async () => {
      const id = await share(1);
      const lease = await grant(id, 1);
      const sizes = [10, 0, 2 ** 40, 30];
      const planned = sizes.map((sizeBytes, fileIndex) => ({ fileIndex, sizeBytes, plannedBytes: sizeBytes }));
      const zip = (streamId: string, fileIndex = 0, leftBytes = 10) => ({
        streamId,
        fileIndex,
        leftBytes,
        isZip: true,
      });
      const one = (streamId: string, fileIndex: number, bytes: number) =>
        begin(lease, streamId, bytes, (sizes[fileIndex] ?? 0) * 2, fileIndex);
      expect(await make().leases.begin(lease, zip('a'), planned)).toBe('begun');
      expect(await make().leases.begin(lease, zip('b'), planned)).toBe('begun');
      expect(await make().leases.begin(lease, zip('c'), planned)).toBe('held');
      for (const index of [0, 2, 3]) expect(await one('f', index, 1)).toBe('held');
      expect(await one('empty', 1, 0)).toBe('begun');
      // The first one is past two files and within the third; then its line breaks.
      const moved = {
        ...zip('a', 2, 2 ** 40 - 5),
        served: [10, 0, 5].map((servedBytes, fileIndex) => ({ fileIndex, servedBytes })),
      };
      expect(await make().leases.record(lease, { ...moved, number: 1, isLast: false })).toBe(true);
      for (const index of [0, 2, 3]) expect(await one('f', index, 1)).toBe('held');
      expect(await make().leases.record(lease, { ...moved, number: 2, served: [], isLast: true })).toBe(true);
      expect(await one('f', 0, 1)).toBe('held');
      expect(await one('f', 2, 2 ** 40 - 4)).toBe('held');
      expect(await one('f', 2, 2 ** 40 - 5)).toBe('begun');
      expect(await one('g', 3, 31)).toBe('held');
      expect(await one('g', 3, 30)).toBe('begun');
      expect((await make().leases.findByToken(id, bytes(32, 1)))?.servedBytes).toEqual({ 0: 10, 1: 0, 2: 5 });
    });

    it('is refused for good once so much was sent, and until others end while they only may send it', async () => {
      const lease = await grant(await share(1), 1);
      const tell = (streamId: string, servedBytes: number) => {
        const flight = { streamId, fileIndex: 0, leftBytes: 0, isZip: false };
        return make().leases.record(lease, {
          ...flight,
          number: 1,
          served: [{ fileIndex: 0, servedBytes }],
          isLast: true,
        });
      };
      expect([await begin(lease, 'a', 100, 200), await begin(lease, 'b', 40, 200)]).toEqual(['begun', 'begun']);
      expect([await begin(lease, 'c', 61, 200), await begin(lease, 'c', 201, 200)]).toEqual(['held', 'too_much']);
      await tell('a', 100);
      expect([await begin(lease, 'c', 61, 200), await begin(lease, 'c', 100, 200)]).toEqual(['held', 'held']);
      expect(await begin(lease, 'c', 101, 200)).toBe('too_much');
      await tell('b', 40);
      expect([await begin(lease, 'c', 61, 200), await begin(lease, 'c', 60, 200)]).toEqual(['too_much', 'begun']);
    });

    it('is counted for a zip of ten thousand files without a wait', async () => {
      const lease = await grant(await share(1), 1);
      const all = Array.from({ length: 10_000 }, (_, fileIndex) => fileIndex);
      const planned = all.map((fileIndex) => ({ fileIndex, sizeBytes: 7, plannedBytes: 7 }));
      const flight = { streamId: 'a', fileIndex: 0, leftBytes: 7, isZip: true };
      const served = all.map((fileIndex) => ({ fileIndex, servedBytes: 7 }));
      for (const outcome of ['begun', 'begun', 'too_much'] as const) {
        expect(await make().leases.begin(lease, flight, planned)).toBe(outcome);
        if (outcome === 'begun')
          expect(await make().leases.record(lease, { ...flight, number: 1, served, isLast: true })).toBe(true);
      }
    });

    it('forgets streams that fell silent with their node', async () => {
      const lease = await grant(await share(1), 1);
      expect(await begin(lease, 'a', 100, 100)).toBe('begun');
      await make().age('leases', lease, 9);
      expect(await begin(lease, 'b', 100, 100)).toBe('held');
      await make().age('leases', lease, 2);
      expect(await begin(lease, 'b', 100, 100)).toBe('begun');
    });

    it('comes in at most 64 streams at once', async () => {
      const lease = await grant(await share(1), 1);
      for (let index = 0; index < 64; index += 1) expect(await begin(lease, `s${index}`, 1, null)).toBe('begun');
      expect(await begin(lease, 'more', 1, null)).toBe('held');
    });
  });
}
