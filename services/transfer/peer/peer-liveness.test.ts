import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PeerLiveness } from './peer-liveness.ts';
import type { Probe } from './probe.ts';
import { watchProgress } from './progress-watch.ts';

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

describe('what is known of other nodes', () => {
  function asked() {
    const waiting: ((probe: Probe) => void)[] = [];
    const liveness = new PeerLiveness(() => new Promise((resolve) => waiting.push(resolve)));
    return { liveness, waiting };
  }

  it('is asked once by those who ask together, and again after a moment', async () => {
    const { liveness, waiting } = asked();
    const all = [liveness.isAlive('a'), liveness.isAlive('a'), liveness.isAlive('b')];
    expect(waiting).toHaveLength(2);
    for (const answer of waiting.splice(0)) answer('alive');
    expect(await Promise.all(all)).toEqual([true, true, true]);
    expect(await liveness.isAlive('a')).toBe(true);
    expect(waiting).toHaveLength(0);
    jest.advanceTimersByTime(301);
    void liveness.isAlive('a');
    expect(waiting).toHaveLength(1);
  });

  it('doubts a node that failed somebody for ten seconds, or until it answers', async () => {
    const { liveness, waiting } = asked();
    liveness.doubt('a');
    expect(liveness.isDoubtful('a')).toBe(true);
    jest.advanceTimersByTime(10_001);
    expect(liveness.isDoubtful('a')).toBe(false);
    const silent = liveness.isAlive('a');
    waiting.shift()?.('silent');
    expect(await silent).toBe(false);
    expect(liveness.isDoubtful('a')).toBe(true);
    jest.advanceTimersByTime(301);
    const back = liveness.isAlive('a');
    waiting.shift()?.('alive');
    expect(await back).toBe(true);
    expect(liveness.isDoubtful('a')).toBe(false);
  });

  it('is left as it was when this node cannot ask', async () => {
    const liveness = new PeerLiveness(() => Promise.reject(new Error('no file descriptor is free')));
    expect(await liveness.isAlive('a')).toBe(true);
    expect(liveness.isDoubtful('a')).toBe(false);
    liveness.doubt('b');
    expect(await liveness.isAlive('b')).toBe(true);
    expect(liveness.isDoubtful('b')).toBe(true);
  });
});

describe('a stream that is watched', () => {
  function watched(progress: () => number | null, answers: boolean[]) {
    let asked = 0;
    let gone = 0;
    let hasLeft = false;
    const stop = watchProgress({
      progress,
      hasLeft: () => hasLeft,
      isGone: async () => {
        asked += 1;
        return answers.shift() ?? false;
      },
      onGone: () => (gone += 1),
    });
    return { stop, asked: () => asked, gone: () => gone, leave: () => (hasLeft = true) };
  }

  it('has its node asked after a second without progress, again each second, and is given up when it is gone', async () => {
    const stream = watched(() => 5, [false, true]);
    await jest.advanceTimersByTimeAsync(900);
    expect(stream.asked()).toBe(0);
    await jest.advanceTimersByTimeAsync(400);
    expect([stream.asked(), stream.gone()]).toEqual([1, 0]);
    await jest.advanceTimersByTimeAsync(1_300);
    expect([stream.asked(), stream.gone()]).toEqual([2, 1]);
    stream.stop();
    await jest.advanceTimersByTimeAsync(10_000);
    expect(stream.asked()).toBe(2);
  });

  it('is left alone while it moves, and while it is not the node that is waited for', async () => {
    let moved = 0;
    const moving = watched(() => moved++, []);
    const waiting = watched(() => null, []);
    await jest.advanceTimersByTimeAsync(30_000);
    expect([moving.asked(), waiting.asked()]).toEqual([0, 0]);
    moving.stop();
    waiting.stop();
  });

  it('is given up at once when the row names another node, unless it still moves', async () => {
    let moved = 0;
    const moving = watched(() => moved++, []);
    const still = watched(() => 5, []);
    moving.leave();
    still.leave();
    await jest.advanceTimersByTimeAsync(300);
    expect([moving.gone(), still.gone()]).toEqual([0, 1]);
    await jest.advanceTimersByTimeAsync(10_000);
    expect([moving.gone(), still.gone(), still.asked()]).toEqual([0, 1, 0]);
    moving.stop();
  });

  it('that moved again while its node was asked is not given up', async () => {
    let position = 5;
    let answer: (isGone: boolean) => void = () => {};
    let gone = 0;
    const stop = watchProgress({
      progress: () => position,
      hasLeft: () => false,
      isGone: () => new Promise((resolve) => (answer = resolve)),
      onGone: () => (gone += 1),
    });
    await jest.advanceTimersByTimeAsync(1_500);
    position = 6;
    answer(true);
    await jest.advanceTimersByTimeAsync(100);
    expect(gone).toBe(0);
    stop();
  });
});
