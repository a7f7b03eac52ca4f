import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import { answerAtHome, openWhere } from './at-home.ts';
import type { RunningTransfer } from './running-transfer.ts';

const transferAt = (homeNodeId: string, state = 'open') =>
  ({ row: { homeNodeId, state } }) as unknown as RunningTransfer;
const moveTo = (transfer: RunningTransfer, homeNodeId: string) => {
  transfer.row = { ...transfer.row, homeNodeId };
};
const question = (ask: (nodeId: string) => Promise<string>, isGuessWelcome = false) => ({
  ask,
  here: async () => 'here',
  isGuessWelcome,
});
const never = () => new Promise<never>(() => {});
const lost = () => Promise.reject(new Error('Request timed out'));

describe('answerAtHome', () => {
  it('asks the home, and answers itself what is its own or is over', async () => {
    const deps = { nodeId: 'me', recover: async () => undefined };
    const ask = async (nodeId: string) => `from ${nodeId}`;
    expect(await answerAtHome(deps, transferAt('other'), question(ask))).toBe('from other');
    expect(await answerAtHome(deps, transferAt('me'), question(ask))).toBe('here');
    expect(await answerAtHome(deps, transferAt('other', 'sealed'), question(ask))).toBe('here');
  });

  it('asks the new home when the old one does not answer and its replica takes over', async () => {
    const transfer = transferAt('dead');
    const deps = { nodeId: 'me', recover: async () => moveTo(transfer, 'replica') };
    const ask = (nodeId: string) => (nodeId === 'dead' ? lost() : Promise.resolve(`from ${nodeId}`));
    expect(await answerAtHome(deps, transfer, question(ask))).toBe('from replica');
  });

  it('does not wait for a frozen home longer than its replica needs to take over', async () => {
    const transfer = transferAt('frozen');
    const deps = { nodeId: 'me', recover: async () => moveTo(transfer, 'me') };
    const ask = (nodeId: string) => (nodeId === 'frozen' ? never() : lost());
    expect(await answerAtHome(deps, transfer, question(ask))).toBe('here');
  });

  it('says unavailable rather than that chunks are missing; where a guess is welcome it guesses', async () => {
    const deps = { nodeId: 'me', recover: async () => undefined };
    await expect(answerAtHome(deps, transferAt('dead'), question(lost))).rejects.toMatchObject({ type: 'unavailable' });
    expect(await answerAtHome(deps, transferAt('dead'), question(lost, true))).toBe('here');
  });

  it('recovers from a home that cannot commit when its status says so, and passes its refusal of anything else on', async () => {
    const away = () => Promise.reject(new PeerLinkError('unavailable', 'the database does not answer'));
    const ask = (nodeId: string) => (nodeId === 'cut' ? away() : Promise.resolve(`from ${nodeId}`));
    const transfer = transferAt('cut');
    let turn = 0;
    const deps = {
      nodeId: 'me',
      recover: async () => {
        turn += 1;
        moveTo(transfer, 'replica');
      },
    };
    await expect(answerAtHome(deps, transfer, question(ask, true))).rejects.toMatchObject({ type: 'unavailable' });
    expect(turn).toBe(0);
    expect(await answerAtHome(deps, transfer, { ...question(ask), isRefusalTelling: true })).toBe('from replica');
  });

  it('asks who took over when the home hands the transfer over meanwhile, this node or another', async () => {
    const moved = () => Promise.reject(new PeerLinkError('moved', 'gone'));
    const elsewhere = transferAt('draining');
    const deps = { nodeId: 'me', recover: async () => moveTo(elsewhere, 'replica') };
    const ask = (nodeId: string) => (nodeId === 'draining' ? moved() : Promise.resolve(`from ${nodeId}`));
    expect(await answerAtHome(deps, elsewhere, question(ask))).toBe('from replica');
    const mine = transferAt('me');
    const here = () => {
      moveTo(mine, 'replica');
      return moved();
    };
    const asked = { ...question(ask), here };
    expect(await answerAtHome({ ...deps, recover: null }, mine, asked)).toBe('from replica');
  });

  it('gives up when the new home does not answer either', async () => {
    const transfer = transferAt('dead');
    let turn = 0;
    const deps = {
      nodeId: 'me',
      recover: async () => {
        turn += 1;
        moveTo(transfer, `next ${turn}`);
      },
    };
    await expect(answerAtHome(deps, transfer, question(lost))).rejects.toMatchObject({ type: 'unavailable' });
    expect(turn).toBe(2);
  });

  it('passes on what the home refused with', async () => {
    const deps = { nodeId: 'me', recover: async () => undefined };
    const refused = () => Promise.reject(new PeerLinkError('not_found', 'no'));
    await expect(answerAtHome(deps, transferAt('other'), question(refused, true))).rejects.toMatchObject({
      type: 'not_found',
    });
  });
});

describe('openWhere', () => {
  const there = async (nodeId: string) => `at ${nodeId}`;
  const here = async () => 'here';
  it('opens at the node that placement names', async () => {
    expect(await openWhere('me', async () => 'other', { there, here })).toBe('at other');
    expect(await openWhere('me', async () => 'me', { there, here })).toBe('here');
  });
  it('opens here when nobody can say where, or that node is gone', async () => {
    expect(await openWhere('me', lost, { there, here })).toBe('here');
    expect(await openWhere('me', async () => 'other', { there: lost, here })).toBe('here');
  });
  it('passes on a refusal', async () => {
    const refused = () => Promise.reject(new PeerLinkError('too_large', 'no'));
    await expect(openWhere('me', async () => 'other', { there: refused, here })).rejects.toMatchObject({
      type: 'too_large',
    });
  });
});
