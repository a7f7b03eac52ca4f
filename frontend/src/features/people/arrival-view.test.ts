import { describe, expect, it } from '@jest/globals';
import type { OfferItem } from '../../../../services/contracts/people.ts';
import type { SavePhase } from '../../transfer-engine/file-saver.ts';
import { arrivalStage, bytesHere, type Receiving, shareHere } from './arrival-view.ts';

const item = (changes: Partial<OfferItem> = {}): OfferItem => ({
  id: 'item',
  sequence: 1,
  sentAt: '',
  expiresAt: '2026-01-01T00:00:00Z',
  sender: { id: 'heron', displayName: 'Quiet Heron' },
  kind: 'offer',
  transferId: 'transfer',
  state: 'accepted',
  transferState: 'open',
  endReason: null,
  fileCount: 1,
  totalBytes: 100,
  files: [],
  shareId: 'share',
  receivedBytes: 40,
  ...changes,
});
const page = (name: SavePhase['name']): Receiving => ({ mode: 'page', phase: { name } as SavePhase, savedBytes: 60 });
const browser: Receiving = { mode: 'browser', phase: null, savedBytes: 0 };
const ended = { transferState: 'ended', endReason: 'aborted' } as const;

describe('what was accepted', () => {
  it.each([
    [item(), undefined, { name: 'ready' }],
    [item(), browser, { name: 'browser' }],
    [item(), page('saving'), { name: 'saving' }],
    [item(), page('offline'), { name: 'offline' }],
    [item(), page('waiting'), { name: 'held' }],
    [item(), page('failed'), { name: 'stopped' }],
    [item(), page('cancelled'), { name: 'ready' }],
    [item({ state: 'received' }), page('saving'), { name: 'saving' }],
    [item({ state: 'received' }), browser, { name: 'received' }],
    [item(ended), page('saved'), { name: 'received' }],
    [item(ended), page('failed'), { name: 'over', end: 'taken_back' }],
    [item(ended), browser, { name: 'over', end: 'taken_back' }],
    [item({ state: 'left' }), page('cancelled'), { name: 'over', end: 'left' }],
  ])('%#: is said as it is', (offer, own, stage) => {
    expect(arrivalStage(offer, own, 0)).toEqual(stage);
  });

  it('counts what the page wrote, else what the server says it took', () => {
    expect(bytesHere(item(), page('saving'), { name: 'saving' })).toBe(60);
    expect(bytesHere(item(), browser, { name: 'browser' })).toBe(40);
    expect(bytesHere(item(), page('saved'), { name: 'received' })).toBe(100);
  });

  it('is whole when it has come, never more than whole, and nothing while nobody knows how much it is', () => {
    expect(shareHere(item(), 60, { name: 'saving' })).toBe(0.6);
    expect(shareHere(item(), 140, { name: 'saving' })).toBe(1);
    expect(shareHere(item({ totalBytes: null }), 60, { name: 'saving' })).toBe(0);
    expect(shareHere(item({ totalBytes: 0 }), 0, { name: 'received' })).toBe(1);
  });
});
