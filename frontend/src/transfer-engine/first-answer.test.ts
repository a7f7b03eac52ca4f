import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { firstAnswer, NEXT_AFTER_MS } from './first-answer.ts';

type Answer = 'good' | 'bad' | 'never';

describe('firstAnswer', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function asking(script: Readonly<Record<string, readonly [Answer, number]>>) {
    const asked: [string, number][] = [];
    const ask = (address: string) => {
      asked.push([address, Date.now() - begunMs]);
      const [answer, afterMs] = script[address] ?? ['never', 0];
      return new Promise<Answer>((resolve) => {
        if (answer !== 'never') setTimeout(() => resolve(answer), afterMs);
      });
    };
    const begunMs = Date.now();
    const found = firstAnswer(Object.keys(script), ask, (answer) => answer === 'good');
    return { asked, found };
  }

  it('asks only the first when that answers', async () => {
    const { asked, found } = asking({ a: ['good', 100], b: ['good', 0] });
    await jest.advanceTimersByTimeAsync(60_000);
    expect(await found).toEqual({ address: 'a', answer: 'good' });
    expect(asked).toEqual([['a', 0]]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('asks the next at once when one has failed', async () => {
    const { asked, found } = asking({ a: ['bad', 10], b: ['bad', 10], c: ['good', 10] });
    await jest.advanceTimersByTimeAsync(1_000);
    expect(await found).toEqual({ address: 'c', answer: 'good' });
    expect(asked).toEqual([
      ['a', 0],
      ['b', 10],
      ['c', 20],
    ]);
  });

  it('asks the next beside one that takes long, and takes whichever answers first', async () => {
    const { asked, found } = asking({ a: ['never', 0], b: ['never', 0], c: ['good', 5] });
    await jest.advanceTimersByTimeAsync(2 * NEXT_AFTER_MS + 5);
    expect(await found).toEqual({ address: 'c', answer: 'good' });
    expect(asked.map(([, atMs]) => atMs)).toEqual([0, NEXT_AFTER_MS, 2 * NEXT_AFTER_MS]);
  });

  it('answers what the first said when all have failed, and null when there is nobody', async () => {
    const { found } = asking({ a: ['bad', 4_000], b: ['bad', 1] });
    await jest.advanceTimersByTimeAsync(5_000);
    expect(await found).toEqual({ address: 'a', answer: 'bad' });
    expect(await firstAnswer([], async () => 'good', Boolean)).toBeNull();
  });
});
