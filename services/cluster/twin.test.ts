import { describe, expect, it } from '@jest/globals';
import type { NodeRow } from './ports.ts';
import { twinFault } from './twin.ts';

const own = { nodeId: 'a', peerUrl: 'http://box-2:5000', directory: '/srv/copy' };
const row: NodeRow = {
  id: 'a',
  peerUrl: 'http://box-1:5000',
  publicUrl: null,
  state: 'healthy',
  unseenMs: 4_000,
  isGivenUp: false,
};
const fault = (changes: Partial<NodeRow>, isReached = true) =>
  twinFault(
    own,
    async () => [{ ...row, ...changes }],
    async () => isReached,
  );

describe('a node on a copy of a data directory', () => {
  it('is told where the other one runs, and which directory is the copy', async () => {
    expect(await fault({})).toMatch(
      /another process runs as this node \(a\) at http:\/\/box-1:5000: \/srv\/copy is a copy/,
    );
  });

  it.each([
    ['nobody answers there as this node', fault({}, false)],
    ['it is the address of this one, whose port was free', fault({ peerUrl: own.peerUrl })],
    ['that one said that it left', fault({ state: 'left' })],
    ['it was not seen for half a minute', fault({ unseenMs: 31_000 })],
    ['there is no row of it', fault({ id: 'b' })],
  ])('may start when %s', async (_why, outcome) => {
    expect(await outcome).toBeNull();
  });
});
