import { describe, expect, it } from '@jest/globals';
import type { GiveUpResponse, OperatorNode } from '../contracts/operator.ts';
import type { Call } from '../define-service.ts';
import { PEERLINK_USAGE, runPeerlink } from './peerlink-commands.ts';

const COSTS = { homeCount: 5, openLostCount: 2, sealedLostCount: 1, copyCount: 4 };

/** Nodes as an overview names them: the first answers, the second is gone. */
function world() {
  const asked: unknown[] = [];
  const nodeOf = (nodeId: string, isAnswering: boolean) =>
    ({ health: { nodeId, state: 'healthy' }, isAnswering }) as OperatorNode;
  const call = (async (name: string, params: { readonly nodeId: string; readonly isConfirmed: boolean }) => {
    if (name === 'operator.overview') return { nodes: [nodeOf('abc1', true), nodeOf('gone7', false)] };
    if (name !== 'operator.giveUp') throw new Error(`${name} was called`);
    asked.push(params);
    if (params.nodeId === 'abc1') throw new Error('Node abc1 answers. It lives: drain it instead.');
    const left = params.isConfirmed ? { ...COSTS, openLostCount: 0 } : COSTS;
    return { nodeId: params.nodeId, isGivenUp: params.isConfirmed, ...left } satisfies GiveUpResponse;
  }) as Call;
  return { asked, say: (...words: readonly string[]) => runPeerlink(call, words) };
}

const COST_LINES = [
  'giving up on gone7, with 5 transfers at home there:',
  '  2 with a second copy: nothing of them is lost',
  '  2 still being sent: they end',
  '  1 complete: they end, unless another node turns out to hold all of them',
  '  and 4 at home elsewhere with their second copy there: it is made anew',
  'bytes that only this node has are lost for good, also when it comes back later',
];

describe('peerlink give-up', () => {
  it('tells what it costs and how to do it, and does nothing before it is confirmed', async () => {
    const { asked, say } = world();
    expect(await say('give-up', 'gone')).toEqual([
      ...COST_LINES,
      'nothing was done; to do it: peerlink give-up gone7 --confirm',
    ]);
    expect(asked).toEqual([{ nodeId: 'gone7', isConfirmed: false }]);
  });

  it.each([[['gone7', '--confirm']], [['--confirm', 'gone7']]])(
    '%j tells the costs first, then does it',
    async (words) => {
      const { asked, say } = world();
      expect(await say('give-up', ...words)).toEqual([
        ...COST_LINES,
        'gone7 is given up; 1 complete transfer still looked for at the other nodes',
      ]);
      expect(asked).toEqual([
        { nodeId: 'gone7', isConfirmed: false },
        { nodeId: 'gone7', isConfirmed: true },
      ]);
    },
  );

  it('of a node that lives does nothing, confirmed or not, and says why', async () => {
    const { asked, say } = world();
    for (const words of [['abc1'], ['abc1', '--confirm']])
      await expect(say('give-up', ...words)).rejects.toThrow('drain it');
    expect(asked).toEqual(Array(2).fill({ nodeId: 'abc1', isConfirmed: false }));
  });

  it.each([
    [[''], 'which node? There are: abc1 gone7'],
    [['--confirm'], 'which node? There are: abc1 gone7'],
    [['xyz'], 'no node is called xyz; there are: abc1 gone7'],
    [['gone7', 'abc1'], `usage: ${PEERLINK_USAGE}`],
    [['gone7', '--wait'], `usage: ${PEERLINK_USAGE}`],
  ])('%j asks nobody', async (words, said) => {
    const { asked, say } = world();
    expect(await say('give-up', ...words)).toEqual([said]);
    expect(asked).toEqual([]);
  });

  it('alone takes a confirmation', async () => {
    expect(await world().say('leader', '--confirm')).toEqual([`usage: ${PEERLINK_USAGE}`]);
  });
});
