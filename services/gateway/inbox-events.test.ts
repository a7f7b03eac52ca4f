import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_INBOXES_AT_ONCE } from '../contracts/limits.ts';
import type { Inbox, InboxItem } from '../contracts/people.ts';
import type { Call } from '../define-service.ts';
import { InboxEvents } from './inbox-events.ts';
import type { ControlMessage } from './socket-events.ts';

const item = (sequence: number, transferId = `transfer-${sequence}`): InboxItem =>
  ({ kind: 'offer', id: `item-${sequence}`, sequence, transferId }) as unknown as InboxItem;

/** Inboxes as the transfer service answers for them. */
function world() {
  const rows = new Map<string, InboxItem[]>();
  const state = {
    isUp: true,
    isLimited: false,
    hold: null as Promise<void> | null,
    asked: [] as string[][],
    busy: new Set<string>(),
  };
  /** What only came in bytes: the fingerprint's second part. */
  const received = new Map<string, number>();
  const seen: unknown[] = [];
  const faults: unknown[] = [];
  const call = (async (name: string, params: { asked: { sessionId: string; fingerprint: string }[] }) => {
    if (name === 'transfer.seen') {
      seen.push(params);
      return null;
    }
    const answers = params.asked.map(({ sessionId, fingerprint }) => {
      const items = [...(rows.get(sessionId) ?? [])];
      const shown = JSON.stringify(items);
      const receivedBytes = received.get(sessionId) ?? 0;
      const isProgress = fingerprint.split('/')[0] === shown;
      return {
        sessionId,
        known: fingerprint,
        fingerprint: `${shown}/${receivedBytes}`,
        items: isProgress ? [] : items,
        progress: isProgress ? { items: [{ id: 'item', receivedBytes }] } : null,
      };
    });
    state.asked.push(params.asked.map(({ sessionId }) => sessionId));
    await state.hold;
    if (!state.isUp) throw new Error('the database does not answer');
    let wholeCount = 0;
    return answers
      .filter(({ known, fingerprint }) => known !== fingerprint)
      .map((answer) => {
        if (answer.progress === null) wholeCount += 1;
        const isLeftOut = answer.progress === null && wholeCount > MAX_INBOXES_AT_ONCE;
        return { ...answer, items: isLeftOut ? [] : answer.items, isLeftOut };
      });
  }) as unknown as Call;
  const counted: string[] = [];
  const rateLimits = {
    consume: async (name: string, key: string) => {
      if (state.isLimited) throw new PeerLinkError('rate_limited', 'Too many.');
      counted.push(`${name} ${key}`);
    },
  };
  const events = new InboxEvents({ call, rateLimits, onFault: (fault) => void faults.push(fault) });
  const told: [string, number[]][] = [];
  const progressed: [string, number | undefined][] = [];
  events.start({
    isReady: (socketId) => !state.busy.has(socketId),
    tell: (socketId, inbox) => void told.push([socketId, inbox.items.map(({ sequence }) => sequence)]),
    tellProgress: (socketId, { items }) => void progressed.push([socketId, items[0]?.receivedBytes]),
  });
  const message = (socketId: string, sessionId: string, payload: unknown = {}, isConnected = true) =>
    ({
      socketId,
      identity: { sessionId, context: { requestId: 'request' } },
      payload,
      isConnected: () => isConnected,
    }) as unknown as ControlMessage;
  const read = async (socketId: string, sessionId: string) =>
    ((await events.handlers['inbox.read'](message(socketId, sessionId))) as Inbox).items.map(
      ({ sequence }) => sequence,
    );
  return { rows, received, state, seen, faults, counted, events, told, progressed, message, read };
}
const passes = (ms: number) => jest.advanceTimersByTimeAsync(ms);

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('inboxes', () => {
  it('are answered whole, and told to each socket of the session at the hint of a change', async () => {
    const { rows, events, told, read } = world();
    rows.set('ben', [item(1)]);
    expect(await read('a', 'ben')).toEqual([1]);
    expect(await read('b', 'ben')).toEqual([1]);
    expect(await read('c', 'cleo')).toEqual([]);
    rows.set('ben', [item(1), item(2)]);
    events.hear(['ben', 'nobody here']);
    await passes(0);
    expect(told).toEqual([
      ['a', [1, 2]],
      ['b', [1, 2]],
    ]);
    await events.stop();
  });

  it('are told within a second when the hint was lost, and only when something changed', async () => {
    const { rows, told, read, events } = world();
    await read('a', 'ben');
    await passes(5_000);
    expect(told).toEqual([]);
    rows.set('ben', [item(1)]);
    await passes(1_000);
    expect(told).toEqual([['a', [1]]]);
    await events.stop();
  });

  it('are asked for all in one question, and in the next one when the database did not answer', async () => {
    const { rows, state, told, read, events, faults } = world();
    for (const name of ['x', 'y', 'z']) await read(name, name);
    state.asked.length = 0;
    state.isUp = false;
    for (const name of ['x', 'y', 'z']) rows.set(name, [item(1)]);
    await passes(1_000);
    state.isUp = true;
    await passes(1_000);
    expect(state.asked).toEqual([
      ['x', 'y', 'z'],
      ['x', 'y', 'z'],
    ]);
    expect(faults).toHaveLength(1);
    expect(told).toHaveLength(3);
    await events.stop();
  });

  it('are read some at a time when all change at once, and everybody is told', async () => {
    const { rows, state, told, read, events } = world();
    const names = Array.from({ length: 100 }, (_none, number) => `reader-${number}`);
    for (const name of names) await read(name, name);
    for (const name of names) rows.set(name, [item(1)]);
    state.asked.length = 0;
    events.hear(names);
    await passes(0);
    expect(told.map(([socketId]) => socketId).sort()).toEqual([...names].sort());
    expect(state.asked.map(({ length }) => length)).toEqual([100, 16, 16, 16, 16, 16, 4]);
    await events.stop();
  });

  it('are told in the order in which they were read, however many hints come', async () => {
    const { rows, state, told, read, events } = world();
    await read('a', 'ben');
    let letGo = () => {};
    state.hold = new Promise((resolve) => {
      letGo = resolve;
    });
    rows.set('ben', [item(1)]);
    events.hear(['ben']);
    rows.set('ben', [item(1), item(2)]);
    for (let hint = 0; hint < 1_000; hint += 1) events.hear(['ben']);
    letGo();
    await passes(100);
    expect(told).toEqual([
      ['a', [1]],
      ['a', [1, 2]],
    ]);
    expect(state.asked.length).toBeLessThanOrEqual(3);
    await events.stop();
  });

  it('reach a second socket that read while the first one was told something else', async () => {
    const { rows, state, told, read, events } = world();
    await read('a', 'ben');
    let letGo = () => {};
    state.hold = new Promise((resolve) => {
      letGo = resolve;
    });
    rows.set('ben', [item(1)]);
    const second = read('b', 'ben');
    rows.set('ben', [item(1), item(2)]);
    events.hear(['ben']);
    letGo();
    await second;
    await passes(1_100);
    expect(told.filter(([socketId]) => socketId === 'b').at(-1)).toEqual(['b', [1, 2]]);
    await events.stop();
  });

  it('are told of a transfer that they show, and no more to whoever is gone', async () => {
    const { rows, told, read, events, message } = world();
    rows.set('ben', [item(1, 'shown')]);
    await read('a', 'ben');
    rows.set('ben', [item(1, 'shown'), item(2)]);
    events.hearTransfer('other');
    await passes(0);
    expect(told).toEqual([]);
    events.hearTransfer('shown');
    await passes(0);
    expect(told).toHaveLength(1);
    events.removeSocket('a');
    rows.set('ben', []);
    // A socket that broke while it asked is no reader either.
    await events.handlers['inbox.read'](message('late', 'ben', {}, false));
    events.hear(['ben']);
    await passes(2_000);
    expect(told).toHaveLength(1);
    await events.stop();
  });

  it('are not told for bytes that came: these are told alone, once to each', async () => {
    const { rows, received, told, progressed, read, events, state } = world();
    rows.set('ben', [item(1)]);
    await read('a', 'ben');
    for (const bytes of [10, 20]) {
      received.set('ben', bytes);
      await passes(1_000);
    }
    await passes(3_000);
    expect(progressed).toEqual([
      ['a', 10],
      ['a', 20],
    ]);
    state.busy.add('a');
    received.set('ben', 30);
    await passes(2_000);
    state.busy.clear();
    await passes(2_000);
    expect(progressed.slice(2)).toEqual([['a', 30]]);
    expect(told).toEqual([]);
    await events.stop();
  });

  it('wait for a socket that has not taken what it was told before, and are told to the others', async () => {
    const { rows, told, read, events, state } = world();
    await read('a', 'ben');
    await read('b', 'ben');
    state.busy.add('a');
    rows.set('ben', [item(1)]);
    await passes(1_000);
    rows.set('ben', [item(1), item(2)]);
    await passes(3_000);
    expect(told).toEqual([
      ['b', [1]],
      ['b', [1, 2]],
    ]);
    state.busy.clear();
    await passes(3_000);
    expect(told.slice(2)).toEqual([['a', [1, 2]]]);
    await events.stop();
  });

  it('are counted as over HTTP, and not read beyond it', async () => {
    const { state, counted, read, events } = world();
    await read('a', 'ben');
    await read('b', 'ben');
    expect(counted).toEqual(['people ben', 'people ben']);
    state.isLimited = true;
    state.asked.length = 0;
    await expect(read('c', 'ben')).rejects.toMatchObject({ type: 'rate_limited' });
    expect(state.asked).toEqual([]);
    await events.stop();
  });

  it('are not read for anybody whose last socket is gone, or was gone before the answer', async () => {
    const { state, events, message, read } = world();
    await read('a', 'ben');
    await read('b', 'ben');
    events.removeSocket('a');
    await passes(1_000);
    expect(state.asked.splice(0)).toEqual([['ben'], ['ben'], ['ben']]);
    events.removeSocket('b');
    await events.handlers['inbox.read'](message('c', 'cleo', {}, false));
    state.asked.splice(0);
    await passes(3_000);
    expect(state.asked).toEqual([]);
    await events.stop();
  });

  it('are compared a thousand at a time', async () => {
    const { state, events, message } = world();
    for (let index = 0; index < 1_001; index += 1) {
      await events.handlers['inbox.read'](message(`socket-${index}`, `session-${index}`));
    }
    state.asked.splice(0);
    await passes(1_000);
    expect(state.asked.map(({ length }) => length)).toEqual([1_000, 1]);
    await events.stop();
  });

  it('take what was seen, and refuse what is no sequence', async () => {
    const { seen, events, message } = world();
    await events.handlers['inbox.seen'](message('a', 'ben', { sequence: 4 }));
    expect(seen).toEqual([{ sessionId: 'ben', sequence: 4 }]);
    for (const payload of [{}, { sequence: -1 }, { sequence: '4' }, { sequence: 1, more: true }, null]) {
      await expect(events.handlers['inbox.seen'](message('a', 'ben', payload))).rejects.toMatchObject({
        type: 'bad_request',
      });
    }
    await events.stop();
  });
});
