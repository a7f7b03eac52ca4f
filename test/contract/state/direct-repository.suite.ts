import { describe, expect, it } from '@jest/globals';
import {
  INBOX_ITEM_KEPT_MS,
  MAX_INBOX_ITEMS,
  MAX_INBOX_TEXT_BYTES,
  MAX_INBOXES_AT_ONCE,
  MAX_RECEIPT_RANGES,
  RECEIVED_GRACE_MS,
} from '../../../services/contracts/limits.ts';
import type { OfferItem, TextItem } from '../../../services/contracts/people.ts';
import type { Ranges } from '../../../services/kernel/ranges.ts';
import type { NewFile } from '../../../services/transfer/ports.ts';
import { bytes, leading, newFile, newTransfer, type StateHarness, unique } from './state-harness.ts';

const OFFER_TTL_SECONDS = 3_600;
const OPTIONS = { maxOpen: 1_000, expiresInSeconds: 86_400, offerTtlSeconds: OFFER_TTL_SECONDS };

/** What every DirectRepository does, whatever it stands on. */
export function describeDirectRepository(make: () => StateHarness): void {
  const somebody = async (displayName: string) => {
    const id = unique('person');
    const tokenHash = Uint8Array.from(Buffer.from(id.padEnd(32).slice(0, 32)));
    await make().sessions.insert({ id, tokenHash, displayName }, 3_600);
    return { id, displayName };
  };
  type Person = Awaited<ReturnType<typeof somebody>>;
  const envelope = (sender: Person, recipients: readonly Person[]) => ({
    sender,
    recipients: recipients.map((person) => ({ ...person, itemId: unique('item') })),
  });
  const offer = async (sender: Person, recipients: readonly Person[], files: readonly NewFile[] = [newFile(0)]) => {
    const row = newTransfer({ kind: 'direct', sessionId: sender.id });
    const outcome = await make().direct.insert(row, files, OPTIONS, envelope(sender, recipients));
    return { id: row.id, row, outcome };
  };
  const say = (sender: Person, recipients: readonly Person[], text: string, idempotencyKey: string | null = null) =>
    make().direct.sendText({
      envelope: envelope(sender, recipients),
      text,
      ttlSeconds: 60,
      idempotencyKey,
      requestHash: bytes(32, text.length),
    });
  const inbox = async (person: Person) => {
    const [found] = await make().direct.inboxes([{ sessionId: person.id, fingerprint: '' }]);
    return { items: found?.items ?? [], fingerprint: found?.fingerprint ?? '' };
  };
  const offers = async (person: Person): Promise<readonly OfferItem[]> => {
    const { items } = await inbox(person);
    return items.flatMap((item) => (item.kind === 'offer' ? [item] : []));
  };
  const report = (id: string, person: Person, ranges: Ranges, more: { fileIndex?: number; isWritten?: boolean } = {}) =>
    make().direct.receive([{ transferId: id, sessionId: person.id, fileIndex: 0, ranges, isWritten: false, ...more }]);
  const recipients = async (id: string) => (await make().direct.recipients([id])).get(id) ?? [];
  const seal = async (id: string, fileIndex = 0) => {
    const found = await make().transfers.findById(id);
    await make().transfers.sealFile({
      transferId: id,
      fileIndex,
      knownEpoch: found?.transfer.epoch ?? 0,
      homeNodeId: 'home-1',
      digest: bytes(32, 1),
      sizeBytes: 1_000,
    });
  };
  const stateOf = async (id: string) => (await make().transfers.findById(id))?.transfer;

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
      await make().direct.insert(row, [newFile(0)], OPTIONS, envelope(anna, [ben]));
      const again = newTransfer({ kind: 'direct', sessionId: anna.id, idempotencyKey });
      for (const to of [envelope(anna, [ben]), null]) {
        const repeated = await make().direct.insert(again, [newFile(0)], OPTIONS, to);
        expect(repeated).toMatchObject({ outcome: 'exists', row: { transfer: { id: row.id } } });
      }
      const unknown = newTransfer({ kind: 'direct', sessionId: anna.id, idempotencyKey: unique('key') });
      expect(await make().direct.insert(unknown, [newFile(0)], OPTIONS, null)).toEqual({ outcome: 'gone' });
      expect(await offers(ben)).toHaveLength(1);
    });

    it('count towards the open transfers of their sender once somebody accepts, and not before', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const options = { ...OPTIONS, maxOpen: 1 };
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
      await seal(id);
      await leading(make(), async (term) => {
        expect((await make().direct.settle(500, { ...term, epoch: term.epoch - 1 })).transferIds).toEqual([]);
        expect((await make().direct.settle(500, term)).transferIds).toContain(id);
      });
      expect((await recipients(id))[0]).toMatchObject({ receivedBytes: 1_000, state: 'received' });
    });
  });

  describe('an inbox', () => {
    it('is answered only when it changed, with whoever asks in one question', async () => {
      const [anna, ben, cleo] = [await somebody('Anna'), await somebody('Ben'), await somebody('Cleo')];
      await say(anna, [ben, cleo], 'hi');
      const [bens, cleos] = [await inbox(ben), await inbox(cleo)];
      const known = [
        { sessionId: ben.id, fingerprint: bens.fingerprint },
        { sessionId: cleo.id, fingerprint: cleos.fingerprint },
      ];
      expect(await make().direct.inboxes(known)).toEqual([]);
      const { id } = await offer(anna, [cleo]);
      const changed = await make().direct.inboxes(known);
      expect(changed.map(({ sessionId, items }) => [sessionId, items.length])).toEqual([[cleo.id, 2]]);
      let { fingerprint } = await inbox(cleo);
      const changes: (() => Promise<unknown>)[] = [
        () => make().direct.accept(id, cleo.id),
        () => make().transfers.change(id, { expiresInSeconds: 200_000 }),
        () => report(id, cleo, [[0, 10]]),
        () => seal(id),
        () => make().transfers.end(id, 'deleted'),
      ];
      for (const change of changes) {
        await change();
        const [found] = await make().direct.inboxes([{ sessionId: cleo.id, fingerprint }]);
        expect(found?.fingerprint).toBeDefined();
        fingerprint = found?.fingerprint ?? '';
      }
      expect((await offers(cleo))[0]).toMatchObject({
        state: 'accepted',
        transferState: 'ended',
        endReason: 'deleted',
        shareId: `share-of-${id}`,
        receivedBytes: 10,
      });
      const [empty] = await make().direct.inboxes([{ sessionId: anna.id, fingerprint: '' }]);
      expect(empty?.items).toEqual([]);
      expect(await make().direct.inboxes([{ sessionId: anna.id, fingerprint: empty?.fingerprint ?? '' }])).toEqual([]);
    });

    it('is named and not read when more changed than are read at once', async () => {
      const anna = await somebody('Anna');
      const friends = await Promise.all(Array.from({ length: MAX_INBOXES_AT_ONCE + 2 }, () => somebody('Ben')));
      await say(anna, friends, 'hi');
      const asked = friends.map(({ id }) => ({ sessionId: id, fingerprint: '' }));
      const found = await make().direct.inboxes(asked);
      expect(new Set(found.map(({ sessionId }) => sessionId)).size).toBe(friends.length);
      const [whole, leftOut] = [found.filter((one) => !one.isLeftOut), found.filter((one) => one.isLeftOut)];
      expect(whole.map(({ items }) => items.length)).toEqual(Array(MAX_INBOXES_AT_ONCE).fill(1));
      expect(leftOut.map(({ items }) => items.length)).toEqual([0, 0]);
      const left = asked.filter(({ sessionId }) => leftOut.some((one) => one.sessionId === sessionId));
      expect((await make().direct.inboxes(left)).map(({ items, isLeftOut }) => [items.length, isLeftOut])).toEqual([
        [1, false],
        [1, false],
      ]);
    });

    it('is not read whole for bytes that came, but those alone', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      await say(anna, [ben], 'a text');
      const [{ id }, other] = [await offer(anna, [ben]), await offer(anna, [ben])];
      await make().direct.accept(id, ben.id);
      const { fingerprint, items } = await inbox(ben);
      await report(id, ben, [[0, 10]]);
      const [moved] = await make().direct.inboxes([{ sessionId: ben.id, fingerprint }]);
      expect([moved?.items, moved?.progress]).toEqual([[], { items: [{ id: items[1]?.id, receivedBytes: 10 }] }]);
      const known = [{ sessionId: ben.id, fingerprint: moved?.fingerprint ?? '' }];
      expect(await make().direct.inboxes(known)).toEqual([]);
      await make().direct.decline(other.id, ben.id);
      const [whole] = await make().direct.inboxes(known);
      expect([whole?.items.length, whole?.progress]).toEqual([3, null]);
    });

    it('holds a text once under its key, until it is dismissed by whose it is', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const sent = await say(anna, [ben], '<b>\u2028', 'key');
      const again = await say(anna, [ben], '<b>\u2028', 'key');
      expect(again).toMatchObject({ outcome: 'exists', sentAt: sent.outcome === 'sent' ? sent.sentAt : null });
      const { sentAt, requestHash } = (await make().direct.findText(anna.id, 'key')) ?? {};
      expect([sentAt, requestHash?.length]).toEqual([sent.outcome === 'sent' ? sent.sentAt : null, 32]);
      expect(await make().direct.findText(ben.id, 'key')).toBeNull();
      const items = (await inbox(ben)).items as TextItem[];
      expect(items.map(({ kind, text, sender }) => [kind, text, sender])).toEqual([['text', '<b>\u2028', anna]]);
      const itemId = items[0]?.id ?? '';
      expect(await make().direct.dismiss(anna.id, itemId)).toBeNull();
      expect(await make().direct.dismiss(ben.id, itemId)).toEqual({ declined: null });
      expect(await make().direct.dismiss(ben.id, itemId)).toEqual({ declined: null });
      expect((await inbox(ben)).items).toEqual([]);
    });

    it('declines what is dismissed without an answer, and only hides what was accepted', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const [first, second] = [await offer(anna, [ben]), await offer(anna, [ben])];
      await make().direct.accept(second.id, ben.id);
      const [one, two] = await offers(ben);
      expect(await make().direct.dismiss(ben.id, one?.id ?? '')).toEqual({ declined: first.id });
      expect(await make().direct.dismiss(ben.id, two?.id ?? '')).toEqual({ declined: null });
      expect(await make().direct.grantState(first.id, ben.id)).toBe('declined');
      expect(await make().direct.grantState(second.id, ben.id)).toBe('accepted');
      expect(await offers(ben)).toEqual([]);
      // What its sender has cancelled is not declined any more.
      const cancelled = await offer(anna, [ben]);
      await make().transfers.end(cancelled.id, 'deleted');
      expect(await make().direct.dismiss(ben.id, (await offers(ben))[0]?.id ?? '')).toEqual({ declined: null });
      expect(await make().direct.grantState(cancelled.id, ben.id)).toBe('offered');
    });

    it('shows what is over a while longer, then forgets it, rows and all', async () => {
      const [anna, ben] = [await somebody('Anna'), await somebody('Ben')];
      const keptSeconds = INBOX_ITEM_KEPT_MS / 1000;
      const { id } = await offer(anna, [ben]);
      await make().direct.decline(id, ben.id);
      await say(anna, [ben], 'hi');
      await make().age('grants', id, keptSeconds - 10);
      expect((await offers(ben))[0]?.state).toBe('declined');
      await make().age('grants', id, 20);
      expect(await offers(ben)).toEqual([]);
      const [text] = (await inbox(ben)).items;
      await make().age('outbox', text?.id ?? '', 61);
      expect((await inbox(ben)).items).toEqual([]);
      await make().age('outbox', text?.id ?? '', keptSeconds);
      await leading(make(), async (term) => {
        expect(await make().direct.deleteOver(1_000, { ...term, epoch: term.epoch - 1 })).toBe(0);
        expect(await make().direct.deleteOver(1_000, term)).toBeGreaterThanOrEqual(1);
      });
      expect(await make().direct.dismiss(ben.id, text?.id ?? '')).toBeNull();
    });
  });
}
