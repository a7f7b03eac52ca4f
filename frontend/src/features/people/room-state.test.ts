import { describe, expect, it } from '@jest/globals';
import type { PeopleSnapshot, Room } from '../../../../services/contracts/people.ts';
import { codeIn, nextRoom, type RoomState, snapshotOf } from './room-state.ts';

const you = { id: 'you', displayName: 'You' };
const snapshot = (room: Room | null, ...names: string[]): PeopleSnapshot => ({
  you,
  room,
  people: names.map((name) => ({ id: name, displayName: name })),
});
const here = snapshot({ kind: 'named', code: 'abc' }, 'Zoe', 'Ada', 'you');
const joined = nextRoom(nextRoom({ name: 'away' }, { type: 'wanted', room: 'abc' }), {
  type: 'joined',
  room: 'abc',
  snapshot: here,
});

describe('being seen in a room', () => {
  it('lists the others by name, each once and without oneself', () => {
    expect(snapshotOf(joined)?.people.map(({ id }) => id)).toEqual(['Ada', 'Zoe']);
  });

  it('keeps who was there on the screen while the connection is made again', () => {
    const lost = nextRoom(joined, { type: 'lost' });
    expect(lost.name).toBe('joining');
    expect(snapshotOf(lost)?.people).toHaveLength(2);
  });

  it('shows nobody of the room before when another one is wanted', () => {
    const moving = nextRoom(joined, { type: 'wanted', room: null });
    expect(snapshotOf(moving)).toBeNull();
    expect(nextRoom(moving, { type: 'changed', snapshot: here })).toBe(moving);
    expect(nextRoom(moving, { type: 'joined', room: 'abc', snapshot: here })).toBe(moving);
    expect(nextRoom(moving, { type: 'refused', room: 'abc', fault: { kind: 'network' } })).toBe(moving);
  });

  it('hears of changes in its own room only', () => {
    const other = snapshot({ kind: 'local' }, 'Eve');
    expect(nextRoom(joined, { type: 'changed', snapshot: other })).toBe(joined);
    const changed = nextRoom(joined, { type: 'changed', snapshot: snapshot({ kind: 'named', code: 'abc' }, 'Bo') });
    expect(snapshotOf(changed)?.people.map(({ id }) => id)).toEqual(['Bo']);
  });

  it('can be wanted again after a refusal, and hears nothing after leaving', () => {
    const refused: RoomState = { name: 'refused', wanted: 'abc', fault: { kind: 'timeout' } };
    expect(nextRoom(refused, { type: 'wanted', room: 'abc' }).name).toBe('joining');
    const left = nextRoom(joined, { type: 'left' });
    expect(nextRoom(left, { type: 'joined', room: 'abc', snapshot: here })).toEqual({ name: 'away' });
  });

  it.each([
    [' k7qm-2 ', 'k7qm-2'],
    ['K7 QM', 'K7QM'],
    ['https://files.example.org/people/k7qm?x=1', 'k7qm'],
    ['  ', ''],
    ['x'.repeat(100), 'x'.repeat(64)],
  ])('finds the code in %j', (text, code) => {
    expect(codeIn(text)).toBe(code);
  });
});
