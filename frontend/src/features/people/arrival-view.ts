/** What an accepted offer looks like to whoever receives it. Pure. */
import type { OfferItem } from '../../../../services/contracts/people.ts';
import type { SavePhase } from '../../transfer-engine/file-saver.ts';
import { serverClock } from '../../transfer-engine/server-clock.ts';
import { endOf, type OfferEnd } from './inbox.ts';

/** What this page does about it. */
export interface Receiving {
  readonly mode: 'none' | 'browser' | 'page';
  readonly phase: SavePhase | null;
  readonly savedBytes: number;
}
export type ArrivalStage =
  /** Accepted, and nobody on this page takes it: after a reload, or accepted in another window. */
  | { readonly name: 'ready' }
  /** `held`: the server asks for patience. */
  | { readonly name: 'browser' | 'saving' | 'moving' | 'held' | 'offline' | 'stopped' | 'received' }
  | { readonly name: 'over'; readonly end: OfferEnd };

export function arrivalStage(item: OfferItem, own: Receiving | undefined, nowMs: number): ArrivalStage {
  const phase = own?.mode === 'page' ? own.phase?.name : undefined;
  // What the page has written is on this device, whatever became of the transfer.
  if (phase === 'saved') return { name: 'received' };
  const end = endOf(item, nowMs);
  if (end) return { name: 'over', end };
  if (phase === 'saving' || phase === 'moving' || phase === 'offline') return { name: phase };
  if (phase === 'waiting') return { name: 'held' };
  if (item.state === 'received') return { name: 'received' };
  if (phase === 'failed') return { name: 'stopped' };
  return { name: own?.mode === 'browser' ? 'browser' : 'ready' };
}

export function isMovingArrival(item: OfferItem, own: Receiving | undefined): boolean {
  return ['browser', 'saving', 'moving', 'held', 'offline'].includes(arrivalStage(item, own, serverClock.nowMs()).name);
}

/** Bytes that are on this device, as far as anybody knows. */
export function bytesHere(item: OfferItem, own: Receiving | undefined, stage: ArrivalStage): number {
  if (stage.name === 'received') return item.totalBytes ?? item.receivedBytes;
  return own?.mode === 'page' ? own.savedBytes : item.receivedBytes;
}

/** Of all of it, from 0 to 1; 0 where nobody knows how much it is. */
export function shareHere(item: OfferItem, here: number, stage: ArrivalStage): number {
  if (stage.name === 'received') return 1;
  return item.totalBytes ? Math.min(1, here / item.totalBytes) : 0;
}
