import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MIB } from '../../contracts/limits.ts';
import type { GrantState } from '../../contracts/person.ts';
import { DirectUpkeep } from './direct-upkeep.ts';
import type { ReceiptReport } from './ports.ts';

const TERM = { nodeId: 'leader', epoch: 3 };

/** Rows that answer when the test says so, and a clock. */
function world() {
  const time = { nowMs: 0, receivedBytes: 0 };
  const told: ReceiptReport[][] = [];
  const calls: string[] = [];
  const rows = {
    isUp: true,
    refused: [] as readonly ReceiptReport[],
    held: null as Promise<void> | null,
    whileReporting: () => {},
    reachedBytes: 0,
    states: new Map<string, GrantState>(),
  };
  let asked = () => {};
  const isAsked = new Promise<void>((resolve) => {
    asked = resolve;
  });
  const upkeep = new DirectUpkeep({
    direct: {
      report: async (reports) => {
        asked();
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
      settle: async () => ({ transferIds: ['late'], outcomes: ['expired', 'left'] }),
      reached: async (of) => {
        if (!rows.isUp) throw new PeerLinkError('unavailable', 'the database does not answer');
        return of.map(() => rows.reachedBytes);
      },
      grantState: async (_, sessionId) => rows.states.get(sessionId) ?? null,
      endOver: async () => ['over'],
      deleteOver: async () => {
        calls.push('deleted');
        return 1;
      },
    },
    counter: {
      offers: (outcome, count) => void calls.push(`${count} ${outcome}`),
      received: (bytes) => {
        time.receivedBytes += bytes;
      },
    },
    nowMs: () => time.nowMs,
    onFault: (what) => void calls.push(`fault ${what}`),
  });
  return { time, told, calls, rows, upkeep, isAsked };
}
const rangesOf = (told: readonly ReceiptReport[][]) =>
  told.map((all) => all.map(({ fileIndex, ranges }) => [fileIndex, ranges]));

describe('what recipients take', () => {
  it('is told as merged ranges a file, and nothing when nothing moved', async () => {
    const { upkeep, told, time } = world();
    await upkeep.report();
    const stream = upkeep.begin('t', 'ben', null, () => {});
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
    expect(time.receivedBytes).toBe(5 + 4 + 10 + 4);
    expect(told[0]?.[0]).toMatchObject({ transferId: 't', sessionId: 'ben', isWritten: false });
  });

  it('is told again, with what came since, when the database did not answer', async () => {
    const { upkeep, told, rows } = world();
    const stream = upkeep.begin('t', 'ben', null, () => {});
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
    const { upkeep, told, rows, isAsked } = world();
    const stream = upkeep.begin('t', 'ben', null, () => {});
    let letGo = () => {};
    rows.held = new Promise((resolve) => {
      letGo = resolve;
    });
    stream.taken(0, 0, 5);
    const first = upkeep.report();
    await isAsked;
    stream.taken(0, 5, 6);
    stream.end();
    letGo();
    await first;
    await upkeep.report();
    expect(rangesOf(told)).toEqual([[[0, [[0, 5]]]], [[0, [[5, 6]]]]]);
  });

  it('is told before the end of an answer goes out, and holds that up no longer than a while', async () => {
    const { upkeep, told, rows, calls } = world();
    const stream = upkeep.begin('t', 'ben', null, () => {});
    stream.taken(0, 0, 5);
    await stream.told();
    expect(rangesOf(told)).toEqual([[[0, [[0, 5]]]]]);
    rows.isUp = false;
    stream.taken(0, 5, 9);
    await stream.told();
    expect(calls).toContain('fault receipts');
    rows.isUp = true;
    rows.held = new Promise(() => {});
    const startedMs = performance.now();
    await stream.told();
    const waitedMs = performance.now() - startedMs;
    expect([waitedMs > 900, waitedMs < 5_000]).toEqual([true, true]);
  });

  it('is one report a turn, however fast a stream moves meanwhile', async () => {
    const { upkeep, told, rows } = world();
    const stream = upkeep.begin('t', 'ben', null, () => {});
    let position = 0;
    const moves = () => stream.taken(0, position, ++position);
    rows.whileReporting = () => {
      if (position < 1_000) moves();
    };
    moves();
    await upkeep.report();
    // The first bytes were told at once; then one turn.
    expect(rangesOf(told)).toEqual([[[0, [[0, 1]]]], [[0, [[1, 2]]]]]);
    await upkeep.report();
    expect(rangesOf(told).slice(2)).toEqual([[[0, [[2, 3]]]]]);
  });

  it('ends the streams of those who may not read any more, and no others', async () => {
    const { upkeep, rows } = world();
    const cut: string[] = [];
    const [bens, again, cleos] = ['ben', 'ben', 'cleo'].map((name, index) =>
      upkeep.begin('t', name, null, () => void cut.push(`${name} ${index}`)),
    );
    upkeep.begin('other', 'ben', null, () => void cut.push('other'));
    again?.end();
    bens?.taken(0, 0, 1);
    cleos?.taken(0, 0, 1);
    rows.refused = [{ transferId: 't', sessionId: 'ben', fileIndex: 0, ranges: [[0, 1]], isWritten: false }];
    await upkeep.report();
    expect(cut).toEqual(['ben 0']);
  });
});

describe('a stream that waits', () => {
  it('ends when its recipient has left, or its session is over, and no other one', async () => {
    const { upkeep, rows } = world();
    const cut: string[] = [];
    for (const name of ['ben', 'cleo', 'dan', 'eve']) upkeep.begin('t', name, null, () => void cut.push(name));
    upkeep.begin('other', 'ben', null, () => void cut.push('other'));
    rows.states = new Map([
      ['ben', 'left'],
      ['cleo', 'accepted'],
      ['dan', 'received'],
    ]);
    await upkeep.obeyAnswer('t');
    await upkeep.obeyAnswer('unknown');
    expect(cut).toEqual(['ben', 'eve']);
  });
});

describe('who goes on at a byte', () => {
  const at = 80 * MIB;
  /** What is told of Ben once he has the next ten bytes. */
  const goesOn = async (reachedBytes: number, before: (upkeep: DirectUpkeep) => void = () => {}) => {
    const { upkeep, told, rows } = world();
    rows.reachedBytes = reachedBytes;
    before(upkeep);
    await upkeep.report();
    told.length = 0;
    upkeep.begin('t', 'ben', at, () => {}).taken(0, at, at + 10);
    await upkeep.report();
    return told.at(-1)?.[0]?.ranges;
  };

  it('has what its node had sent and not told when it was killed', async () => {
    expect(await goesOn(at - 20 * MIB)).toEqual([[at - 20 * MIB, at + 10]]);
    // Somebody else's streams, and those of another file, say nothing of it.
    const others = (upkeep: DirectUpkeep) => {
      upkeep.begin('t', 'cleo', null, () => {}).taken(0, 0, 5);
      upkeep.begin('t', 'ben', null, () => {}).taken(1, 0, 5);
    };
    expect(await goesOn(at - 1, others)).toEqual([[at - 1, at + 10]]);
  });

  it('is counted for what it takes only, when nothing is known of its beginning, or too little for that', async () => {
    const alone = [[at, at + 10]];
    expect(await goesOn(0)).toEqual(alone);
    expect(await goesOn(at - 64 * MIB - 1)).toEqual(alone);
    expect(await goesOn(at + 5)).toEqual(alone);
  });

  it('is counted for what it takes only at the node that has sent it other parts, which knows them all', async () => {
    const looksAhead = (upkeep: DirectUpkeep) => upkeep.begin('t', 'ben', null, () => {}).taken(0, 0, 5);
    expect(await goesOn(at - 5, looksAhead)).toEqual([[at, at + 10]]);
  });

  it('is believed later when the database does not answer', async () => {
    const { upkeep, told, rows } = world();
    rows.reachedBytes = at - 5;
    rows.isUp = false;
    upkeep.begin('t', 'ben', at, () => {}).taken(0, at, at + 10);
    await expect(upkeep.report()).rejects.toMatchObject({ type: 'unavailable' });
    rows.isUp = true;
    await upkeep.report();
    expect(rangesOf(told)).toEqual([[[0, [[at - 5, at + 10]]]]]);
  });

  it('finds its beginning told at once, whenever that node is killed', async () => {
    const { upkeep, told } = world();
    upkeep.begin('t', 'ben', null, () => {}).taken(0, 0, 5);
    for (let turn = 0; turn < 100 && told.length === 0; turn += 1) await Promise.resolve();
    expect(rangesOf(told)).toEqual([[[0, [[0, 5]]]]]);
  });
});

describe('the leader', () => {
  it('tells and counts what expired, ends what is over, and now and then deletes what nobody is shown', async () => {
    const { upkeep, calls, time } = world();
    expect(await upkeep.lead(TERM)).toBe(1);
    await upkeep.deleteOver(TERM);
    time.nowMs += 30_000;
    await upkeep.lead(TERM);
    await upkeep.deleteOver(TERM);
    const turn = ['1 expired', '1 left', 'answered late', 'ended over'];
    expect(calls).toEqual([...turn, ...turn, 'deleted']);
  });
});
