import { describe, expect, it } from '@jest/globals';
import { MAX_PEOPLE_PER_NODE, MAX_PEOPLE_PER_ROOM } from '../contracts/limits.ts';
import { ManualClock } from '../kernel/clock.ts';
import { createMemoryPresenceBoard } from './adapters/memory-presence-board.ts';
import type { PresenceBoard } from './ports.ts';
import { PRESENCE_LOOK_EVERY_MS, Presence } from './presence.ts';

const STEP_MS = 10;
const person = (id: string, displayName = id.toUpperCase()) => ({ id, displayName });

/** Nodes with one board between them, and time that stands still until it is told to go on. */
function setUp() {
  const clock = new ManualClock();
  const memory = createMemoryPresenceBoard(clock);
  const board = { isAway: false, memory, forget: new Set<string>() };
  const answering = <T>(work: () => Promise<T>) => (board.isAway ? Promise.reject(new Error('away')) : work());
  const asked = { writes: 0, reads: 0, lists: 0 };
  const port: PresenceBoard = {
    write: (...args) => {
      asked.writes += 1;
      return answering(() => memory.write(...args));
    },
    renew: (nodeId, ttlMs) => answering(() => memory.renew(nodeId, ttlMs)),
    read: async (nodes) => {
      asked.reads += 1;
      const found = await answering(() => memory.read(nodes));
      asked.lists += [...found.values()].filter((said) => said !== 'same').length;
      return found;
    },
  };
  const names = new Map<string, string>();
  const timers: { atMs: number; act: () => void }[] = [];
  const nodes = new Map<string, Presence>();
  const dead = new Set<string>();
  const lost = { events: false };
  const settle = async () => {
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  };
  const start = (nodeId: string) => {
    const changes: string[] = [];
    const presence = new Presence({
      nodeId,
      runId: `run${nodeId}`,
      board: port,
      clock,
      otherNodeIds: () => [...nodes.keys()].filter((id) => id !== nodeId),
      announce: () => {
        if (!lost.events) for (const [id, other] of nodes) if (id !== nodeId && !dead.has(id)) other.hear(nodeId);
      },
      later: (delayMs, act) =>
        timers.push({ atMs: clock.monotonicMs() + delayMs, act: () => dead.has(nodeId) || act() }),
      keep: async (ids) => new Map([...names].filter(([id]) => ids.includes(id))),
      onFault: () => undefined,
    });
    presence.onChanged((rooms) => changes.push(...rooms));
    nodes.set(nodeId, presence);
    return { presence, changes, kill: () => dead.add(nodeId) };
  };
  const pass = async (ms: number) => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.advance(STEP_MS);
      const due = timers.filter(({ atMs }) => atMs <= clock.monotonicMs());
      for (const timer of due) {
        timers.splice(timers.indexOf(timer), 1);
        timer.act();
      }
      if (clock.monotonicMs() % PRESENCE_LOOK_EVERY_MS === 0) {
        for (const [id, node] of nodes) if (!dead.has(id)) void node.turn();
      }
      await settle();
    }
  };
  return { start, pass, clock, board, asked, names, nodes, lost, memory };
}
const idsIn = (presence: Presence, room = 'r') =>
  presence
    .people(room)
    .map(({ id }) => id)
    .sort();

describe('people of one node', () => {
  it('are there while a tab of theirs is, in the one room it is in', () => {
    const { presence, changes } = setUp().start('n1');
    expect(presence.enter('tab1', person('a'), 'r')).toBe('entered');
    expect(presence.enter('tab2', person('a'), 'r')).toBe('entered');
    expect([idsIn(presence), changes, presence.countHere()]).toEqual([['a'], ['r'], 1]);
    presence.enter('tab2', person('a'), 's');
    presence.leave('tab1');
    expect([idsIn(presence), idsIn(presence, 's'), changes]).toEqual([[], ['a'], ['r', 's', 'r']]);
    presence.leave('tab2');
    presence.leave('tab2');
    expect([idsIn(presence, 's'), presence.countHere(), presence.isUsed('s')]).toEqual([[], 0, false]);
  });

  it('are at most so many in a room: the next one stays where they were', () => {
    const { presence } = setUp().start('n1');
    for (let number = 0; number < MAX_PEOPLE_PER_ROOM; number += 1) {
      expect(presence.enter(`c${number}`, person(`p${number}`), 'r')).toBe('entered');
    }
    presence.enter('late', person('late'), 's');
    expect(presence.enter('late', person('late'), 'r')).toBe('room_full');
    expect(idsIn(presence, 's')).toEqual(['late']);
    expect(presence.enter('another tab', person('p0'), 'r')).toBe('entered');
    presence.leave('c1');
    expect(presence.enter('late', person('late'), 'r')).toBe('entered');
    expect(presence.people('r')).toHaveLength(MAX_PEOPLE_PER_ROOM);
  });

  it('are at most so many on the node, however many come', async () => {
    const { start, pass, memory } = setUp();
    const { presence } = start('n1');
    const outcomes = { entered: 0, node_full: 0, room_full: 0 };
    for (let number = 0; number < 10_000; number += 1) {
      outcomes[presence.enter(`c${number}`, person(`p${number}`), `r${number % 100}`)] += 1;
    }
    expect(outcomes).toEqual({ entered: MAX_PEOPLE_PER_NODE, node_full: 10_000 - MAX_PEOPLE_PER_NODE, room_full: 0 });
    for (let number = 0; number < 10_000; number += 1) presence.leave(`c${number}`);
    await pass(1_000);
    expect(presence.countHere()).toBe(0);
    expect((await memory.read([{ nodeId: 'n1', version: null }])).get('n1')).toMatchObject({ people: [] });
  });

  it('have their new name at once, and the one that an event did not tell within ten seconds', async () => {
    const { start, pass, names } = setUp();
    const { presence, changes } = start('n1');
    names.set('a', 'Old').set('b', 'B');
    presence.enter('tab1', person('a', 'Old'), 'r');
    presence.enter('tab2', person('b'), 'r');
    presence.rename('a', 'New');
    expect(presence.people('r')[0]).toEqual({ id: 'a', displayName: 'New' });
    names.set('a', 'Newest');
    changes.length = 0;
    await pass(11_000);
    expect([presence.people('r')[0]?.displayName, changes]).toEqual(['Newest', ['r']]);
  });

  it('are gone with their session, told or found out', async () => {
    const { start, pass, names } = setUp();
    const { presence } = start('n1');
    for (const id of ['a', 'b', 'c']) {
      names.set(id, id.toUpperCase());
      presence.enter(`tab ${id}`, person(id), 'r');
    }
    presence.forget('a');
    expect(idsIn(presence)).toEqual(['b', 'c']);
    names.delete('b');
    await pass(11_000);
    expect(idsIn(presence)).toEqual(['c']);
  });
});

describe('people of several nodes', () => {
  async function threeNodes() {
    const world = setUp();
    const [one, two, three] = [world.start('n1'), world.start('n2'), world.start('n3')];
    await world.pass(1_000);
    return { ...world, one, two, three };
  }

  it('are seen on all a moment after they come, go or change their name', async () => {
    const { one, two, three, pass } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    two.presence.enter('tab2', person('b'), 'r');
    two.presence.enter('tab3', person('c'), 's');
    await pass(100);
    for (const { presence } of [one, two, three])
      expect([idsIn(presence), idsIn(presence, 's')]).toEqual([['a', 'b'], ['c']]);
    expect(three.presence.roommates('a', ['b', 'c'])).toEqual([{ id: 'b', displayName: 'B' }]);
    one.presence.rename('a', 'New');
    two.presence.leave('tab2');
    await pass(100);
    for (const { presence } of [one, two, three])
      expect(presence.people('r')).toEqual([{ id: 'a', displayName: 'New' }]);
  });

  it('are seen within a second also when every event is lost', async () => {
    const { one, three, pass, lost } = await threeNodes();
    lost.events = true;
    one.presence.enter('tab1', person('a'), 'r');
    await pass(600);
    expect(idsIn(three.presence)).toEqual(['a']);
    one.presence.leave('tab1');
    await pass(600);
    expect(idsIn(three.presence)).toEqual([]);
  });

  it('are gone within four seconds with a node that dies, and stay where they have another tab', async () => {
    const { one, two, three, pass } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    one.presence.enter('tab2', person('b'), 'r');
    two.presence.enter('tab3', person('b'), 'r');
    await pass(900);
    one.kill();
    await pass(1_500);
    expect(idsIn(three.presence)).toEqual(['a', 'b']);
    await pass(2_500);
    for (const { presence } of [two, three]) expect(idsIn(presence)).toEqual(['b']);
  });

  it('are gone at once with a node that stops', async () => {
    const { one, three, pass, nodes } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    await pass(100);
    expect(idsIn(three.presence)).toEqual(['a']);
    await one.presence.stop();
    await pass(20);
    expect(idsIn(three.presence)).toEqual([]);
    nodes.delete('n1');
  });

  it('are gone with a node that left the cluster, and never come with one that is not of it', async () => {
    const { one, two, pass, nodes, memory } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    await pass(100);
    one.kill();
    nodes.delete('n1');
    await pass(500);
    expect(idsIn(two.presence)).toEqual([]);
    await memory.write(
      'stranger',
      { version: 'x', people: [{ sessionId: 'evil', displayName: 'E', room: 'r' }] },
      60_000,
    );
    two.presence.hear('stranger');
    await pass(1_000);
    expect(idsIn(two.presence)).toEqual([]);
  });

  it('are all there again a second after the board forgot everything', async () => {
    const { one, two, three, pass, memory, clock } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    two.presence.enter('tab2', person('b'), 'r');
    await pass(100);
    for (const id of ['n1', 'n2', 'n3']) await memory.write(id, { version: 'over', people: [] }, 0);
    expect(clock.monotonicMs()).toBeGreaterThan(0);
    await pass(1_000);
    for (const { presence } of [one, two, three]) expect(idsIn(presence)).toEqual(['a', 'b']);
  });

  it("are only a node's own while the board is away, and all again a second after it came back", async () => {
    const { one, two, pass, board } = await threeNodes();
    one.presence.enter('tab1', person('a'), 'r');
    two.presence.enter('tab2', person('b'), 'r');
    await pass(100);
    board.isAway = true;
    await pass(2_000);
    expect(idsIn(one.presence)).toEqual(['a', 'b']);
    two.presence.enter('tab3', person('c'), 'r');
    await pass(2_500);
    expect([idsIn(one.presence), idsIn(two.presence)]).toEqual([['a'], ['b', 'c']]);
    board.isAway = false;
    await pass(1_000);
    for (const { presence } of [one, two]) expect(idsIn(presence)).toEqual(['a', 'b', 'c']);
  });

  it('cost a short look while nothing happens, and one list for many changes at once', async () => {
    const { one, three, pass, asked } = await threeNodes();
    for (let number = 0; number < 100; number += 1) one.presence.enter(`c${number}`, person(`p${number}`), 'r');
    Object.assign(asked, { writes: 0, reads: 0, lists: 0 });
    await pass(100);
    expect([asked.writes, asked.lists, idsIn(three.presence).length]).toEqual([1, 2, 100]);
    Object.assign(asked, { writes: 0, reads: 0, lists: 0 });
    await pass(5_000);
    expect([asked.writes, asked.lists]).toEqual([0, 0]);
    expect(asked.reads).toBeLessThanOrEqual(30);
  });
});
