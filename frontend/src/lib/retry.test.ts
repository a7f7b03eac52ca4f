import { describe, expect, it } from '@jest/globals';
import type { ErrorType } from '../../../services/contracts/errors.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import { nextTryInMs } from './retry.ts';

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
