import { describe, expect, it } from '@jest/globals';
import type { EndReason } from '../../../../services/contracts/http.ts';
import type { GrantState, Recipient } from '../../../../services/contracts/person.ts';
import type { UploadViewPhase } from '../../transfer-engine/upload-view.ts';
import { type DirectStage, mergeRecipients, shareOfAll, stageOf } from './direct-view.ts';

const people = (states: readonly GrantState[], receivedBytes = 0): readonly Recipient[] =>
  states.map((state, index) => ({ id: `p${index}`, displayName: `P${index}`, state, receivedBytes }));

const CASES: readonly (readonly [readonly GrantState[], UploadViewPhase['name'], EndReason | null, DirectStage])[] = [
  [['offered'], 'asking', null, 'waiting'],
  [['offered', 'declined'], 'asking', null, 'waiting'],
  [['offered', 'accepted'], 'sending', null, 'moving'],
  [['accepted'], 'sealed', null, 'moving'],
  [['accepted'], 'needs_files', null, 'moving'],
  [['received'], 'sealed', 'delivered', 'received'],
  [['received', 'declined'], 'sealed', 'delivered', 'partly'],
  [['declined'], 'ended', 'declined', 'declined'],
  [['declined', 'declined'], 'asking', null, 'declined'],
  [['left'], 'ended', 'left', 'left'],
  [['left'], 'sending', null, 'left'],
  [['expired'], 'ended', 'expired', 'expired'],
  [['offered'], 'ended', 'deleted', 'cancelled'],
  [['accepted'], 'cancelled', null, 'cancelled'],
  [['accepted'], 'ended', 'digest_mismatch', 'failed'],
  [['accepted'], 'ended', 'node_lost', 'failed'],
  [['offered'], 'ended', 'expired', 'expired'],
];

describe('a direct send as its sender sees it', () => {
  it.each(CASES)('%j, upload %s, ended %s: %s', (states, name, endReason, wanted) => {
    expect(stageOf(people(states), { name } as UploadViewPhase, endReason)).toBe(wanted);
  });

  it('shows of all takers together how far they are', () => {
    const recipients = [...people(['accepted'], 50), ...people(['received']), ...people(['declined'], 10)];
    expect(shareOfAll(recipients, 100)).toBe(0.75);
    expect(shareOfAll(people(['offered']), 100)).toBe(0);
    expect(shareOfAll(people(['accepted']), 0)).toBe(0);
  });

  it('never takes an answer or bytes back for a telling that comes late', () => {
    const merged = mergeRecipients(people(['accepted', 'received'], 60), people(['offered', 'accepted'], 40));
    expect(merged).toEqual(people(['accepted', 'received'], 60));
    expect(mergeRecipients(people(['accepted']), people(['left']))).toEqual(people(['left']));
  });
});
