import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { MAX_INBOX_ITEMS } from '../../../../services/contracts/limits.ts';
import type { InboxItem, OfferItem } from '../../../../services/contracts/people.ts';
import { arrivalItems, endOf, isOpenOffer, mergeInbox, seenUpTo, waitingItems, withProgress } from './inbox.ts';

const NONE = new Set<string>();
const base = (sequence: number) => ({
  id: `item-${sequence}`,
  sequence,
  sentAt: '2026-01-01T00:00:00Z',
  expiresAt: '2026-01-01T01:00:00Z',
  sender: { id: 'heron', displayName: 'Quiet Heron' },
});
const offer = (sequence: number, changes: Partial<OfferItem> = {}): OfferItem => ({
  ...base(sequence),
  kind: 'offer',
  transferId: `transfer-${sequence}`,
  state: 'offered',
  transferState: 'open',
  endReason: null,
  fileCount: 1,
  totalBytes: 10,
  files: [],
  shareId: null,
  receivedBytes: 0,
  ...changes,
});
const text = (sequence: number): InboxItem => ({ ...base(sequence), kind: 'text', text: 'hello' });
const ids = (items: readonly InboxItem[]) => items.map((item) => item.sequence);

describe('the inbox', () => {
  it('has each item once and in the order of sending, however often and in whatever order it is told', () => {
    const item = fc.integer({ min: 0, max: 12 }).chain((sequence) => fc.constantFrom(offer(sequence), text(sequence)));
    fc.assert(
      fc.property(fc.array(fc.array(item)), (tellings) => {
        const items = tellings.reduce<readonly InboxItem[]>((before, heard) => mergeInbox(before, heard, NONE), []);
        expect(ids(items)).toEqual([...new Set(tellings.flat().map((one) => one.sequence))].sort((a, b) => a - b));
      }),
    );
  });

  it('never takes an answer back for a telling that comes late', () => {
    const accepted = offer(1, { state: 'accepted', shareId: 'share', receivedBytes: 7 });
    const [item] = mergeInbox([accepted], [offer(1, { receivedBytes: 3 })], NONE);
    expect(item).toEqual(accepted);
  });

  it('takes what an answer brings', () => {
    const [item] = mergeInbox([offer(1)], [offer(1, { state: 'accepted', shareId: 'share', receivedBytes: 3 })], NONE);
    expect(item).toMatchObject({ state: 'accepted', shareId: 'share', receivedBytes: 3 });
  });

  it('keeps a text until it is dismissed, and then never shows it again', () => {
    const kept = mergeInbox(mergeInbox([], [text(1), offer(2)], NONE), [], NONE);
    expect(ids(kept)).toEqual([1, 2]);
    expect(ids(mergeInbox(kept, [text(1)], new Set(['item-1'])))).toEqual([2]);
  });

  it('keeps no more of what the server has let go than an inbox holds, the newest of it', () => {
    let items: readonly InboxItem[] = [];
    // One after the other is sent, listed, and let go by the server.
    for (let sequence = 1; sequence <= 3 * MAX_INBOX_ITEMS; sequence++)
      items = mergeInbox(items, [text(sequence)], NONE);
    items = mergeInbox(items, [], NONE);
    expect(items).toHaveLength(MAX_INBOX_ITEMS);
    expect(items[0]?.sequence).toBe(2 * MAX_INBOX_ITEMS + 1);
  });

  it('says that an offer ended which the server no longer lists', () => {
    const [item] = mergeInbox([offer(1)], [], NONE);
    expect(item && isOpenOffer(item)).toBe(false);
    expect(endOf(item as OfferItem, Date.parse('2026-01-01T00:10:00Z'))).toBe('taken_back');
    expect(endOf(item as OfferItem, Date.parse('2026-01-01T01:10:00Z'))).toBe('expired');
  });

  it('asks one after the other, and lists as arriving what was accepted', () => {
    const items = [offer(1, { state: 'accepted' }), offer(2), text(3), offer(4, { transferState: 'ended' }), offer(5)];
    expect(ids(waitingItems(items))).toEqual([2, 3, 5]);
    expect(ids(arrivalItems(items))).toEqual([1]);
  });

  it('has seen only what nothing older waits before', () => {
    expect(seenUpTo([text(4), offer(9)], [2, 3, 7])).toBe(3);
    expect(seenUpTo([], [2, 3, 7])).toBe(7);
    expect(seenUpTo([text(1)], [2])).toBeNull();
  });

  it.each([
    [offer(1), null],
    [offer(1, { state: 'received', transferState: 'ended', endReason: 'delivered' }), null],
    [offer(1, { state: 'accepted', transferState: 'ended', endReason: 'aborted' }), 'taken_back'],
    [offer(1, { state: 'accepted', transferState: 'ended', endReason: 'deleted' }), 'taken_back'],
    [offer(1, { state: 'accepted', transferState: 'ended', endReason: 'digest_mismatch' }), 'damaged'],
    [offer(1, { state: 'accepted', transferState: 'ended', endReason: 'node_lost' }), 'lost'],
    [offer(1, { state: 'accepted', transferState: 'ended', endReason: 'expired' }), 'expired'],
    [offer(1, { state: 'left' }), 'left'],
    [offer(1, { state: 'expired' }), 'expired'],
    [offer(1, { state: 'declined' }), 'declined'],
  ])('knows why an offer cannot be had any more: %#', (item, wanted) => {
    expect(endOf(item, 0)).toBe(wanted);
  });
});

describe('what has come meanwhile', () => {
  it('is shown with its offer, never less than before, and changes nothing else', () => {
    const items = [offer(1, { receivedBytes: 7 }), offer(2)];
    const heard = [
      { id: 'item-1', receivedBytes: 9 },
      { id: 'item-9', receivedBytes: 5 },
    ];
    const shown = withProgress(items, heard);
    expect(shown).toEqual([offer(1, { receivedBytes: 9 }), offer(2)]);
    expect(withProgress(shown, [{ id: 'item-1', receivedBytes: 8 }])).toEqual(shown);
  });
});
