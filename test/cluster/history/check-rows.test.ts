import { describe, expect, it } from '@jest/globals';
import { checkLeases, checkTransfers, promotionsIn, type TransferChange } from './check-rows.ts';

const row = (change: Partial<TransferChange>): TransferChange => ({
  id: 't',
  home: 'a',
  replica: null,
  replicaState: 'none',
  state: 'open',
  epoch: 1,
  generation: 1,
  ...change,
});

describe('checkLeases', () => {
  it('takes one holder an epoch, and epochs that rise', () => {
    const changes = [
      { holder: 'a', epoch: 1 },
      { holder: 'a', epoch: 1 },
      { holder: 'b', epoch: 2 },
      { holder: 'a', epoch: 3 },
    ];
    expect(checkLeases(changes, [{ what: 'expiry', by: 'b', epoch: 2 }])).toEqual([]);
  });

  it('finds two holders of one epoch, and an epoch that falls', () => {
    const held = [
      { holder: 'a', epoch: 2 },
      { holder: 'b', epoch: 2 },
    ];
    expect(checkLeases(held, [])).toEqual(['epoch 2 was held by a and by b']);
    const fallen = [
      { holder: 'a', epoch: 2 },
      { holder: 'b', epoch: 1 },
    ];
    expect(checkLeases(fallen, [])).toEqual(["the leader's epoch fell from 2 to 1"]);
  });

  it("finds the deed of a node in another one's epoch", () => {
    const effects = [{ what: 'expiry', by: 'a', epoch: 2 }];
    expect(checkLeases([{ holder: 'b', epoch: 2 }], effects)).toEqual(['a did expiry in epoch 2 of b']);
    expect(checkLeases([], effects)).toEqual(['a did expiry in epoch 2 of nobody']);
  });
});

describe('checkTransfers', () => {
  const attached = row({ replica: 'b', replicaState: 'syncing', epoch: 2 });
  const inSync = row({ replica: 'b', replicaState: 'in_sync', epoch: 3 });

  it('takes attach, sync, promotion, seal and end', () => {
    const promoted = row({ home: 'b', epoch: 4 });
    const changes = [row({}), attached, inSync, promoted, { ...promoted, state: 'sealed', epoch: 5 }];
    expect(checkTransfers([...changes, { ...promoted, state: 'ended', epoch: 6 }])).toEqual([]);
    expect(promotionsIn(changes)).toBe(1);
  });

  it('finds a home that was no replica, or one not in sync', () => {
    expect(checkTransfers([attached, row({ home: 'b', epoch: 3 })])).toEqual([
      'transfer t, epoch 3: b became home, the row named b (syncing)',
    ]);
    expect(checkTransfers([inSync, row({ home: 'c', epoch: 4 })])).toHaveLength(1);
  });

  it('finds epochs that fall, a home changed within an epoch, and what comes back from its end', () => {
    expect(checkTransfers([inSync, attached])).toEqual(['transfer t, epoch 2: the epoch fell from 3']);
    expect(checkTransfers([inSync, row({ home: 'b', epoch: 3 })])).toEqual([
      'transfer t, epoch 3: the home changed within one epoch',
    ]);
    expect(checkTransfers([row({ state: 'ended' }), row({ epoch: 2 })])).toHaveLength(1);
    expect(checkTransfers([row({ state: 'sealed' }), row({ epoch: 2 })])).toHaveLength(1);
    expect(checkTransfers([row({}), row({ epoch: 2, generation: 2 })])).toHaveLength(1);
  });
});
