import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ErrorType } from '../../../services/contracts/errors.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import { askAgainInMs, askUntilGranted, nextTryInMs } from './retry.ts';

const problem = (type: ErrorType, retryAfterMs: number | null = null): Fault => ({
  kind: 'problem',
  type,
  retryAfterMs,
});

describe('nextTryInMs', () => {
  it.each<[string, Fault, number, number | null]>([
    ['a broken line at once, then later', { kind: 'network' }, 1, 125],
    ['a broken line for the third time', { kind: 'network' }, 3, 500],
    ['not a fourth time', { kind: 'network' }, 4, null],
    ['a node that drains when it says', problem('draining', 2_000), 1, 2_000],
    ['a node that stands alone', problem('unavailable'), 2, 250],
    ['not one that asks for long', problem('unavailable', 5_000), 1, null],
    ['not one that took too long: it would take as long again', { kind: 'timeout' }, 1, null],
    ['no refusal', problem('too_large'), 1, null],
    ['no mistake of the server', problem('internal'), 1, null],
  ])('tries again: %s', (_what, fault, tries, wanted) => {
    expect(nextTryInMs(fault, tries, () => 0)).toBe(wanted);
  });
});

describe('askAgainInMs', () => {
  it.each<[string, Fault, number | null]>([
    ['a home that did not answer in time', { kind: 'timeout' }, 2_000],
    ['a node that is not ready', problem('unavailable'), 2_000],
    ['a server that names its time', problem('rate_limited', 30_000), 30_000],
    ['not more often than that it says anything new', problem('busy', 100), 2_000],
    ['not what is not there', problem('not_found'), null],
    ['not what needs a password', problem('password_required'), null],
  ])('asks again: %s', (_what, fault, wanted) => {
    expect(askAgainInMs(fault)).toBe(wanted);
  });
});

describe('askUntilGranted', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  /** Answers one after the other; the last one for ever. */
  function asking(...answers: readonly (Fault | null)[]) {
    let asked = 0;
    const end = askUntilGranted(async () => answers[Math.min(asked++, answers.length - 1)] ?? null);
    return { asked: () => asked, end };
  }

  it('asks again while a server is away, and no more once it was granted or refused for good', async () => {
    const granted = asking({ kind: 'network' }, { kind: 'timeout' }, null);
    const refused = asking({ kind: 'network' }, problem('not_found'));
    await jest.advanceTimersByTimeAsync(60_000);
    expect([granted.asked(), refused.asked()]).toEqual([3, 2]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('ends with whoever asked, also while an answer is on its way', async () => {
    const waiting = asking({ kind: 'network' });
    await jest.advanceTimersByTimeAsync(2_100);
    waiting.end();
    const underway = asking({ kind: 'network' });
    underway.end();
    await jest.advanceTimersByTimeAsync(60_000);
    expect([waiting.asked(), underway.asked()]).toEqual([2, 1]);
    expect(jest.getTimerCount()).toBe(0);
  });
});
