import { describe, expect, it } from '@jest/globals';
import type { OperatorEvent } from '../contracts/operator.ts';
import { EventRing } from './event-ring.ts';
import {
  eventOfBack,
  eventOfGivingUp,
  eventOfGone,
  eventOfLeader,
  eventOfMending,
  eventOfOwnership,
  eventOfState,
  type NodeSeen,
} from './events.ts';

const at = (second: number) => new Date(Date.UTC(2026, 0, 1, 0, 0, second)).toISOString();
const event = (id: string, second: number): OperatorEvent => ({
  ...{ id, at: at(second), kind: 'joined', nodeId: 'a', otherNodeId: null, transferId: null, facts: [] },
});
const idsOf = (ring: EventRing) => ring.events().map(({ id }) => id);

describe('the ring of events', () => {
  it('keeps the newest, newest first, each once with the earliest time it was told', () => {
    const ring = new EventRing('run', 3);
    for (const [id, second] of [
      ['c', 3],
      ['a', 1],
      ['b', 2],
      ['d', 4],
      ['d', 6],
    ] as const)
      ring.add(event(id, second));
    expect(idsOf(ring)).toEqual(['d', 'c', 'b']);
    expect(ring.events()[0]?.at).toBe(at(4));
    ring.add(event('a', 1));
    expect(idsOf(ring)).toEqual(['d', 'c', 'b']);
    ring.add(event('d', 2));
    expect(ring.events().map((one) => [one.id, one.at])).toEqual([
      ['c', at(3)],
      ['b', at(2)],
      ['d', at(2)],
    ]);
  });

  it('tells what came since a cursor, and everything to whoever has a cursor of another run', () => {
    const ring = new EventRing('run');
    ring.add(event('a', 1));
    const { until } = ring.since(null);
    expect(ring.since(until)).toEqual({ events: [], until });
    ring.add(event('b', 2));
    ring.add(event('a', 0));
    expect(ring.since(until).events.map((one) => [one.id, one.at])).toEqual([
      ['b', at(2)],
      ['a', at(0)],
    ]);
    expect(ring.since({ ...until, runId: 'the run before' }).events).toHaveLength(2);
  });

  it('becomes the same at nodes that tell each other, whatever each has missed', () => {
    const rings = ['a', 'b', 'c'].map((name) => new EventRing(name, 10));
    for (let second = 0; second < 30; second += 1) {
      rings.forEach((ring, node) => {
        // Each hears it a little later than the one before, and misses every third.
        if ((second + node) % 3 !== 0) ring.add(event(`event-${second}`, second + node));
      });
    }
    for (let round = 0; round < 2; round += 1)
      for (const to of rings) for (const other of rings) for (const one of other.since(null).events) to.add(one);
    const [first, ...others] = rings as [EventRing, ...EventRing[]];
    expect(first.events()).toHaveLength(10);
    for (const other of others) expect(other.events()).toEqual(first.events());
  });
});

describe('an event', () => {
  const change = { nodeId: 'a', reasons: [], at: at(5) };

  it('of a state says what it means: joined, drained, or the state with its reasons', () => {
    const kinds = (
      [
        ['healthy', 'joining'],
        ['degraded', 'healthy'],
        ['draining', 'degraded'],
        ['left', 'draining'],
      ] as const
    ).map(([state, before]) =>
      eventOfState({ ...change, state, before, reasons: state === 'degraded' ? [{ what: 'no_bus' }] : [] }),
    );
    expect(kinds.map((one) => [one?.kind, one?.facts])).toEqual([
      ['joined', [{ what: 'state', state: 'healthy' }]],
      ['state_changed', [{ what: 'state', state: 'degraded' }, { what: 'no_bus' }]],
      ['state_changed', [{ what: 'state', state: 'draining' }]],
      ['drained', []],
    ]);
    expect(eventOfState({ ...change, state: 'joining', before: null })).toBeNull();
  });

  it('has the same id wherever it is heard, and another one for each time it happens', () => {
    const owned = { nodeId: 'a', event: 'attached', transferId: 't', otherNodeId: 'b', at: at(1) } as const;
    const mended = { nodeId: 'a', event: 'repaired', transferId: 't', fileIndex: 0, chunkIndex: 3, at: at(1) } as const;
    const made = [
      eventOfOwnership(owned),
      eventOfOwnership({ ...owned, at: at(2) }),
      eventOfOwnership({ ...owned, event: 'detached' }),
      eventOfMending(mended),
      eventOfMending({ ...mended, chunkIndex: 4 }),
      eventOfLeader({ nodeId: 'a', epoch: 1 }, at(1)),
      eventOfLeader({ nodeId: 'a', epoch: 2 }, at(1)),
      eventOfGivingUp({ nodeId: 'a', at: at(1) }),
      eventOfGivingUp({ nodeId: 'a', at: at(2) }),
    ];
    expect(new Set(made.map(({ id }) => id)).size).toBe(made.length);
    expect(eventOfOwnership(owned)).toEqual(made[0]);
    expect(eventOfLeader({ nodeId: 'a', epoch: 1 }, at(9)).id).toBe(made[5]?.id);
    // However often it is confirmed: the time is that of the first.
    expect(eventOfGivingUp({ nodeId: 'a', at: at(2) })).toEqual(made[8]);
    expect(made[8]).toMatchObject({ kind: 'given_up', nodeId: 'a', at: at(2), facts: [] });
    expect(made[3]?.facts).toEqual([{ what: 'chunk', fileIndex: 0, chunkIndex: 3 }]);
  });

  it('of a node that is missed is one for all who miss it, and a new one after it was back', () => {
    const node: NodeSeen = { nodeId: 'a', instanceId: 'run 1' };
    const [here, there] = [new EventRing('here'), new EventRing('there')];
    const isKnown = (ring: EventRing) => (id: string) => ring.has(id);
    const miss = (ring: EventRing, second: number) => {
      ring.add(eventOfGone(node, true, at(second), isKnown(ring)));
      return ring.events()[0]?.id;
    };
    expect(eventOfBack(node, at(0), isKnown(here))).toBeNull();
    const first = miss(here, 1);
    expect(miss(there, 2)).toBe(first);
    expect(miss(here, 3)).toBe(first);
    for (const ring of [here, there]) {
      const back = eventOfBack(node, at(4), isKnown(ring));
      expect(back).toMatchObject({ kind: 'joined', facts: [{ what: 'back' }] });
      if (back !== null) ring.add(back);
    }
    const second = miss(here, 5);
    expect(second).not.toBe(first);
    expect(miss(there, 6)).toBe(second);
    expect(eventOfGone({ ...node, instanceId: 'run 2' }, false, at(7), isKnown(here))).toMatchObject({
      kind: 'gone',
      facts: [{ what: 'stopped' }],
    });
  });
});
