import { describe, expect, it } from '@jest/globals';
import { MAX_INBOX_ITEMS, MAX_INBOX_TEXT_BYTES } from '../../../services/contracts/limits.ts';
import { DIRECT_OPTIONS, directSteps, OFFER_TTL_SECONDS } from './direct-steps.ts';
import { leading, newFile, newTransfer, type StateHarness, unique } from './state-harness.ts';

/** Offers: sent, answered once, expired, and within the bounds of inboxes. */
export function describeOffers(make: () => StateHarness): void {
  const { somebody, envelope, offer, say, inbox, offers, recipients, stateOf } = directSteps(make);

  describe('offers', () => {
    it('are with transfer and recipients at once, in the order in which they were sent', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      const first = await offer(anna, [cleo, ben]);
      const second = await offer(cleo, [ben]);
      expect(first.outcome).toMatchObject({
        outcome: 'inserted',
        row: { transfer: { kind: 'direct', acceptedAt: null } },
      });
      expect(await recipients(first.id)).toEqual([
        { id: cleo.id, displayName: 'Cleo', state: 'offered', receivedBytes: 0 },
        { id: ben.id, displayName: 'Ben', state: 'offered', receivedBytes: 0 },
      ]);
      const found = await offers(ben);
      expect(found.map(({ transferId, sequence, sender }) => [transferId, sequence, sender])).toEqual([
        [first.id, 1, anna],
        [second.id, 2, cleo],
      ]);
      expect(found[0]).toMatchObject({
        state: 'offered',
        transferState: 'open',
        endReason: null,
        fileCount: 1,
        totalBytes: 1_000,
        files: [{ index: 0, path: 'folder/file 0', sizeBytes: 1_000 }],
        shareId: null,
      });
      expect(Number(new Date(found[0]?.expiresAt ?? 0)) - Number(new Date(found[0]?.sentAt ?? 0))).toBe(
        OFFER_TTL_SECONDS * 1000,
      );
      expect(await recipients((await make().transfers.findById(first.id))?.transfer.shareId ?? '')).toEqual([]);
    });

    it('have sequences without gap or repetition, however many send at once', async () => {
      const ben = await somebody('Ben');
      const senders = await Promise.all(Array.from({ length: 6 }, () => somebody('Sender')));
      await Promise.all(
        senders.flatMap((sender) => [offer(sender, [ben]), say(sender, [ben], 'hi'), offer(sender, [ben])]),
      );
      const { items } = await inbox(ben);
      expect(items.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 18 }, (_, index) => index + 1));
    });

    it('to each other at the same time do not wait for one another for ever', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const sent = Array.from({ length: 10 }, (_, index) =>
        index % 2 === 0 ? offer(anna, [ben]) : offer(ben, [anna]),
      );
      const outcomes = (await Promise.all(sent)).map(({ outcome }) => outcome.outcome);
      expect(new Set(outcomes)).toEqual(new Set(['inserted']));
    });

    it('leave nothing behind when there is no room, or a recipient is gone', async () => {
      const [anna, ben, gone] = [await somebody('Anna'), await somebody('Ben'), await somebody('Gone')];
      await make().sessions.revoke(gone.id);
      const refused = await offer(anna, [ben, gone]);
      expect(refused.outcome).toEqual({ outcome: 'gone' });
      expect(await stateOf(refused.id)).toBeUndefined();
      for (let sent = 0; sent < MAX_INBOX_ITEMS; sent += 10) {
        await Promise.all(Array.from({ length: 10 }, () => say(anna, [ben], 'hi')));
      }
      expect((await offer(anna, [await somebody('Cleo')])).outcome).toEqual({ outcome: 'full', isSenders: true });
      const other = await somebody('Other');
      const full = await offer(other, [ben]);
      expect(full.outcome).toEqual({ outcome: 'full', isSenders: false });
      expect(await stateOf(full.id)).toBeUndefined();
      expect(await say(other, [ben], 'hi')).toEqual({ outcome: 'full', isSenders: false });
      expect((await inbox(ben)).items).toHaveLength(MAX_INBOX_ITEMS);
      // What was seen waits no longer, and makes room, the oldest first.
      await make().direct.seen(ben.id, 5);
      expect((await offer(other, [ben])).outcome.outcome).toBe('inserted');
      const { items } = await inbox(ben);
      expect(items).toHaveLength(MAX_INBOX_ITEMS);
      expect([items[0]?.sequence, items.at(-1)?.sequence]).toEqual([2, MAX_INBOX_ITEMS + 1]);
    });

    it('find room where texts have none left, of which an inbox holds so many bytes', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      // Two bytes a letter.
      const text = 'é'.repeat(MAX_INBOX_TEXT_BYTES / 8);
      for (let sent = 0; sent < 4; sent += 1) expect((await say(anna, [ben], text)).outcome).toBe('sent');
      expect(await say(anna, [ben], 'x')).toEqual({ outcome: 'full', isSenders: false });
      expect((await offer(anna, [ben])).outcome.outcome).toBe('inserted');
      await make().direct.seen(ben.id, 2);
      expect((await say(anna, [ben], 'x')).outcome).toBe('sent');
      const { items } = await inbox(ben);
      expect(items.map(({ sequence }) => sequence)).toEqual([2, 3, 4, 5, 6]);
    });

    it('are the first ones again under the same key, also when nobody is there any more', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const idempotencyKey = unique('key');
      const row = newTransfer({ kind: 'direct', sessionId: anna.id, idempotencyKey });
      await make().direct.insert(row, [newFile(0)], DIRECT_OPTIONS, envelope(anna, [ben]));
      const again = newTransfer({ kind: 'direct', sessionId: anna.id, idempotencyKey });
      for (const to of [envelope(anna, [ben]), null]) {
        const repeated = await make().direct.insert(again, [newFile(0)], DIRECT_OPTIONS, to);
        expect(repeated).toMatchObject({ outcome: 'exists', row: { transfer: { id: row.id } } });
      }
      const unknown = newTransfer({ kind: 'direct', sessionId: anna.id, idempotencyKey: unique('key') });
      expect(await make().direct.insert(unknown, [newFile(0)], DIRECT_OPTIONS, null)).toEqual({ outcome: 'gone' });
      expect(await offers(ben)).toHaveLength(1);
    });

    it('count towards the open transfers of their sender once somebody accepts, and not before', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const options = { ...DIRECT_OPTIONS, maxOpen: 1 };
      const next = async () => {
        const row = newTransfer({ kind: 'direct', sessionId: anna.id });
        return make().direct.insert(row, [newFile(0)], options, envelope(anna, [ben]));
      };
      const { id } = await offer(anna, [ben]);
      expect((await next()).outcome).toBe('inserted');
      await make().direct.accept(id, ben.id);
      expect(await next()).toEqual({ outcome: 'too_many', openCount: 1 });
      const share = newTransfer({ sessionId: anna.id });
      const refused = await make().transfers.insert(share, [newFile(0)], options);
      expect(refused).toEqual({ outcome: 'too_many', openCount: 1 });
    });

    it('are answered once: accepting opens the transfer, declining or leaving closes it, nobody else can', async () => {
      const [anna, ben, cleo, eve] = [
        await somebody('Anna'),
        await somebody('Ben'),
        await somebody('Cleo'),
        await somebody('Eve'),
      ];
      const { id } = await offer(anna, [ben, cleo]);
      expect(await make().direct.accept(id, eve.id)).toBeNull();
      expect(await make().direct.decline(id, eve.id)).toBeNull();
      expect(await make().direct.grantState(id, eve.id)).toBeNull();
      const accepted = await make().direct.accept(id, ben.id);
      expect(accepted).toMatchObject({
        state: 'accepted',
        hasChanged: true,
        isTransferOver: false,
        shareId: `share-of-${id}`,
      });
      const acceptedAt = (await stateOf(id))?.acceptedAt;
      expect(acceptedAt).toBeInstanceOf(Date);
      expect(await make().direct.accept(id, ben.id)).toMatchObject({ state: 'accepted', hasChanged: false });
      expect(await make().direct.decline(id, cleo.id)).toEqual({ changedTo: 'declined' });
      expect(await make().direct.decline(id, cleo.id)).toEqual({ changedTo: null });
      expect(await make().direct.accept(id, cleo.id)).toMatchObject({ state: 'declined', hasChanged: false });
      expect((await stateOf(id))?.acceptedAt).toEqual(acceptedAt);
      expect(await make().direct.endOver([id])).toEqual([]);
      expect(await make().direct.decline(id, ben.id)).toEqual({ changedTo: 'left' });
      expect((await recipients(id)).map(({ state }) => state)).toEqual(['left', 'declined']);
      expect(await make().direct.endOver([id])).toEqual([id]);
      expect(await make().direct.endOver([id])).toEqual([]);
      expect(await stateOf(id)).toMatchObject({ state: 'ended', endReason: 'left' });
      expect(await make().direct.accept(id, ben.id)).toMatchObject({ isTransferOver: true, endReason: 'left' });
      // A session lives as long as what it takes.
      expect(Number((await make().sessions.findById(ben.id))?.expiresAt)).toBeGreaterThan(Date.now() + 23 * 3_600_000);
    });

    it('expire, and an unaccepted transfer is not abandoned before', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const { id } = await offer(anna, [ben]);
      await make().transfers.touch([id]);
      await make().age('transfers', id, 10_000);
      await leading(make(), async (term) => {
        await make().transfers.endExpired({ uploadTtlSeconds: 60, leaseIdleSeconds: null, limit: 500, term });
        expect((await make().direct.settle(500, term)).transferIds).not.toContain(id);
      });
      expect((await stateOf(id))?.state).toBe('open');
      await make().age('grants', id, OFFER_TTL_SECONDS + 1);
      expect((await recipients(id))[0]?.state).toBe('expired');
      expect(await make().direct.accept(id, ben.id)).toMatchObject({ state: 'expired' });
      expect((await offers(ben))[0]?.state).toBe('expired');
      await leading(make(), async (term) => {
        expect((await make().direct.settle(500, { ...term, epoch: term.epoch - 1 })).transferIds).toEqual([]);
        expect(await make().direct.settle(500, term)).toEqual({ transferIds: [id], outcomes: ['expired'] });
        expect(await make().direct.settle(500, term)).toEqual({ transferIds: [], outcomes: [] });
        expect(await make().direct.endOver({ ...term, epoch: term.epoch - 1 })).toEqual([]);
        expect(await make().direct.endOver(term)).toContain(id);
      });
      expect(await stateOf(id)).toMatchObject({ state: 'ended', endReason: 'expired' });
      // What their sender has ended does not expire, whatever its rows say later.
      const cancelled = await offer(anna, [ben]);
      await make().transfers.end(cancelled.id, 'deleted');
      await make().age('grants', cancelled.id, OFFER_TTL_SECONDS + 1);
      await leading(make(), async (term) => {
        expect(await make().direct.settle(500, term)).toEqual({ transferIds: [cancelled.id], outcomes: [] });
      });
    });
  });
}
