import { describe, expect, it } from '@jest/globals';
import { RECENTLY_MS, RoomIndex } from './room-index.ts';

const at = (sessionId: string, room = 'r', displayName = sessionId.toUpperCase()) => ({ sessionId, displayName, room });
const idsOf = (index: RoomIndex, room = 'r') =>
  index
    .people(room)
    .map(({ id }) => id)
    .sort();
const friendsOf = (index: RoomIndex, id: string, others: readonly string[], nowMs: number) =>
  index.roommates(id, others, nowMs).map((person) => person.id);

describe('who is in which room', () => {
  it('is what all nodes say, each person once', () => {
    const index = new RoomIndex();
    expect(index.put('n1', at('a'), 0)).toBe(true);
    expect(index.put('n2', at('a'), 0)).toBe(false);
    expect([...index.replace('n2', [at('a'), at('b'), at('c', 's')], 0)].sort()).toEqual(['r', 's']);
    expect([idsOf(index), idsOf(index, 's'), index.count('r')]).toEqual([['a', 'b'], ['c'], 2]);
    expect(index.remove('n1', 'a', 'r', 1)).toBe(false);
    expect(idsOf(index)).toEqual(['a', 'b']);
    expect([...index.replace('n2', [], 2)].sort()).toEqual(['r', 's']);
    expect([idsOf(index), index.count('r'), index.isIn('r', 'a')]).toEqual([[], 0, false]);
  });

  it('tells a change only where something looks different', () => {
    const index = new RoomIndex();
    index.replace('n1', [at('a'), at('b', 's')], 0);
    expect([...index.replace('n1', [at('b', 's'), at('a')], 1)]).toEqual([]);
    expect([...index.replace('n1', [at('b', 's', 'New'), at('a')], 1)]).toEqual(['s']);
    expect(index.people('s')).toEqual([{ id: 'b', displayName: 'New' }]);
    expect(index.remove('n1', 'nobody', 'r', 1)).toBe(false);
    expect(index.remove('n2', 'a', 'r', 1)).toBe(false);
  });

  it('has the new name of somebody in every room at once, and the same one at every node', () => {
    const index = new RoomIndex();
    index.replace('n2', [at('a', 'r', 'Old'), at('a', 's', 'Old')], 0);
    index.put('n1', at('a', 'r', 'Old'), 0);
    const { changed, corrected } = index.rename('a', 'New');
    expect([[...changed].sort(), [...corrected].sort()]).toEqual([
      ['r', 's'],
      ['n1', 'n2'],
    ]);
    for (const id of ['a', 'nobody']) expect(index.rename(id, 'New')).toEqual({ changed: [], corrected: new Set() });
    expect(index.said('n1')).toEqual([at('a', 'r', 'New')]);
    expect(index.put('n2', at('a', 'r', 'Other'), 1)).toBe(false);
    expect(index.people('r')).toEqual([{ id: 'a', displayName: 'New' }]);
  });
});

describe('roommates', () => {
  it('are those of the same room, in the order asked for, never oneself', () => {
    const index = new RoomIndex();
    index.replace('n1', [at('a'), at('b'), at('c', 's')], 0);
    index.replace('n2', [at('d'), at('c', 't')], 0);
    expect(index.roommates('a', ['d', 'x', 'a', 'b', 'c', 'd'], 1)).toEqual([
      { id: 'd', displayName: 'D' },
      { id: 'b', displayName: 'B' },
    ]);
    expect(friendsOf(index, 'x', ['a', 'b'], 1)).toEqual([]);
    expect(friendsOf(index, 'c', ['a', 'b', 'd'], 1)).toEqual([]);
  });

  it.each([
    ['the other left', 'b'],
    ['the sender left', 'a'],
  ])('stay so for ten seconds after %s', (_name, leaver) => {
    const index = new RoomIndex();
    index.replace('n1', [at('a'), at('b')], 0);
    index.remove('n1', leaver, 'r', 5);
    expect(friendsOf(index, 'a', ['b'], 5 + RECENTLY_MS)).toEqual(['b']);
    expect(friendsOf(index, 'a', ['b'], 6 + RECENTLY_MS)).toEqual([]);
    index.sweep(5 + RECENTLY_MS);
    expect(friendsOf(index, 'a', ['b'], 5 + RECENTLY_MS)).toEqual(['b']);
    index.sweep(6 + RECENTLY_MS);
    expect(friendsOf(index, 'a', ['b'], 5)).toEqual([]);
  });

  it('are not two who missed each other, unless one was away for a moment only', () => {
    const index = new RoomIndex();
    index.put('n1', at('a'), 0);
    index.remove('n1', 'a', 'r', 10);
    index.put('n1', at('b'), 20);
    expect(friendsOf(index, 'a', ['b'], 30)).toEqual([]);
    index.put('n1', at('a'), 40);
    index.remove('n1', 'b', 'r', 50);
    expect(friendsOf(index, 'a', ['b'], 60)).toEqual(['b']);
    // Comes back long after: b, who is gone, was never there with them since.
    index.remove('n1', 'a', 'r', 60);
    index.put('n1', at('a'), 61 + RECENTLY_MS);
    index.put('n1', at('c'), 62 + RECENTLY_MS);
    index.remove('n1', 'c', 'r', 63 + RECENTLY_MS);
    expect(friendsOf(index, 'a', ['b', 'c'], 64 + RECENTLY_MS)).toEqual(['c']);
  });

  it('are forgotten when far too many leave, and nobody who came back with them', () => {
    const index = new RoomIndex();
    index.put('n1', at('back'), 0);
    index.remove('n1', 'back', 'r', 0);
    index.put('n1', at('back'), 0);
    for (let number = 0; number < 50_000; number += 1) {
      index.put('n1', at(`p${number}`), 1);
      index.remove('n1', `p${number}`, 'r', 1);
    }
    expect(friendsOf(index, 'back', ['p0', 'p49999'], 1)).toEqual(['p49999']);
    expect([idsOf(index), index.count('r')]).toEqual([['back'], 1]);
  });
});
