import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { fuzz } from '../../test/support/fuzz.ts';
import { BUS_PACKET_MAX_AGE_MS, MAX_BUS_PACKET_BYTES, MAX_BUS_SENDERS } from '../contracts/limits.ts';
import { type Opened, PacketGuard } from './packet-guard.ts';

const SECRET = Buffer.from('the secret of one cluster');
const CHANNEL = 'MOL-peerlink.REQ.n2';
const HEAD_BYTES = 4 + 16 + 6 + 6 + 1;

function makeGuard(nodeId: string, clock: { nowMs: number }, secret: Uint8Array = SECRET): PacketGuard {
  return new PacketGuard({ secret, nodeId, nowMs: () => clock.nowMs });
}

function makePair() {
  const clock = { nowMs: Date.UTC(2026, 0, 1) };
  return { clock, sender: makeGuard('n1', clock), receiver: makeGuard('n2', clock) };
}

const reasonOf = (opened: Opened): string => (opened.ok ? 'taken' : opened.reason);

describe('PacketGuard', () => {
  it('gives body and sender back', () => {
    const { sender, receiver } = makePair();
    const opened = receiver.open(CHANNEL, sender.seal(CHANNEL, Buffer.from('body')));
    expect(opened).toEqual({ ok: true, sender: 'n1', body: Buffer.from('body') });
  });

  it('takes a packet once, also when others came in between', () => {
    const { sender, receiver } = makePair();
    const packets = Array.from({ length: 5 }, () => sender.seal(CHANNEL, Buffer.from('x')));
    const order = [0, 2, 1, 2, 4, 0, 3, 4, 3, 1];
    expect(order.map((index) => reasonOf(receiver.open(CHANNEL, packets[index] as Buffer)))).toEqual([
      'taken',
      'taken',
      'taken',
      'replayed',
      'taken',
      'replayed',
      'taken',
      'replayed',
      'replayed',
      'replayed',
    ]);
  });

  it('takes a packet that 1,023 others have overtaken, and none that more have', () => {
    const { sender, receiver } = makePair();
    const packets = Array.from({ length: 1_025 }, () => sender.seal(CHANNEL, Buffer.from('x')));
    const [tooLate, late] = packets;
    expect(reasonOf(receiver.open(CHANNEL, packets.at(-1) as Buffer))).toBe('taken');
    expect([late, tooLate].map((packet) => reasonOf(receiver.open(CHANNEL, packet as Buffer)))).toEqual([
      'taken',
      'replayed',
    ]);
  });

  it('refuses a packet that was sealed for another channel, or under another secret', () => {
    const { clock, sender, receiver } = makePair();
    expect(reasonOf(receiver.open(`${CHANNEL}2`, sender.seal(CHANNEL, Buffer.from('x'))))).toBe('forged');
    const stranger = makeGuard('n1', clock, Buffer.from('another secret'));
    expect(reasonOf(receiver.open(CHANNEL, stranger.seal(CHANNEL, Buffer.from('x'))))).toBe('forged');
  });

  it('refuses what is older or newer than clocks may differ, and takes it at the edge', () => {
    const { clock, sender, receiver } = makePair();
    const [early, late, edge] = [1, 2, 3].map(() => sender.seal(CHANNEL, Buffer.from('x'))) as [Buffer, Buffer, Buffer];
    clock.nowMs += BUS_PACKET_MAX_AGE_MS;
    expect(reasonOf(receiver.open(CHANNEL, edge))).toBe('taken');
    clock.nowMs += 1;
    expect(reasonOf(receiver.open(CHANNEL, early))).toBe('stale');
    clock.nowMs -= 2 * BUS_PACKET_MAX_AGE_MS + 2;
    expect(reasonOf(receiver.open(CHANNEL, late))).toBe('stale');
  });

  it('refuses packets of an earlier run of itself, and takes those of a twin that speaks later', () => {
    const clock = { nowMs: Date.UTC(2026, 0, 1) };
    const before = makeGuard('n1', clock);
    const recorded = before.seal(CHANNEL, Buffer.from('INFO'));
    clock.nowMs += 1_000;
    const now = makeGuard('n1', clock);
    expect(reasonOf(now.open(CHANNEL, recorded))).toBe('replayed');
    expect(reasonOf(now.open(CHANNEL, now.seal(CHANNEL, Buffer.from('own echo'))))).toBe('taken');
    // Its clock may have been ahead of ours.
    clock.nowMs += BUS_PACKET_MAX_AGE_MS - 1;
    expect(reasonOf(now.open(CHANNEL, before.seal(CHANNEL, Buffer.from('INFO'))))).toBe('replayed');
    clock.nowMs += 1;
    expect(reasonOf(now.open(CHANNEL, before.seal(CHANNEL, Buffer.from('a twin'))))).toBe('taken');
  });

  it('forgets silent runs when it is full, and never one whose packets would still be taken', () => {
    const { clock, sender, receiver } = makePair();
    const first = sender.seal(CHANNEL, Buffer.from('x'));
    expect(reasonOf(receiver.open(CHANNEL, first))).toBe('taken');
    const packetOfNewRun = () => makeGuard('n3', clock).seal(CHANNEL, Buffer.from('x'));
    for (let count = 1; count < MAX_BUS_SENDERS; count += 1) receiver.open(CHANNEL, packetOfNewRun());
    expect(reasonOf(receiver.open(CHANNEL, packetOfNewRun()))).toBe('crowded');
    expect(reasonOf(receiver.open(CHANNEL, first))).toBe('replayed');
    clock.nowMs += BUS_PACKET_MAX_AGE_MS + 1;
    expect(reasonOf(receiver.open(CHANNEL, packetOfNewRun()))).toBe('taken');
    expect(reasonOf(receiver.open(CHANNEL, first))).toBe('stale');
  });

  it('counts the silence of a run from its newest packet, in whatever order they came', () => {
    const { clock, sender, receiver } = makePair();
    const [first, early] = [1, 2].map(() => sender.seal(CHANNEL, Buffer.from('x'))) as [Buffer, Buffer];
    clock.nowMs += BUS_PACKET_MAX_AGE_MS / 2;
    const late = sender.seal(CHANNEL, Buffer.from('x'));
    for (const packet of [first, late, early]) expect(reasonOf(receiver.open(CHANNEL, packet))).toBe('taken');
    for (let count = 1; count < MAX_BUS_SENDERS; count += 1)
      receiver.open(CHANNEL, makeGuard('n3', clock).seal(CHANNEL, Buffer.from('x')));
    clock.nowMs += BUS_PACKET_MAX_AGE_MS / 2 + 1;
    // One of its packets is not too old yet, and may not be taken again.
    expect(reasonOf(receiver.open(CHANNEL, makeGuard('n3', clock).seal(CHANNEL, Buffer.from('x'))))).toBe('crowded');
    expect(reasonOf(receiver.open(CHANNEL, late))).toBe('replayed');
  });

  it('takes a packet of the largest size and refuses one byte more', () => {
    const { sender, receiver } = makePair();
    const room = MAX_BUS_PACKET_BYTES - HEAD_BYTES - 'n1'.length - 32;
    expect(reasonOf(receiver.open(CHANNEL, sender.seal(CHANNEL, Buffer.alloc(room))))).toBe('taken');
    expect(reasonOf(receiver.open(CHANNEL, sender.seal(CHANNEL, Buffer.alloc(room + 1))))).toBe('malformed');
  });

  it('has the form that docs/PROTOCOL.md says', () => {
    const { clock, sender } = makePair();
    const packet = sender.seal(CHANNEL, Buffer.from('body'));
    expect(packet.subarray(0, 4).toString()).toBe('PLB1');
    expect(packet.readUIntBE(20, 6)).toBe(1);
    expect(packet.readUIntBE(26, 6)).toBe(clock.nowMs);
    expect([packet.readUInt8(32), packet.subarray(33, 35).toString()]).toEqual([2, 'n1']);
    expect(packet.subarray(35, -32).toString()).toBe('body');
    const key = createHmac('sha256', SECRET).update('bus packet').digest();
    const length = Buffer.from([0, CHANNEL.length]);
    const mac = createHmac('sha256', key).update(length).update(CHANNEL).update(packet.subarray(0, -32)).digest();
    expect(packet.subarray(-32)).toEqual(mac);
  });
});

describe('PacketGuard, fed anything', () => {
  it('takes no bytes that nobody sealed', async () => {
    const { receiver } = makePair();
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      // Looks right from the outside, so that the inner checks are reached.
      fc.tuple(fc.nat(255), fc.uint8Array({ minLength: 28, maxLength: 120 })).map(([senderLength, rest]) => {
        const packet = Buffer.concat([Buffer.from('PLB1'), rest, Buffer.alloc(40)]);
        packet[32] = senderLength;
        return packet;
      }),
    );
    await fuzz(
      'bus packets of any bytes',
      fc.property(bytes, (packet) => {
        assert(['malformed', 'forged'].includes(reasonOf(receiver.open(CHANNEL, Buffer.from(packet)))));
      }),
    );
  });

  it('notices every change: a bit, a cut at any byte, bytes behind, another channel', async () => {
    const { sender, receiver } = makePair();
    const change = fc.oneof(
      fc.record({ kind: fc.constant('bit' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('cut' as const), at: fc.nat() }),
      fc.record({ kind: fc.constant('grow' as const), bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }) }),
      fc.record({ kind: fc.constant('channel' as const), name: fc.string({ maxLength: 40 }) }),
    );
    await fuzz(
      'changed bus packets',
      fc.property(fc.uint8Array({ maxLength: 100 }), change, (body, changed) => {
        const packet = sender.seal(CHANNEL, body);
        let channel = CHANNEL;
        let sent = Buffer.from(packet);
        if (changed.kind === 'bit') {
          const bit = changed.at % (sent.length * 8);
          sent[bit >> 3] = (sent[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        } else if (changed.kind === 'cut') sent = sent.subarray(0, changed.at % sent.length);
        else if (changed.kind === 'grow') sent = Buffer.concat([sent, changed.bytes]);
        else channel = changed.name === CHANNEL ? `${CHANNEL}.` : changed.name;
        assert(['malformed', 'forged'].includes(reasonOf(receiver.open(channel, sent))));
        // A changed copy that came first spoils nothing for the packet itself.
        const opened = receiver.open(CHANNEL, packet);
        assert(opened.ok && Buffer.from(body).equals(opened.body));
      }),
    );
  });

  it('takes each packet of a few senders at most once, in any order of deliveries and with any ages', async () => {
    const deliveries = fc.array(fc.record({ sender: fc.nat(2), index: fc.nat(1_200), waitMs: fc.nat(3_000) }), {
      minLength: 1,
      maxLength: 40,
    });
    await fuzz(
      'orders of bus packets',
      fc.property(deliveries, (steps) => {
        const clock = { nowMs: Date.UTC(2026, 0, 1) };
        const receiver = makeGuard('n9', clock);
        const senders = ['n1', 'n1', 'n3'].map((nodeId) => ({
          guard: makeGuard(nodeId, clock),
          packets: [] as Buffer[],
        }));
        const taken = new Set<Buffer>();
        for (const { sender, index, waitMs } of steps) {
          const { guard, packets } = senders[sender] as (typeof senders)[number];
          // Numbers far apart are reached without sealing all between: most of them are small.
          const place = index % 389 === 0 ? index : index % 9;
          while (packets.length <= place) packets.push(guard.seal(CHANNEL, Buffer.of(packets.length & 255)));
          clock.nowMs += waitMs;
          const packet = packets[place] as Buffer;
          if (!receiver.open(CHANNEL, packet).ok) continue;
          assert(!taken.has(packet));
          taken.add(packet);
        }
        assert(taken.size > 0);
      }),
    );
  });
});
