import { describe, expect, it } from '@jest/globals';
import { ReplicaChoice } from './replica-choice.ts';

/** Nodes `one` to `three` have room, in that order. */
function choiceOf(nodes = ['one', 'two', 'three']) {
  const clock = { nowMs: 0 };
  const choice = new ReplicaChoice({
    nodeId: 'home',
    placement: { choose: async (exclude) => ['home', ...nodes].find((id) => !exclude.includes(id)) ?? null },
    nowMs: () => clock.nowMs,
  });
  return { clock, choice };
}

describe('the choice of a replica', () => {
  it('is never the home itself', async () => {
    expect(await choiceOf([]).choice.choose()).toBeNull();
  });

  it('comes to a node that failed last, for a minute', async () => {
    const { clock, choice } = choiceOf();
    choice.failed('one', false);
    expect(await choice.choose()).toBe('two');
    choice.failed('two', false);
    choice.failed('three', false);
    expect(await choice.choose()).toBe('one');
    clock.nowMs = 60_000;
    choice.failed('three', false);
    expect(await choice.choose()).toBe('one');
  });

  it('does not come to one that refused chunks, be it the only one', async () => {
    const { clock, choice } = choiceOf(['one', 'two']);
    choice.failed('one', true);
    choice.failed('two', false);
    expect(await choice.choose()).toBe('two');
    choice.failed('two', true);
    expect(await choice.choose()).toBeNull();
    clock.nowMs = 60_000;
    expect(await choice.choose()).toBe('one');
  });
});
