/** What was sent to this person, from many tellings of it. Pure. */

import type { EndReason } from '../../../../services/contracts/http.ts';
import { MAX_INBOX_ITEMS } from '../../../../services/contracts/limits.ts';
import type { InboxItem, InboxProgress, OfferItem, TextItem } from '../../../../services/contracts/people.ts';
import type { GrantState } from '../../../../services/contracts/person.ts';

/** An answer never turns back, so a telling that comes late cannot take one away. */
const RANK: Record<GrantState, number> = { offered: 0, accepted: 1, received: 2, declined: 2, left: 2, expired: 2 };

/**
 * Each item once, in the order in which it was sent. What the server no longer lists was dismissed, or is over: a text
 * stays until it was dismissed here, an offer that was open or accepted stays as ended, so that the page can say so. Of
 * them only the newest stay, as many as an inbox holds: whoever sends text after text must not fill a page left open.
 * @param before in the order of sending
 */
export function mergeInbox(
  before: readonly InboxItem[],
  heard: readonly InboxItem[],
  dismissed: ReadonlySet<string>,
): readonly InboxItem[] {
  const merged = new Map<string, InboxItem>();
  const listed = new Set(heard.map((item) => item.id));
  const unlisted = before.filter((item) => !listed.has(item.id));
  const tooOld = new Set(unlisted.slice(0, -MAX_INBOX_ITEMS));
  for (const item of before) {
    if (tooOld.has(item)) continue;
    if (listed.has(item.id) || item.kind === 'text') merged.set(item.id, item);
    else if (item.state === 'offered' || item.state === 'accepted') merged.set(item.id, endedOffer(item));
    else merged.set(item.id, item);
  }
  for (const item of heard) {
    const known = merged.get(item.id);
    merged.set(item.id, known?.kind === 'offer' && item.kind === 'offer' ? furtherOf(known, item) : item);
  }
  return [...merged.values()]
    .filter((item) => !dismissed.has(item.id))
    .sort((a, b) => a.sequence - b.sequence || (a.id < b.id ? -1 : 1));
}

/** With what has come meanwhile; what is not known here is told whole. */
export function withProgress(before: readonly InboxItem[], heard: InboxProgress['items']): readonly InboxItem[] {
  const received = new Map(heard.map(({ id, receivedBytes }) => [id, receivedBytes]));
  return before.map((item) => {
    const receivedBytes = received.get(item.id);
    if (item.kind !== 'offer' || receivedBytes === undefined || receivedBytes <= item.receivedBytes) return item;
    return { ...item, receivedBytes };
  });
}

function endedOffer(item: OfferItem): OfferItem {
  return { ...item, transferState: 'ended' };
}

function furtherOf(known: OfferItem, heard: OfferItem): OfferItem {
  const isStale = RANK[heard.state] < RANK[known.state] || (known.endReason !== null && heard.endReason === null);
  const newer = isStale ? { ...known } : heard;
  return { ...newer, receivedBytes: Math.max(known.receivedBytes, heard.receivedBytes) };
}

/** Nobody has answered, and it can still be. */
export function isOpenOffer(item: InboxItem): item is OfferItem {
  return item.kind === 'offer' && item.state === 'offered' && item.transferState !== 'ended';
}

/** What wants an answer or a reader, one after the other: the first is shown. */
export function waitingItems(items: readonly InboxItem[]): readonly (OfferItem | TextItem)[] {
  return items.filter((item) => item.kind === 'text' || isOpenOffer(item));
}

/** What was accepted in this browser and is on its way, has come, or ended on it. */
export function arrivalItems(items: readonly InboxItem[]): readonly OfferItem[] {
  return items.filter(
    (item): item is OfferItem => item.kind === 'offer' && (item.state === 'accepted' || item.state === 'received'),
  );
}

/** The highest sequence up to which nothing waits: what the server may forget to show. */
export function seenUpTo(items: readonly InboxItem[], dismissedSequences: readonly number[]): number | null {
  const firstWaiting = waitingItems(items)[0]?.sequence ?? Number.POSITIVE_INFINITY;
  const seen = dismissedSequences.filter((sequence) => sequence < firstWaiting);
  return seen.length === 0 ? null : Math.max(...seen);
}

/** Why an offer cannot be had any more. */
export type OfferEnd = 'taken_back' | 'expired' | 'damaged' | 'lost' | 'left' | 'declined';

const END: Record<EndReason, OfferEnd> = {
  deleted: 'taken_back',
  aborted: 'taken_back',
  used_up: 'taken_back',
  delivered: 'taken_back',
  left: 'left',
  declined: 'declined',
  expired: 'expired',
  digest_mismatch: 'damaged',
  node_lost: 'lost',
};

/** Null while it can still be had, or has been. */
export function endOf(item: OfferItem, nowMs: number): OfferEnd | null {
  if (item.state === 'received') return null;
  if (item.state === 'expired' || item.state === 'left' || item.state === 'declined') return item.state;
  if (item.transferState === 'ended') {
    if (item.endReason !== null) return END[item.endReason];
    return Date.parse(item.expiresAt) <= nowMs ? 'expired' : 'taken_back';
  }
  return null;
}
