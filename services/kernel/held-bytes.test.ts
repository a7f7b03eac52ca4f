import { describe, expect, it } from '@jest/globals';
import { HeldBytes } from './held-bytes.ts';

function world(maxBytes = 100) {
  const clock = { nowMs: 1_000 };
  const held = new HeldBytes({ maxBytes, sparedMs: 10, nowMs: () => clock.nowMs });
  const cut: string[] = [];
  return { clock, held, cut, begin: (name: string) => held.begin(() => cut.push(name)) };
}

describe('what clients make a process hold', () => {
  it('is taken up to the bound, refused one byte over it, and taken again once somebody gave back', () => {
    const { begin, held, cut } = world();
    const [first, second] = [begin('first'), begin('second')];
    expect([first.add(60), second.add(40), second.add(1)]).toEqual([true, true, false]);
    expect(held.bytes).toBe(100);
    first.give(10);
    expect([second.add(10), second.add(1), held.bytes]).toEqual([true, false, 100]);
    first.end();
    first.end();
    first.give(50);
    expect([held.bytes, second.add(50), held.bytes, cut]).toEqual([50, true, 100, []]);
    expect(first.add(1)).toBe(false);
  });

  it('is nothing of one that has ended, which can keep nothing any more though it may come back from a pause', () => {
    const { begin, held } = world();
    const [over, paused] = [begin('over'), begin('paused')];
    over.end();
    paused.add(10);
    paused.clear();
    expect([over.add(1), paused.add(2), held.bytes]).toEqual([false, true, 2]);
  });

  it('never costs who asks its place, however long it has kept most', () => {
    const { begin, cut, clock } = world();
    const asking = begin('asking');
    asking.add(60);
    begin('other').add(40);
    clock.nowMs += 9;
    begin('nobody');
    clock.nowMs += 1;
    asking.moved();
    clock.nowMs += 1_000;
    expect([asking.add(1), cut]).toEqual([true, ['other']]);
  });

  it('costs who kept most for longest its place, once it is no longer spared, and nobody while there is room', () => {
    const { begin, held, cut, clock } = world();
    const [large, small, late] = [begin('large'), begin('small'), begin('late')];
    large.add(50);
    small.add(20);
    clock.nowMs += 9;
    expect([late.add(31), cut]).toEqual([false, []]);
    // Everybody is looked at again after a quarter of a second.
    clock.nowMs += 250;
    expect(late.add(30)).toBe(true);
    expect(cut).toEqual([]);
    expect([late.add(1), cut, held.bytes]).toEqual([true, ['large'], 51]);
    expect([large.add(1), held.bytes]).toEqual([false, 51]);
  });

  it('spares who moved, and never cuts who asks', () => {
    const { begin, cut, clock } = world();
    const [moving, stuck] = [begin('moving'), begin('stuck')];
    moving.add(70);
    stuck.add(20);
    clock.nowMs += 20;
    moving.moved();
    expect([moving.add(20), cut]).toEqual([true, ['stuck']]);
    clock.nowMs += 20;
    expect([moving.add(11), cut]).toEqual([false, ['stuck']]);
  });

  it('cuts nobody for what could never fit', () => {
    const { begin, cut, clock } = world();
    begin('old').add(90);
    clock.nowMs += 1_000;
    expect([begin('huge').add(101), cut]).toEqual([false, []]);
  });
});
