import { afterEach, describe, expect, it } from '@jest/globals';
import { Encoder } from 'cbor-x';
import { ServiceBroker } from 'moleculer';
import { brokerOptions } from '../../moleculer.config.ts';
import { waitFor } from '../../test/support/waiting.ts';
import { MAX_BUS_PACKET_BYTES } from '../contracts/limits.ts';
import { createLogger } from '../logging.ts';
import type { BusLine, LineHandlers } from './bus-line.ts';
import { BusTransporter } from './bus-transporter.ts';
import { PacketGuard } from './packet-guard.ts';

const SECRET = Buffer.from('the secret of one cluster');
const log = createLogger({ level: 'silent' });
const brokers: ServiceBroker[] = [];
afterEach(async () => {
  for (const broker of brokers.splice(0)) await broker.stop();
});

/** A line that only this process is on. */
function memoryLine() {
  let handlers: LineHandlers | null = null;
  const published: string[] = [];
  const line: BusLine = {
    name: 'memory',
    open: async (_channels, given) => {
      handlers = given;
    },
    isUp: () => true,
    publish: async (channel, message) => {
      published.push(channel);
      handlers?.onMessage(channel, message);
    },
    renew: () => undefined,
    close: async () => undefined,
  };
  return { line, published, say: (channel: string, message: Buffer) => handlers?.onMessage(channel, message) };
}

async function startNode() {
  const { line, published, say } = memoryLine();
  const guard = new PacketGuard({ secret: SECRET, nodeId: 'n1', nowMs: Date.now });
  const bus = new BusTransporter({ line, guard, log });
  const broker = new ServiceBroker(brokerOptions({ nodeId: 'n1', clusterId: 'c', log, transporter: bus }));
  brokers.push(broker);
  const heard: unknown[] = [];
  broker.createService({
    name: 'listener',
    events: { 'node.given.up': { handler: (ctx: { params: unknown }) => void heard.push(ctx.params) } },
  });
  await broker.start();
  const channel = 'MOL-peerlink-c.EVENT.n1';
  const member = new PacketGuard({ secret: SECRET, nodeId: 'n2', nowMs: Date.now });
  const tell = (sender: string, data: string) => {
    const packet = { ver: '4', sender, id: data, event: 'node.given.up', data, meta: {}, level: 1, broadcast: true };
    say(channel, member.seal(channel, new Encoder({ useRecords: false }).encode(packet)));
  };
  return { bus, broker, heard, tell, published };
}

describe('a packet of the bus', () => {
  it('speaks for the node that sealed it and for no other', async () => {
    const { bus, heard, tell } = await startNode();
    tell('n3', 'for another');
    tell('n2', 'for itself');
    await waitFor('the one is heard', 5_000, () => heard.length > 0);
    expect(heard).toEqual(['for itself']);
    expect(bus.rejections().get('wrong_sender')).toBe(1);
  });

  it('is not sent when it is too large for others to take', async () => {
    const { bus, published } = await startNode();
    const before = published.length;
    await expect(bus.send('MOL-peerlink-c.EVENT.n2', Buffer.alloc(MAX_BUS_PACKET_BYTES))).rejects.toThrow(RangeError);
    expect(published.slice(before)).not.toContain('MOL-peerlink-c.EVENT.n2');
  });
});
