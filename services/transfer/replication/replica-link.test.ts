import { describe, expect, it } from '@jest/globals';
import { transferRow } from '../../../test/support/transfer-rows.ts';
import type { ReplicaChannel } from './ports.ts';
import { ReplicaLink } from './replica-link.ts';

describe('the link from a home to its replica', () => {
  it('hangs up on an answer that comes in the moment in which it is closed: its row may name another replica by then', async () => {
    let answer: (channel: ReplicaChannel) => void = () => {};
    let closedCount = 0;
    const channel: ReplicaChannel = {
      values: new Map(),
      send: () => new Promise<never>(() => {}),
      close: () => {
        closedCount += 1;
      },
    };
    const link = new ReplicaLink(
      {
        connector: { open: () => new Promise((resolve) => (answer = resolve)) },
        nowMs: () => 0,
        delay: () => new Promise<never>(() => {}),
      },
      { row: transferRow({ replicaNodeId: 'replica', replicaState: 'in_sync' }) },
    );
    const opened = link.open();
    answer(channel);
    link.close();
    await expect(opened).rejects.toMatchObject({ type: 'unavailable' });
    expect([link.session, closedCount]).toEqual([null, 1]);
  });
});
