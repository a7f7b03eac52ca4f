import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import { DirectUpkeep } from './direct-upkeep.ts';
import type { ReceiptReport } from './ports.ts';

const TERM = { nodeId: 'leader', epoch: 3 };

/** Rows that answer when the test says so, and a clock. */
function world() {
  const time = { nowMs: 0 };
  const told: ReceiptReport[][] = [];
  const calls: string[] = [];
  const rows = {
    isUp: true,
    refused: [] as readonly ReceiptReport[],
    held: null as Promise<void> | null,
    whileReporting: () => {},
  };
  const upkeep = new DirectUpkeep({
    direct: {
      report: async (reports) => {
        await rows.held;
        rows.whileReporting();
        if (!rows.isUp) throw new PeerLinkError('unavailable', 'the database does not answer');
        told.push([...reports]);
        return rows.refused;
      },
      obeyEnd: async (ids) => void calls.push(`ended ${ids.join()}`),
      tellAnswered: (ids) => void calls.push(`answered ${ids.join()}`),
    },
    repository: {
      settle: async () => ['late'],
      endOver: async () => ['over'],
      deleteOver: async () => {
        calls.push('deleted');
        return 1;
      },
    },
    nowMs: () => time.nowMs,
    onFault: (what) => void calls.push(`fault ${what}`),
  });
  return { time, told, calls, rows, upkeep };
}
const rangesOf = (told: readonly ReceiptReport[][]) =>
  told.map((all) => all.map(({ fileIndex, ranges }) => [fileIndex, ranges]));

describe('what recipients take', () => {
  it('is told as merged ranges a file, and nothing when nothing moved', async () => {
    const { upkeep, told } = world();
    await upkeep.report();
    const stream = upkeep.begin('t', 'ben', () => {});
    stream.taken(0, 0, 5);
    stream.taken(0, 5, 9);
    stream.taken(1, 20, 30);
    stream.taken(0, 3, 7);
    stream.taken(2, 0, 0);
    await upkeep.report();
    await upkeep.report();
    expect(rangesOf(told)).toEqual([
      [
        [0, [[0, 9]]],
        [1, [[20, 30]]],
        [2, []],
      ],
    ]);
    expect(told[0]?.[0]).toMatchObject({ transferId: 't', sessionId: 'ben', isWritten: false });
  });

  it('is told again, with what came since, when the database did not answer', async () => {
    const { upkeep, told, rows } = world();
    const stream = upkeep.begin('t', 'ben', () => {});
    stream.taken(0, 0, 5);
    stream.taken(3, 0, 0);
    rows.isUp = false;
    await expect(upkeep.report()).rejects.toMatchObject({ type: 'unavailable' });
    stream.taken(0, 5, 8);
    rows.isUp = true;
    await upkeep.report();
    expect(rangesOf(told)).toEqual([
      [
        [0, [[0, 8]]],
        [3, []],
      ],
    ]);
  });

  it('is told at once at the end of a stream, also what came while a report was on its way', async () => {
    const { upkeep, told, rows } = world();
    const stream = upkeep.begin('t', 'ben', () => {});
    let letGo = () => {};
    rows.held = new Promise((resolve) => {
      letGo = resolve;
    });
    stream.taken(0, 0, 5);
    const first = upkeep.report();
    stream.taken(0, 5, 6);
    stream.end();
    letGo();
    await first;
    await upkeep.report();
    expect(rangesOf(told)).toEqual([[[0, [[0, 5]]]], [[0, [[5, 6]]]]]);
  });

  it('is one report a turn, however fast a stream moves meanwhile', async () => {
    const { upkeep, told, rows } = world();
    const stream = upkeep.begin('t', 'ben', () => {});
    let position = 0;
    const moves = () => stream.taken(0, position, ++position);
    rows.whileReporting = () => {
      if (position < 1_000) moves();
    };
    moves();
    await upkeep.report();
    expect(rangesOf(told)).toEqual([[[0, [[0, 1]]]]]);
    await upkeep.report();
    expect(rangesOf(told).at(-1)).toEqual([[0, [[1, 2]]]]);
  });

  it('ends the streams of those who may not read any more, and no others', async () => {
    const { upkeep, rows } = world();
    const cut: string[] = [];
    const [bens, again, cleos] = ['ben', 'ben', 'cleo'].map((name, index) =>
      upkeep.begin('t', name, () => void cut.push(`${name} ${index}`)),
    );
    upkeep.begin('other', 'ben', () => void cut.push('other'));
    again?.end();
    bens?.taken(0, 0, 1);
    cleos?.taken(0, 0, 1);
    rows.refused = [{ transferId: 't', sessionId: 'ben', fileIndex: 0, ranges: [[0, 1]], isWritten: false }];
    await upkeep.report();
    expect(cut).toEqual(['ben 0']);
  });
});

describe('the leader', () => {
  it('tells what expired, ends what is over, and now and then deletes what nobody is shown', async () => {
    const { upkeep, calls, time } = world();
    expect(await upkeep.lead(TERM)).toBe(1);
    time.nowMs += 30_000;
    await upkeep.lead(TERM);
    expect(calls).toEqual(['answered late', 'ended over', 'answered late', 'ended over', 'deleted']);
  });
});
