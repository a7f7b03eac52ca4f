import { describe, expect, it } from '@jest/globals';
import { MAX_SEATS_PER_ADDRESS, MAX_SEATS_PER_SESSION, MAX_STRANGERS_PER_ADDRESS } from '../contracts/limits.ts';
import { isPrivate } from './rooms.ts';
import { assertSeatFree, type Seat } from './seats.ts';

const seat = (sessionId: string, addressKey: string, room = 'net'): Seat => ({
  sessionId,
  addressKey,
  place: { key: room },
});
const taken = (count: number, make: (index: number) => Seat) =>
  new Map(Array.from({ length: count }, (_, index) => [`socket${index}`, make(index)]));
const outcome = (seats: ReadonlyMap<string, Seat>, wanted: Seat, { isShared = true, socketId = 'new' } = {}) => {
  try {
    assertSeatFree(seats, socketId, wanted, isShared);
    return 'free';
  } catch (fault) {
    return (fault as { data: { limit: number } }).data.limit;
  }
};

describe('a seat in a room', () => {
  it('is free for a session up to its twenty, from wherever they are, and for everybody else still', () => {
    const most = (count: number) => taken(count, (index) => seat('a', `address${index}`, `room${index}`));
    expect(outcome(most(MAX_SEATS_PER_SESSION - 1), seat('a', 'x'))).toBe('free');
    expect(outcome(most(MAX_SEATS_PER_SESSION), seat('a', 'x'))).toBe(MAX_SEATS_PER_SESSION);
    expect(outcome(most(MAX_SEATS_PER_SESSION), seat('b', 'address0'))).toBe('free');
    // Who moves to another room keeps the place.
    expect(outcome(most(MAX_SEATS_PER_SESSION), seat('a', 'x'), { socketId: 'socket3' })).toBe('free');
  });

  it('is free for an address up to a tenth of the node, whatever sessions it makes', () => {
    const most = (count: number) => taken(count, (index) => seat(`s${index}`, 'a', `room${index}`));
    expect(outcome(most(MAX_SEATS_PER_ADDRESS - 1), seat('new', 'a'))).toBe('free');
    expect(outcome(most(MAX_SEATS_PER_ADDRESS), seat('new', 'a'))).toBe(MAX_SEATS_PER_ADDRESS);
    expect(outcome(most(MAX_SEATS_PER_ADDRESS), seat('new', 'b'))).toBe('free');
  });

  it('of a network is free for one machine up to a quarter of the room; of a code or an office it always is', () => {
    const most = (count: number) => taken(count, (index) => seat(`s${index}`, 'a'));
    expect(outcome(most(MAX_STRANGERS_PER_ADDRESS - 1), seat('new', 'a'))).toBe('free');
    expect(outcome(most(MAX_STRANGERS_PER_ADDRESS), seat('new', 'a'))).toBe(MAX_STRANGERS_PER_ADDRESS);
    expect(outcome(most(MAX_STRANGERS_PER_ADDRESS), seat('new', 'a'), { isShared: false })).toBe('free');
    expect(outcome(most(MAX_STRANGERS_PER_ADDRESS), seat('new', 'a', 'other'))).toBe('free');
    expect(outcome(most(MAX_STRANGERS_PER_ADDRESS), seat('new', 'b'))).toBe('free');
  });

  it('is of a shared network where addresses are private', () => {
    const addresses = [
      '192.168.1.5',
      '10.0.0.1',
      'fe80::1',
      'fd00::1',
      '203.0.113.7',
      '2001:db8::1',
      '2a00::1',
      '',
      'x',
    ];
    expect(addresses.map(isPrivate)).toEqual([true, true, true, true, false, false, false, false, false]);
  });
});
