import { describe, expect, it } from '@jest/globals';
import type { ErrorType } from '../../../services/contracts/errors.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { Removals } from './removals.ts';

const GONE: Answered<null> = { ok: true, value: null };
const AWAY: Answered<null> = { ok: false, fault: { kind: 'network' } };
const refused = (type: ErrorType): Answered<null> => ({
  ok: false,
  fault: { kind: 'problem', type, retryAfterMs: null },
});

function removals(answers: Answered<null>[]) {
  const steps: string[] = [];
  const all = new Removals({
    stop: (id) => steps.push(`stop ${id}`),
    ask: async ({ transferId, uploadToken }, outlivesPage) => {
      steps.push(`ask ${transferId} ${uploadToken ?? 'cookie'}${outlivesPage ? ' outliving' : ''}`);
      return answers.shift() ?? AWAY;
    },
    forget: (id) => steps.push(`forget ${id}`),
  });
  return { all, steps, failed: () => all.read().map(({ name }) => name) };
}

describe('deleting a transfer', () => {
  it('stops it at once, and forgets it only when the server says that it is gone', async () => {
    const { all, steps, failed } = removals([GONE]);
    await all.remove({ transferId: 'a', name: 'film.mp4', uploadToken: 'token' }, { outlivesPage: true });
    expect(steps).toEqual(['stop a', 'ask a token outliving', 'forget a']);
    expect(failed()).toEqual([]);
  });

  it.each(['not_found', 'ended', 'expired', 'used_up'] as const)('takes %s for gone', async (type) => {
    const { all, steps, failed } = removals([refused(type)]);
    await all.remove({ transferId: 'a', name: 'film.mp4' });
    expect(steps.at(-1)).toBe('forget a');
    expect(failed()).toEqual([]);
  });

  it.each([
    ['a server that was not reached', AWAY],
    ['one that may not be told', refused('forbidden')],
    ['one that cannot right now', refused('unavailable')],
  ])('keeps what %s did not delete, and forgets nothing of it', async (_name, answer) => {
    const { all, steps, failed } = removals([answer]);
    await all.remove({ transferId: 'a', name: 'film.mp4' });
    expect(failed()).toEqual(['film.mp4']);
    expect(steps).toEqual(['stop a', 'ask a cookie']);
  });

  it('tries all of them again, each once, and tells of those that fail again', async () => {
    const { all, steps, failed } = removals([AWAY, AWAY, GONE, AWAY]);
    await all.remove({ transferId: 'a', name: 'one' });
    await all.remove({ transferId: 'b', name: 'two' });
    expect(failed()).toEqual(['two', 'one']);
    await all.tryAgain();
    // Asked in that order: the first succeeded.
    expect(failed()).toEqual(['one']);
    expect(steps.filter((step) => step.startsWith('ask'))).toHaveLength(4);
    expect(steps.filter((step) => step.startsWith('forget'))).toEqual(['forget b']);
  });
});
