import { describe, expect, it } from '@jest/globals';
import { INBOX_ITEM_KEPT_MS, MAX_INBOXES_AT_ONCE } from '../../../services/contracts/limits.ts';
import type { TextItem } from '../../../services/contracts/people.ts';
import { directSteps } from './direct-steps.ts';
import { leading, type StateHarness } from './state-harness.ts';

/** Inboxes: read only when they changed, and emptied by whose they are. */
export function describeInboxes(make: () => StateHarness): void {
  const { somebody, offer, say, inbox, offers, report, seal } = directSteps(make);

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
