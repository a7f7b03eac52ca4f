import { afterEach, describe, expect, it } from '@jest/globals';
import { Encoder } from 'cbor-x';
import { PacketGuard } from '../../../services/bus/packet-guard.ts';
import { waitFor } from '../../support/waiting.ts';
import { BUSES, echoService, newId, startNode, stopNodes, type TestNode, together } from './test-bus.ts';

afterEach(stopNodes);

const RESTARTS = process.env.TEST_LONG === 'true' ? 10 : 4;
const CALLS_A_ROUND = 20;

async function callOften(from: TestNode, times = CALLS_A_ROUND): Promise<string[]> {
  const ids = Array.from({ length: times }, newId);
  await Promise.all(ids.map((id) => from.broker.call('echo.say', { id }, { timeout: 5_000 })));
  return ids;
}

/** What Moleculer would believe: a node with this id, started just now, from somewhere else. */
function infoOf(sender: string): Record<string, unknown> {
  return {
    ver: '4',
    sender,
    services: [],
    ipList: [],
    hostname: 'x',
    client: {},
    config: {},
    instanceID: newId(),
    metadata: {},
    seq: 99,
  };
}

describe.each(BUSES)('the bus over %s', (name, startBus) => {
  it('carries calls, answers and events, and a Buffer is a Buffer at both ends', async () => {
    const bus = await startBus();
    const echo = echoService();
    const a = await startNode(bus, 'a');
    const b = await startNode(bus, 'b', echo.schema);
    await together(a, b);
    for (const size of [0, 1, 65_536, 700_000]) {
      const bytes = Buffer.alloc(size, 7);
      const answer = await a.broker.call<{ bytes: Buffer; isBuffer: boolean }, object>('echo.say', { id: 'x', bytes });
      expect(answer.isBuffer).toBe(true);
      expect(Buffer.isBuffer(answer.bytes) && answer.bytes.equals(bytes)).toBe(true);
    }
    await a.broker.broadcast('echo.heard', { id: 'hello' });
    await waitFor('the event', 5_000, () => echo.heard.includes('hello'));
    expect(a.bus.isUp() && b.bus.isUp()).toBe(true);
    expect([...a.bus.rejections().values(), ...b.bus.rejections().values()].every((count) => count === 0)).toBe(true);
  }, 60_000);

  it(`survives ${RESTARTS} kills of the server with the same connections, and nothing runs twice`, async () => {
    const bus = await startBus();
    const echo = echoService();
    const a = await startNode(bus, 'a');
    const b = await startNode(bus, 'b', echo.schema);
    await together(a, b);
    const before = await bus.connections();
    for (let round = 0; round < RESTARTS; round += 1) {
      const cut = Array.from({ length: 5 }, () =>
        a.broker.call('echo.say', { id: newId() }, { timeout: 500 }).catch(() => undefined),
      );
      await bus.restart();
      await Promise.all(cut);
      await waitFor('both are back', 15_000, () => a.bus.isUp() && b.bus.isUp());
      await together(a, b);
      await waitFor('a call is answered', 10_000, async () => (await callOften(a, 1)).length === 1);
      await callOften(a);
      await a.broker.broadcast('echo.heard', { id: `round ${round}` });
    }
    await waitFor('the last event', 5_000, () => echo.heard.includes(`round ${RESTARTS - 1}`));
    expect(echo.counts.size).toBeGreaterThanOrEqual(RESTARTS * CALLS_A_ROUND);
    expect([...echo.counts.values()].filter((count) => count !== 1)).toEqual([]);
    expect(echo.heard.length).toBe(new Set(echo.heard).size);
    expect(await bus.connections()).toBe(before);
  }, 180_000);

  it('says that it is away while the server is frozen, fails calls at once then, and comes back', async () => {
    const bus = await startBus();
    const echo = echoService();
    const a = await startNode(bus, 'a');
    const b = await startNode(bus, 'b', echo.schema);
    await together(a, b);
    const before = await bus.connections();
    bus.freeze();
    await waitFor('the bus is away', 15_000, () => !a.bus.isUp() && !b.bus.isUp());
    await waitFor('a call fails at once', 15_000, async () => {
      const startedMs = performance.now();
      const fault = await a.broker.call('echo.say', { id: 'x' }, { timeout: 5_000 }).catch((cause: Error) => cause);
      return fault instanceof Error && performance.now() - startedMs < 500;
    });
    expect(await b.broker.call('echo.say', { id: 'at home' })).toMatchObject({ id: 'at home' });
    bus.thaw();
    await waitFor('the bus is back', 15_000, () => a.bus.isUp() && b.bus.isUp());
    await together(a, b);
    const ids = await callOften(a);
    expect(ids.map((id) => echo.counts.get(id))).toEqual(ids.map(() => 1));
    await waitFor('the old connections are gone', 10_000, async () => (await bus.connections()) === before);
  }, 90_000);

  it('ignores and counts what a stranger says: noise, packets without the signature, a forged INFO, repeated packets', async () => {
    const bus = await startBus();
    const echo = echoService();
    const recorded: { channel: string; message: Buffer }[] = [];
    const stranger = await bus.intrude((channel, message) => void recorded.push({ channel, message }));
    const a = await startNode(bus, 'a');
    const b = await startNode(bus, 'b', echo.schema);
    await together(a, b);
    await callOften(a, 3);
    const request = await waitFor('a request was seen', 5_000, () =>
      recorded.find(({ channel }) => channel === b.channel('REQ.b')),
    );
    const ranBefore = [...echo.counts.values()].reduce((sum, count) => sum + count, 0);
    const rejected = (reason: 'malformed' | 'forged' | 'replayed') => b.bus.rejections().get(reason) ?? 0;

    const encoder = new Encoder({ useRecords: false });
    const otherCluster = new PacketGuard({ secret: Buffer.from('not the secret'), nodeId: 'b', nowMs: Date.now });
    const info = encoder.encode(infoOf('b'));
    const call = encoder.encode({
      ver: '4',
      sender: 'a',
      id: newId(),
      action: 'echo.say',
      params: { id: 'forged' },
      meta: {},
      level: 1,
    });
    await stranger.publish(b.channel('INFO'), Buffer.from(JSON.stringify(infoOf('b'))));
    await stranger.publish(b.channel('INFO'), info);
    await stranger.publish(b.channel('INFO.b'), otherCluster.seal(b.channel('INFO.b'), info));
    await stranger.publish(b.channel('REQ.b'), call);
    await stranger.publish(b.channel('REQ.b'), otherCluster.seal(b.channel('REQ.b'), call));
    await stranger.publish(
      b.channel('DISCONNECT'),
      otherCluster.seal(b.channel('DISCONNECT'), encoder.encode({ ver: '4', sender: 'a' })),
    );
    await stranger.publish(b.channel('REQ.b'), request.message);
    // To another channel, where its MAC does not hold.
    await stranger.publish(b.channel('EVENT.b'), request.message);
    await waitFor(
      'all are counted',
      5_000,
      () => rejected('malformed') >= 3 && rejected('forged') >= 4 && rejected('replayed') >= 1,
    );

    await callOften(a, 3);
    const ran = [...echo.counts.values()].reduce((sum, count) => sum + count, 0);
    expect(ran).toBe(ranBefore + 3);
    expect(echo.counts.has('forged')).toBe(false);
    expect(b.bus.isUp()).toBe(true);
  }, 60_000);

  it('is the same when every packet comes twice', async () => {
    const bus = await startBus();
    const echo = echoService();
    const seen = new Set<string>();
    const again: Promise<void>[] = [];
    const stranger = await bus.intrude((channel, message) => {
      const key = message.toString('latin1');
      if (!seen.delete(key)) {
        seen.add(key);
        again.push(stranger.publish(channel, message));
      }
    });
    const a = await startNode(bus, 'a');
    const b = await startNode(bus, 'b', echo.schema);
    await together(a, b);
    const ids = await callOften(a, 50);
    for (const id of ids) await a.broker.broadcast('echo.heard', { id });
    await waitFor('all events', 5_000, () => echo.heard.length >= ids.length);
    await waitFor('every copy was dropped', 5_000, () => (b.bus.rejections().get('replayed') ?? 0) >= 2 * ids.length);
    await Promise.all(again);
    expect(ids.map((id) => echo.counts.get(id))).toEqual(ids.map(() => 1));
    expect(echo.heard).toEqual(ids);
    expect(name).not.toBe('');
  }, 60_000);
});
