import { describe, expect, it } from '@jest/globals';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import type { OwnershipChange, TransferRow } from '../ports.ts';
import type { ReceivedFrame, ReplicaTransfer } from './ports.ts';
import { ReplicaSide } from './replica-side.ts';

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** A replica in sync of a home that is dead, with a write of its session in flight until it is let go. */
async function promoting() {
  const repository = new MemoryTransferRepository(() => 0);
  const { transfer: inserted } = await insertTransfer(repository, {
    homeNodeId: 'home',
    ownership: { replicaNodeId: 'replica', replicaState: 'in_sync' },
  });
  let letGo: () => void = () => {};
  const held = new Promise<never>((_resolve, reject) => {
    letGo = () => reject(new Error('not written'));
  });
  const transfer = {
    row: inserted,
    fileCount: 0,
    values: async () => new Uint8Array(0),
    sync: async () => {},
    writesSettled: async () => {},
    useFile: () => held,
    hold: () => () => {},
    obey: async (row: TransferRow) => {
      if (row.epoch > transfer.row.epoch) transfer.row = row;
    },
  } satisfies ReplicaTransfer;
  const side = new ReplicaSide({
    nodeId: 'replica',
    repository,
    load: async () => transfer,
    nowMs: () => 0,
    delay: () => new Promise(() => {}),
    isDiskTrusted: true,
    isPowerSafe: false,
  });
  const { id, epoch } = inserted;
  const { session } = await side.open({ transferId: id, fromNodeId: 'home', epoch });
  const frame: ReceivedFrame = {
    epoch,
    session,
    number: 1,
    fileIndex: 0,
    chunkIndex: 0,
    value: new Uint8Array(32),
    bytes: [],
  };
  void side.store(transfer, frame);
  const promotion = side.promote(transfer, async () => false);
  await turn();
  /** Another's update of the row, which this node obeys while it waits for its write. */
  const change = async (to: OwnershipChange) => {
    const row = await repository.cas(id, transfer.row.epoch, to);
    if (row !== null) await transfer.obey(row);
  };
  const outcome = async () => {
    letGo();
    return promotion;
  };
  const found = async () => (await repository.findById(id))?.transfer;
  return { change, outcome, found, promotion };
}

describe('a replica that makes itself home', () => {
  it('awaits its writes first', async () => {
    const { outcome, found, promotion } = await promoting();
    let isOver = false;
    void promotion.then(() => (isOver = true));
    await turn();
    expect(isOver).toBe(false);
    expect(await found()).toMatchObject({ homeNodeId: 'home' });
    expect(await outcome()).toEqual({ kind: 'home' });
    expect(await found()).toMatchObject({ homeNodeId: 'replica', replicaNodeId: null, replicaState: 'none' });
  });

  it.each<[string, OwnershipChange, string]>([
    ['is not in sync any more', { replicaState: 'syncing' }, 'not_in_sync'],
    ['is the replica no more', { replicaNodeId: 'other' }, 'not_in_sync'],
    ['has another home, which was not probed', { homeNodeId: 'other' }, 'moved'],
  ])('does not when the row says meanwhile that it %s', async (_what, to, reason) => {
    const { change, outcome, found } = await promoting();
    await change(to);
    expect(await outcome()).toEqual({ kind: 'refused', reason });
    expect(await found()).toMatchObject({ epoch: 3, ...to });
  });
});
