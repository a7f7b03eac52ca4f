import { describe, expect, it } from '@jest/globals';
import { MAX_RECEIPT_RANGES, RECEIVED_GRACE_MS } from '../../../services/contracts/limits.ts';
import { directSteps, type Person } from './direct-steps.ts';
import { leading, newFile, type StateHarness } from './state-harness.ts';

/** What recipients may read, and what is known of what they have. */
export function describeReceipts(make: () => StateHarness): void {
  const { somebody, offer, report, recipients, seal, stateOf } = directSteps(make);

  describe('a recipient whose session is over', () => {
    it('may read no more, and nobody waits for it', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      const { id } = await offer(anna, [ben, cleo]);
      await make().direct.accept(id, ben.id);
      expect(await make().direct.grantState(id, ben.id)).toBe('accepted');
      await make().sessions.revoke(ben.id);
      await make().sessions.revoke(cleo.id);
      expect(await make().direct.grantState(id, ben.id)).toBeNull();
      await leading(make(), async (term) => {
        expect((await make().direct.settle(500, term)).transferIds).toContain(id);
        expect((await recipients(id)).map(({ state }) => state)).toEqual(['left', 'expired']);
        expect(await make().direct.endOver(term)).toContain(id);
      });
      expect(await stateOf(id)).toMatchObject({ endReason: 'left' });
    });
  });

  describe('a recipient who accepted', () => {
    it('keeps its session as long as the transfer lives, whatever it asks meanwhile, and leaves by no expiry before', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const { id } = await offer(anna, [ben]);
      const expiryOf = async () => Number((await make().sessions.findById(ben.id))?.expiresAt);
      const transferExpiry = async () => Number((await stateOf(id))?.expiresAt);
      await make().direct.accept(id, ben.id);
      expect(await expiryOf()).toBe(await transferExpiry());
      // A request a moment later, of a session that lives a minute from its last use.
      expect(Number((await make().sessions.touch(ben.id, 60))?.expiresAt)).toBe(await transferExpiry());
      await make().age('sessions', ben.id, 3_700);
      await leading(make(), async (term) => {
        expect((await make().direct.settle(500, term)).transferIds).not.toContain(id);
      });
      expect(await make().direct.grantState(id, ben.id)).toBe('accepted');
      await make().transfers.change(id, { expiresInSeconds: 200_000 });
      expect(await expiryOf()).toBe(await transferExpiry());
      await report(id, ben, [[0, 1_000]]);
      expect(Number((await make().sessions.touch(ben.id, 60))?.expiresAt)).toBe(await transferExpiry());
      await make().transfers.end(id, 'deleted');
      expect(Number((await make().sessions.touch(ben.id, 60))?.expiresAt)).toBeLessThan(Date.now() + 120_000);
    });

    it('keeps it also when it asks for something in the moment in which it accepts', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      for (let turn = 0; turn < 10; turn += 1) {
        const { id } = await offer(anna, [ben]);
        await Promise.all([make().sessions.touch(ben.id, 60), make().direct.accept(id, ben.id)]);
        const expiresAt = Number((await make().sessions.findById(ben.id))?.expiresAt);
        expect(expiresAt).toBeGreaterThanOrEqual(Number((await stateOf(id))?.expiresAt));
        await make().direct.decline(id, ben.id);
      }
    });
  });

  describe('receipts', () => {
    it('come to the same in whatever order, pieces and repetitions', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const { id } = await offer(anna, [ben], [newFile(0), newFile(1)]);
      await report(id, ben, [[0, 500]]);
      expect((await recipients(id))[0]?.receivedBytes).toBe(0);
      await make().direct.accept(id, ben.id);
      await report(id, ben, [[400, 500]]);
      await report(id, ben, [[100, 200]]);
      await report(id, ben, [[100, 200]]);
      await report(id, ben, [[150, 420]]);
      expect((await recipients(id))[0]?.receivedBytes).toBe(400);
      // What is outside of the file, or of no file, counts for nothing.
      await report(id, ben, [[900, 5_000]]);
      await report(id, ben, [[0, 1_000]], { fileIndex: 7 });
      expect((await recipients(id))[0]?.receivedBytes).toBe(500);
      await Promise.all([report(id, ben, [[0, 1_000]]), report(id, ben, [[0, 1_000]], { fileIndex: 1 })]);
      expect((await recipients(id))[0]).toMatchObject({ receivedBytes: 2_000, state: 'received' });
    });

    it('tell how far each file reaches from its first byte on', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      const { id } = await offer(anna, [ben, cleo], [newFile(0), newFile(1), newFile(2)]);
      await make().direct.accept(id, ben.id);
      await report(id, ben, [
        [0, 100],
        [200, 300],
      ]);
      await report(id, ben, [[5, 1_000]], { fileIndex: 1 });
      const of = (person: Person, fileIndex: number) => ({ transferId: id, sessionId: person.id, fileIndex });
      const asked = [of(ben, 2), of(ben, 0), of(cleo, 0), of(ben, 1), of(ben, 0)];
      expect(await make().direct.reached(asked)).toEqual([0, 100, 0, 0, 100]);
      expect(await make().direct.reached([])).toEqual([]);
    });

    it('are answered for those who may read, and nobody else is counted', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      const { id } = await offer(anna, [ben, cleo]);
      await make().direct.accept(id, ben.id);
      const [both, eve] = [await make().direct.accept(id, cleo.id), await somebody('Eve')];
      expect(both).not.toBeNull();
      await make().direct.decline(id, cleo.id);
      const told = await make().direct.receive(
        [ben, cleo, eve].map(({ id: sessionId }) => ({
          transferId: id,
          sessionId,
          fileIndex: 0,
          ranges: [[0, 10]] as const,
          isWritten: false,
        })),
      );
      expect(told).toEqual([{ transferId: id, sessionId: ben.id, state: 'accepted', hasChanged: false }]);
      expect((await recipients(id)).map(({ receivedBytes }) => receivedBytes)).toEqual([10, 0]);
    });

    it('end the transfer at once when a page wrote everything, else when nobody came back for a while', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      const { id } = await offer(anna, [ben, cleo]);
      await make().direct.accept(id, ben.id);
      await make().direct.accept(id, cleo.id);
      await report(id, ben, [[0, 1_000]], { isWritten: true });
      await report(id, cleo, [[0, 1_000]]);
      await report(id, cleo, [[0, 999]], { isWritten: true });
      expect(await make().direct.endOver([id])).toEqual([]);
      await make().age('grants', id, RECEIVED_GRACE_MS / 1000 + 1);
      // Everybody has it all, but its digest is not written yet.
      expect(await make().direct.endOver([id])).toEqual([]);
      await seal(id);
      // Somebody came back by Range: the time begins anew.
      await report(id, cleo, [[500, 600]]);
      expect(await make().direct.endOver([id])).toEqual([]);
      await make().age('grants', id, RECEIVED_GRACE_MS / 1000 + 1);
      expect(await make().direct.endOver([id])).toEqual([id]);
      expect(await stateOf(id)).toMatchObject({ state: 'ended', endReason: 'delivered' });

      const written = await offer(anna, [ben]);
      await make().direct.accept(written.id, ben.id);
      await seal(written.id);
      await report(written.id, ben, [[0, 1_000]], { isWritten: true });
      expect(await make().direct.endOver([written.id])).toEqual([written.id]);
    });

    it('of crumbs all over a file are bounded, and counted once the gaps close', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const { id } = await offer(anna, [ben], [newFile(0, { sizeBytes: 10_000 })]);
      await make().direct.accept(id, ben.id);
      const crumbs = (from: number) =>
        Array.from({ length: 800 }, (_, index) => [from + 4 * index, from + 4 * index + 1] as const);
      await report(id, ben, crumbs(0));
      await report(id, ben, crumbs(3_200));
      expect((await recipients(id))[0]?.receivedBytes).toBe(800);
      expect(MAX_RECEIPT_RANGES).toBeLessThan(1_600);
      const changed = async () =>
        (await report(id, ben, [[0, 10_000]])).map(({ state, hasChanged }) => [state, hasChanged]);
      expect(await changed()).toEqual([['received', true]]);
      expect((await recipients(id))[0]).toMatchObject({ receivedBytes: 10_000, state: 'received' });
      expect(await changed()).toEqual([['received', false]]);
    });

    it('know that a file of unknown length is whole only when its length is known', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const { id } = await offer(anna, [ben], [newFile(0, { sizeBytes: null })]);
      await make().direct.accept(id, ben.id);
      await report(id, ben, [[0, 1_000]]);
      expect((await recipients(id))[0]).toMatchObject({ receivedBytes: 1_000, state: 'accepted' });
      // Nor is it by the bytes of another file beside it.
      const both = await offer(anna, [ben], [newFile(0), newFile(1, { sizeBytes: null })]);
      await make().direct.accept(both.id, ben.id);
      await report(both.id, ben, [[0, 1_000]]);
      expect((await recipients(both.id))[0]).toMatchObject({ receivedBytes: 1_000, state: 'accepted' });
      await seal(id);
      await leading(make(), async (term) => {
        expect((await make().direct.settle(500, { ...term, epoch: term.epoch - 1 })).transferIds).toEqual([]);
        expect((await make().direct.settle(500, term)).transferIds).toContain(id);
      });
      expect((await recipients(id))[0]).toMatchObject({ receivedBytes: 1_000, state: 'received' });
    });
  });
}
