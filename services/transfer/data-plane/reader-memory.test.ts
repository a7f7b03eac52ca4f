import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KeptPieces, ReaderMemory, type ReaderShare } from './reader-memory.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const MAX = 100;
function world() {
  let nowMs = 0;
  const memory = new ReaderMemory(() => nowMs, MAX);
  const cut: string[] = [];
  const signal = new AbortController().signal;
  return {
    memory,
    cut,
    enter: (name: string) => memory.enter(() => void cut.push(name)),
    /** What has become of it so far. */
    borrow: (share: ReaderShare, bytes: number, until: AbortSignal = signal) => {
      const seen = { outcome: 'waits' as unknown };
      share.borrow(bytes, until).then(
        () => {
          seen.outcome = 'lent';
        },
        (fault: unknown) => {
          seen.outcome = fault;
        },
      );
      return seen;
    },
    pass: async (ms: number) => {
      for (let left = ms; left > 0; left -= 250) {
        nowMs += Math.min(250, left);
        await jest.advanceTimersByTimeAsync(Math.min(250, left));
      }
      await jest.advanceTimersByTimeAsync(0);
    },
  };
}

describe('memory for readers', () => {
  it('is lent up to its bound; beyond half of it nobody reads ahead, at it streams wait in order', async () => {
    const { memory, enter, borrow, pass, cut } = world();
    const [a, b, c, d] = [enter('a'), enter('b'), enter('c'), enter('d')];
    const first = borrow(a, 49);
    await pass(0);
    expect([first.outcome, memory.isRoomy]).toEqual(['lent', true]);
    borrow(b, 51);
    await pass(0);
    expect([memory.isRoomy, memory.lentBytes]).toEqual([false, MAX]);
    const [third, fourth] = [borrow(c, 49), borrow(d, 1)];
    await pass(250);
    expect([third.outcome, fourth.outcome]).toEqual(['waits', 'waits']);
    b.repay(51, true);
    await pass(0);
    expect([third.outcome, fourth.outcome, memory.lentBytes]).toEqual(['lent', 'lent', 99]);
    expect(cut).toEqual([]);
  });

  it('is taken from who stands still for 30 s while others wait, from nobody else, and from nobody before', async () => {
    const { enter, borrow, pass, cut } = world();
    const [still, moving, next] = [enter('still'), enter('moving'), enter('next')];
    borrow(still, 50);
    borrow(moving, 50);
    await pass(29_000);
    moving.repay(10, true);
    borrow(moving, 10);
    await pass(31_000);
    expect(cut).toEqual([]);
    moving.repay(10, true);
    borrow(moving, 10);
    const waiting = borrow(next, 20);
    await pass(250);
    expect([cut, waiting.outcome]).toEqual([['still'], 'lent']);
    // What it had comes back when its socket is gone: it was given to others by then.
    still.repay(50, false);
    await pass(0);
    expect(borrow(still, 1).outcome).toBe('waits');
  });

  it('is refused after a minute of waiting, and to who has left at once', async () => {
    const { enter, borrow, pass } = world();
    const [moving, patient, leaving] = [enter('moving'), enter('patient'), enter('leaving')];
    borrow(moving, MAX);
    const left = new AbortController();
    const [gone, waiting] = [borrow(leaving, 1, left.signal), borrow(patient, 1)];
    left.abort(new Error('left'));
    await pass(0);
    expect(gone.outcome).toMatchObject({ message: 'left' });
    for (let second = 0; second < 60; second += 1) {
      expect(waiting.outcome).toBe('waits');
      moving.repay(0, true);
      await pass(1_000);
    }
    await pass(250);
    expect(waiting.outcome).toMatchObject({ type: 'busy', retryAfterSeconds: 5 });
  });

  it('stays lent to a stream that has ended until its client has everything, and no longer', async () => {
    const { memory, enter, borrow, pass } = world();
    const [drained, broken] = [enter('drained'), enter('broken')];
    borrow(drained, 30);
    borrow(broken, 30);
    await pass(0);
    drained.end(true);
    broken.end(false);
    expect(memory.lentBytes).toBe(30);
    drained.repay(30, true);
    broken.repay(30, false);
    expect(memory.lentBytes).toBe(0);
  });

  it('is kept for a stream of another node while its client has not taken the last piece', async () => {
    const { memory, enter, borrow, pass } = world();
    const share = enter('peer');
    borrow(share, 30);
    await pass(0);
    const kept = new KeptPieces(share, 30);
    const released: string[] = [];
    const pieces = [1, 2].map(() => kept.add({ bytes: [], release: (how) => void released.push(how) }));
    pieces[0]?.release('taken');
    kept.end(true);
    expect([memory.lentBytes, released]).toEqual([30, ['taken']]);
    pieces[1]?.release('taken');
    expect([memory.lentBytes, released]).toEqual([0, ['taken', 'taken']]);
  });
});
