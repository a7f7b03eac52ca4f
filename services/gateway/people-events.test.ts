import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { PublicSession } from '../contracts/http.ts';
import { MAX_PEOPLE_PER_NODE, MAX_PEOPLE_PER_ROOM, MAX_SEATS_PER_SESSION } from '../contracts/limits.ts';
import type { PeopleSnapshot } from '../contracts/people.ts';
import type { Call } from '../define-service.ts';
import { ManualClock } from '../kernel/clock.ts';
import { createMemoryPresenceBoard } from '../session/adapters/memory-presence-board.ts';
import { Presence } from '../session/presence.ts';
import { PeopleEvents } from './people-events.ts';
import { createRateLimits } from './rate-limit.ts';
import { CODE_ALPHABET } from './rooms.ts';
import type { SocketIdentity } from './socket-handshake.ts';

const SETTINGS = { windowSeconds: 60, uploadsPerMinute: 1, downloadsPerMinute: 1, websocketMessagesPerMinute: 1 };

function setUp() {
  const clock = new ManualClock();
  const timers: { atMs: number; act: () => void }[] = [];
  const later = (delayMs: number, act: () => void) => void timers.push({ atMs: clock.monotonicMs() + delayMs, act });
  const presence = new Presence({
    nodeId: 'n1',
    runId: 'run',
    board: createMemoryPresenceBoard(clock),
    clock,
    otherNodeIds: () => [],
    announce: () => undefined,
    later,
    keep: async () => new Map(),
    onFault: () => undefined,
  });
  const names = new Map<string, string>();
  const find = async (_name: string, { sessionId }: { sessionId: string }): Promise<PublicSession | null> => {
    const displayName = names.get(sessionId);
    return displayName === undefined ? null : { id: sessionId, displayName, expiresAt: '' };
  };
  const events = new PeopleEvents({
    call: find as unknown as Call,
    rateLimits: createRateLimits(SETTINGS),
    people: presence,
    localRoom: async (handshake) => (handshake as { network?: string }).network ?? null,
    nowMs: () => clock.monotonicMs(),
    later,
  });
  const told: { socketId: string; atMs: number; snapshot: PeopleSnapshot }[] = [];
  const behind = new Set<string>();
  events.start({
    isReady: (socketId) => !behind.has(socketId),
    tell: (socketId, snapshot) => void told.push({ socketId, atMs: clock.monotonicMs(), snapshot }),
  });

  let addresses = 0;
  /** A socket of a session, from an address of its own unless one is given. */
  const open = (socketId: string, sessionId: string, network?: string, addressKey?: string) => {
    if (!names.has(sessionId)) names.set(sessionId, sessionId.toUpperCase());
    let isConnected = true;
    addresses += 1;
    const context = { requestId: 'r', addressKey: addressKey ?? `address-${addresses}` };
    const identity = { context, sessionId } as unknown as SocketIdentity;
    const handshake = { network } as unknown as IncomingMessage;
    const send = (event: 'people.join' | 'people.leave', payload: unknown) =>
      events.handlers[event]({ socketId, identity, payload, handshake, isConnected: () => isConnected });
    return {
      join: (room: string | null) => send('people.join', { room }) as Promise<PeopleSnapshot>,
      send,
      close: () => {
        isConnected = false;
        events.removeSocket(socketId);
      },
    };
  };
  const pass = (ms: number) => {
    const untilMs = clock.monotonicMs() + ms;
    for (;;) {
      const next = timers.filter(({ atMs }) => atMs <= untilMs).sort((a, b) => a.atMs - b.atMs)[0];
      if (next === undefined) break;
      timers.splice(timers.indexOf(next), 1);
      clock.advance(Math.max(0, next.atMs - clock.monotonicMs()));
      next.act();
    }
    clock.advance(untilMs - clock.monotonicMs());
  };
  return { presence, events, told, behind, names, open, pass, clock };
}
const ids = ({ people }: PeopleSnapshot) => people.map(({ id }) => id);

describe('people.join', () => {
  it('answers with the whole room but oneself, by name', async () => {
    const { open, names } = setUp();
    names.set('a', 'émile').set('b', 'Ada').set('c', 'Zoë').set('d', 'Flip 10').set('e', 'Flip 9');
    for (const id of ['c', 'd', 'e', 'b']) await open(`s${id}`, id, 'net:1').join(null);
    expect(await open('sa', 'a', 'net:1').join(null)).toEqual({
      you: { id: 'a', displayName: 'émile' },
      room: { kind: 'local' },
      people: [
        { id: 'b', displayName: 'Ada' },
        { id: 'e', displayName: 'Flip 9' },
        { id: 'd', displayName: 'Flip 10' },
        { id: 'c', displayName: 'Zoë' },
      ],
    });
  });

  it('keeps networks and codes apart, also a code that looks like a network', async () => {
    const { open } = setUp();
    await open('s1', 'a', 'net:1').join(null);
    await open('s2', 'b', 'net:2').join(null);
    await open('s3', 'c', 'net:1').join('ABC234');
    const [one, two, code] = [open('s4', 'd', 'net:1'), open('s5', 'e', 'net:2'), open('s6', 'f')];
    expect([ids(await one.join(null)), ids(await two.join(null)), ids(await code.join('abc234'))]).toEqual([
      ['a'],
      ['b'],
      ['c'],
    ]);
    for (const room of ['net:1', 'code:ABC234', 'ABC23', '', ' ABC234']) {
      await expect(code.join(room)).rejects.toMatchObject({ type: 'bad_request' });
    }
    // What was refused has moved nobody.
    expect(ids(await open('s7', 'g').join('ABC234'))).toEqual(['c', 'f']);
  });

  it('shows nobody to an address without a room, and leaves the room before', async () => {
    const { open, presence } = setUp();
    const socket = open('s1', 'a');
    await socket.join('ABC234');
    expect(await socket.join(null)).toEqual({ you: { id: 'a', displayName: 'A' }, room: null, people: [] });
    expect(presence.countHere()).toBe(0);
  });

  it('takes nothing but a room: neither ids nor names', async () => {
    const { open, presence } = setUp();
    const socket = open('s1', 'a', 'net:1');
    for (const payload of [
      {},
      null,
      [],
      { room: 1 },
      { room: null, id: 'b' },
      { room: null, displayName: 'B' },
      { room: ['x'] },
    ]) {
      await expect(socket.send('people.join', payload)).rejects.toMatchObject({ type: 'bad_request' });
    }
    await expect(socket.send('people.leave', { id: 'b' })).rejects.toMatchObject({ type: 'bad_request' });
    expect(presence.countHere()).toBe(0);
  });

  it('never seats who is gone before the answer, nor an overtaken wish', async () => {
    const { open, presence } = setUp();
    const gone = open('s1', 'a', 'net:1');
    const joining = gone.join(null);
    gone.close();
    await expect(joining).rejects.toMatchObject({ type: 'superseded' });
    await expect(gone.join(null)).rejects.toMatchObject({ type: 'superseded' });
    const quick = open('s2', 'b', 'net:1');
    const [first, second] = await Promise.allSettled([quick.join(null), quick.join('ABC234')]);
    expect([first.status, second.status]).toEqual(['rejected', 'fulfilled']);
    const leaving = quick.join(null);
    await quick.send('people.leave', {});
    await expect(leaving).rejects.toMatchObject({ type: 'superseded' });
    expect(presence.countHere()).toBe(0);
  });

  it('is refused to a session that is over', async () => {
    const { open, names, presence } = setUp();
    const socket = open('s1', 'a', 'net:1');
    names.delete('a');
    await expect(socket.join(null)).rejects.toMatchObject({ type: 'bad_token' });
    expect(presence.countHere()).toBe(0);
  });

  it('is refused to one more than a room holds, who stays where they were', async () => {
    const { open, presence } = setUp();
    for (let number = 0; number < MAX_PEOPLE_PER_ROOM; number += 1)
      await open(`s${number}`, `p${number}`, 'net:1').join(null);
    const late = open('late', 'late', 'net:1');
    await late.join('ABC234');
    await expect(late.join(null)).rejects.toMatchObject({ type: 'busy', data: { limit: MAX_PEOPLE_PER_ROOM } });
    expect(presence.people('code:ABC234')).toHaveLength(1);
  });

  it('counts codes that lead to nobody, and after so many tells of no room whether somebody is there', async () => {
    const { open, pass } = setUp();
    await open('s1', 'a').join('HHHHHH');
    const known = open('known', 'k', undefined, 'guesser');
    await known.join('KNQWN7');
    known.close();
    const seated = open('seated', 's', undefined, 'guesser');
    await seated.join('SEAT77');
    const [guesser, mate] = [open('s2', 'b', undefined, 'guesser'), open('s4', 'd', undefined, 'guesser')];
    const typeOf = (joining: Promise<unknown>) =>
      joining.then(
        () => 'in',
        (fault: { type: string }) => fault.type,
      );
    const outcomes: string[] = [];
    // Two are gone for the rooms above, which had nobody.
    for (let number = 0; number < 18; number += 1) {
      expect(ids(await mate.join('HHHHHH'))).toEqual(['a']);
      outcomes.push(await typeOf(guesser.join(`GHESS${CODE_ALPHABET[number]}`)));
    }
    mate.close();
    expect(new Set(outcomes)).toEqual(new Set(['in']));
    expect([await typeOf(guesser.join('HHHHHH')), await typeOf(guesser.join('GHESSZ'))]).toEqual([
      'rate_limited',
      'rate_limited',
    ]);
    // Others are none the worse for it, and who was there is not kept out by whoever guesses beside them.
    expect(await typeOf(open('s3', 'c').join('HHHHHH'))).toBe('in');
    expect(await typeOf(open('again', 'k', undefined, 'guesser').join('KNQWN7'))).toBe('in');
    expect(await typeOf(open('friend', 'f', undefined, 'guesser').join('SEAT77'))).toBe('in');
    pass(11_000);
    expect(await typeOf(open('late', 'k', undefined, 'guesser').join('KNQWN7'))).toBe('in');
    expect(await typeOf(open('back', 'd', undefined, 'guesser').join('HHHHHH'))).toBe('rate_limited');
  });

  it('counts a code that leads to nobody each time', async () => {
    const { open, pass } = setUp();
    const guesser = open('a', 'ada', undefined, 'one address');
    for (let time = 0; time < 20; time += 1) {
      await guesser.join('ABCDEF');
      await guesser.send('people.leave', {});
      pass(11_000);
    }
    await expect(guesser.join('ABCDEF')).rejects.toMatchObject({ type: 'rate_limited' });
  });

  it('tells one of a thousand guesses sent at once no more than twenty ones', async () => {
    const { open } = setUp();
    await open('s1', 'a').join('HHHHHH');
    const code = (number: number) =>
      [...'GWRQNG'].map((_letter, at) => CODE_ALPHABET[Math.floor(number / 30 ** at) % 30]).join('');
    const guesses = Array.from({ length: 1_000 }, (_none, number) => {
      const room = number === 500 ? 'HHHHHH' : code(number);
      return open(`g${number}`, `p${number}`, undefined, 'guesser').join(room);
    });
    const told = (await Promise.allSettled(guesses)).flatMap(({ status }, number) =>
      status === 'fulfilled' ? number : [],
    );
    expect([told.length, told.includes(500)]).toEqual([20, false]);
  });
});

describe('a class behind one address', () => {
  it('comes back into its room all at once', async () => {
    const { open } = setUp();
    const pages = Array.from({ length: 100 }, (_none, number) => open(`s${number}`, `p${number}`, 'net:1', 'school'));
    await Promise.all(pages.map((page) => page.join('CGASS7')));
    expect(ids(await open('late', 'late').join('CGASS7'))).toHaveLength(100);
  });
});

describe('people.changed', () => {
  it('is not kept for a socket that does not read: it is told the newest once it does', async () => {
    const { open, told, behind, pass } = setUp();
    await open('s1', 'a', 'net:1').join(null);
    await open('s2', 'b', 'net:1').join(null);
    pass(1_000);
    told.length = 0;
    behind.add('s1');
    for (let number = 0; number < 20; number += 1) {
      await open(`late-${number}`, `p${number}`, 'net:1').join(null);
      pass(500);
    }
    const toldTo = (socketId: string) => told.filter((one) => one.socketId === socketId);
    expect([toldTo('s1').length, toldTo('s2').length]).toEqual([0, 20]);
    behind.delete('s1');
    pass(250);
    expect(toldTo('s1').map(({ snapshot }) => snapshot.people.length)).toEqual([21]);
    // The others know it already, and nothing is told again without a change.
    expect(toldTo('s2')).toHaveLength(20);
    pass(10_000);
    expect([toldTo('s1').length, toldTo('s2').length]).toEqual([1, 20]);
    behind.add('s1');
    await open('more', 'more', 'net:1').join(null);
    pass(1_000);
    behind.delete('s1');
    pass(250);
    expect(toldTo('s1')).toHaveLength(2);
  });

  it('goes to those in the room and to nobody else, at once', async () => {
    const { open, told } = setUp();
    await open('s1', 'a', 'net:1').join(null);
    await open('s2', 'b', 'net:2').join(null);
    const other = open('s3', 'c', 'net:1');
    await other.join(null);
    const last = told.at(-1);
    expect([told.length, last?.socketId, last?.snapshot]).toEqual([
      1,
      's1',
      { you: { id: 'a', displayName: 'A' }, room: { kind: 'local' }, people: [{ id: 'c', displayName: 'C' }] },
    ]);
  });

  it('comes at most four times a second, and tells in the end how it is', async () => {
    const { open, told, pass } = setUp();
    await open('s1', 'a', 'net:1').join(null);
    const restless = open('s2', 'b', 'net:1');
    for (let turn = 0; turn < 100; turn += 1) {
      await restless.join(null);
      pass(5);
      await restless.send('people.leave', {});
      pass(5);
    }
    const seen = told.filter(({ socketId }) => socketId === 's1').map(({ atMs }) => atMs);
    expect(seen.length).toBeLessThanOrEqual(5);
    expect(seen.slice(1).every((atMs, index) => atMs - (seen[index] ?? 0) >= 250)).toBe(true);
    await restless.join(null);
    pass(1_000);
    expect(ids(told.filter(({ socketId }) => socketId === 's1').at(-1)?.snapshot as PeopleSnapshot)).toEqual(['b']);
  });

  it('stops for whoever left, and for a session that is over', async () => {
    const { open, told, pass, presence } = setUp();
    const [one, two] = [open('s1', 'a', 'net:1'), open('s2', 'b', 'net:1')];
    await one.join(null);
    await two.join(null);
    await one.send('people.leave', {});
    pass(1_000);
    told.length = 0;
    presence.forget('b');
    await open('s3', 'c', 'net:1').join(null);
    pass(1_000);
    expect(told).toEqual([]);
  });

  it('leave seats to others, whatever one session does', async () => {
    const { open, presence } = setUp();
    const pages = Array.from({ length: MAX_SEATS_PER_SESSION }, (_, number) =>
      open(`s${number}`, 'a', `net:${number}`),
    );
    for (const page of pages) await page.join(null);
    const tooMany = { type: 'busy', data: { limit: MAX_SEATS_PER_SESSION } };
    await expect(open('over', 'a', 'net:1').join(null)).rejects.toMatchObject(tooMany);
    expect(presence.people('net:1')).toHaveLength(1);
    // One that is there already may go elsewhere.
    expect((await pages[0]?.join('ABC234'))?.room).toMatchObject({ kind: 'named' });
    pages[1]?.close();
    expect((await open('over', 'a', 'net:1').join(null)).room).toEqual({ kind: 'local' });
  });

  it('costs nothing that stays after ten thousand joins', async () => {
    const { open, told, pass, presence, clock } = setUp();
    const watching = open('watching', 'watching', 'net:1');
    await watching.join(null);
    const refused = new Map<string, number>();
    const sockets = Array.from({ length: 10_000 }, (_none, number) =>
      open(`s${number}`, `p${number}`, `net:${number % 60}`),
    );
    for (const socket of sockets) {
      await socket.join(null).catch(({ type }: { type: string }) => refused.set(type, (refused.get(type) ?? 0) + 1));
    }
    expect(presence.countHere()).toBe(MAX_PEOPLE_PER_NODE);
    expect([...refused]).toEqual([['busy', 10_001 - MAX_PEOPLE_PER_NODE]]);
    expect(told.filter(({ socketId }) => socketId === 'watching').length).toBeLessThanOrEqual(2);
    expect(clock.monotonicMs()).toBe(0);
    for (const socket of sockets) socket.close();
    pass(1_000);
    expect(presence.countHere()).toBe(1);
    expect(ids(await watching.join(null))).toEqual([]);
  });
});
