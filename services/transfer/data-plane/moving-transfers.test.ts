import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { KIB, MAX_QUEUED_STREAMS, MIB } from '../../contracts/limits.ts';
import { MovingTransfers } from './moving-transfers.ts';

let nowMs = 0;
beforeEach(() => {
  nowMs = 1_000_000;
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 250) {
    nowMs += Math.min(250, left);
    await jest.advanceTimersByTimeAsync(Math.min(250, left));
  }
}

/** What became of an entrance so far. */
function watch<T>(entering: Promise<T>) {
  const seen: { stream?: T; refusal?: unknown } = {};
  entering.then(
    (stream) => {
      seen.stream = stream;
    },
    (fault: unknown) => {
      seen.refusal = fault;
    },
  );
  return seen;
}

describe('transfers that move at once', () => {
  it('are counted, not their streams: a transfer that moves may have any number', async () => {
    const moving = new MovingTransfers(1, () => nowMs);
    const streams = await Promise.all([moving.enter('a'), moving.enter('a'), moving.enter('a')]);
    expect([moving.transferCount, moving.streamCount]).toEqual([1, 3]);
    for (const stream of streams) stream.leave();
    streams[0]?.leave();
    expect([moving.transferCount, moving.streamCount]).toEqual([0, 0]);
  });

  it('let the next one in when one leaves, in the order they came', async () => {
    const moving = new MovingTransfers(1, () => nowMs);
    const first = await moving.enter('a');
    const second = watch(moving.enter('b'));
    const third = watch(moving.enter('c'));
    await pass(0);
    expect([second.stream, third.stream]).toEqual([undefined, undefined]);
    first.leave();
    await jest.advanceTimersByTimeAsync(0);
    expect(second.stream).toBeDefined();
    expect(third.stream).toBeUndefined();
  });

  it('hold no slot while nothing moves', async () => {
    const moving = new MovingTransfers(1, () => nowMs);
    const first = await moving.enter('a');
    const second = watch(moving.enter('b'));
    await pass(750);
    first.moved(MIB);
    await pass(750);
    expect(second.stream).toBeUndefined();
    await pass(500);
    expect(second.stream).toBeDefined();
    expect(moving.transferCount).toBe(2);
  });

  it('hold none either while a byte comes now and then, though they go on', async () => {
    const moving = new MovingTransfers(2, () => nowMs);
    const [trickling, slow] = await Promise.all([moving.enter('a'), moving.enter('b')]);
    const next = [watch(moving.enter('c')), watch(moving.enter('d')), watch(moving.enter('e'))];
    for (let turn = 0; turn < 8; turn += 1) {
      expect(next.map(({ stream }) => stream)).toEqual([undefined, undefined, undefined]);
      trickling.moved(1);
      slow.moved(127 * KIB);
      await pass(500);
    }
    await pass(250);
    // Two slots are free; one of the slow ones, which is fast now, takes its slot again once a window says so.
    expect(next.map(({ stream }) => stream !== undefined)).toEqual([true, true, false]);
    for (let turn = 0; turn < 9; turn += 1) {
      for (const stream of [slow, next[0]?.stream, next[1]?.stream]) stream?.moved(MIB);
      await pass(500);
    }
    expect(next[2]?.stream).toBeUndefined();
    next[0]?.stream?.leave();
    await pass(250);
    expect(next[2]?.stream).toBeUndefined();
    slow.leave();
    await pass(250);
    expect(next[2]?.stream).toBeDefined();
    trickling.leave();
  });

  it('hold one while the usual chunk comes every four seconds', async () => {
    const moving = new MovingTransfers(1, () => nowMs);
    const first = await moving.enter('a');
    for (let chunk = 0; chunk < 4; chunk += 1) {
      for (let part = 0; part < 8; part += 1) {
        first.moved(128 * KIB);
        await pass(500);
      }
    }
    const second = watch(moving.enter('b'));
    await pass(250);
    expect(second.stream).toBeUndefined();
  });

  it('refuse as busy who waited 30 s, and whoever finds the queue full', async () => {
    const moving = new MovingTransfers(1, () => nowMs);
    const first = await moving.enter('a');
    const waiting = Array.from({ length: MAX_QUEUED_STREAMS }, (_, index) => watch(moving.enter(`b${index}`)));
    await expect(moving.enter('over')).rejects.toMatchObject({ type: 'busy', retryAfterSeconds: 5 });
    for (let turn = 0; turn < 61; turn += 1) {
      first.moved(128 * KIB);
      await pass(500);
    }
    for (const one of waiting) expect(one.refusal).toMatchObject({ type: 'busy' });
  });
});
