import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_INBOX_ITEMS, MAX_INBOX_TEXT_BYTES } from '../../contracts/limits.ts';
import type { GrantState } from '../../contracts/person.ts';
import type { RunningFile } from '../running-file.ts';
import type { GrantRow, Undelivered } from './ports.ts';

/** What may be read, what was received, and what people are told when it may not. */

/** May read what was accepted. */
export function isReading(state: GrantState | null): boolean {
  return state === 'accepted' || state === 'received';
}

/** @throws what somebody is told who accepts too late */
export function assertOpened({ state, isTransferOver, endReason }: GrantRow): void {
  if (isTransferOver) {
    if (endReason === null || endReason === 'expired') throw new PeerLinkError('expired', 'This offer has expired.');
    throw new PeerLinkError('ended', 'This offer is over.');
  }
  if (state === 'expired') throw new PeerLinkError('expired', 'This offer has expired.');
  if (!isReading(state)) throw new PeerLinkError('ended', 'You declined this offer. Ask for it to be sent again.');
}

/** @throws bad_request */
export function assertRange(range: readonly [number, number], { row }: RunningFile): void {
  const [from, to] = range;
  const isWell = Number.isSafeInteger(from) && Number.isSafeInteger(to) && from >= 0 && from <= to;
  if (isWell && to <= (row.sizeBytes ?? Number.MAX_SAFE_INTEGER)) return;
  throw new PeerLinkError('bad_request', `A range of file ${row.index} is no part of it.`, {
    data: { fileIndex: row.index, sizeBytes: row.sizeBytes },
  });
}

export function committedBytes(file: RunningFile): [number, number][] {
  const { chunkSizeBytes, sizeBytes } = file.row;
  const end = sizeBytes ?? Number.MAX_SAFE_INTEGER;
  return file.committedRanges().map(([from, to]) => [from * chunkSizeBytes, Math.min(to * chunkSizeBytes, end)]);
}

export function noOffer(): PeerLinkError {
  return new PeerLinkError('not_found', 'Nothing of that kind was offered to you.');
}

export function noSuchTransfer(): PeerLinkError {
  return new PeerLinkError('not_found', 'There is no such transfer.');
}

export function notTogether(): PeerLinkError {
  return new PeerLinkError('forbidden', 'You can send to people in your room only. Somebody named is not there now.');
}

export function undeliveredFault(why: Undelivered): PeerLinkError {
  if (why.outcome === 'gone') return notTogether();
  const limit = MAX_INBOX_ITEMS;
  return new PeerLinkError(
    'too_many_transfers',
    why.isSenders
      ? `${limit} of what you sent are not answered yet. Wait for answers, or cancel some.`
      : `${limit} offers and texts, or ${MAX_INBOX_TEXT_BYTES} bytes of text, wait for somebody named. Try again when they have looked.`,
    { data: { limit }, retryAfterSeconds: 60 },
  );
}
