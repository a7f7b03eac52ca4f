import { createHmac, randomBytes } from 'node:crypto';
import { BUS_PACKET_MAX_AGE_MS, MAX_BUS_PACKET_BYTES, MAX_BUS_SENDERS } from '../contracts/limits.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import { ReplayWindow } from './replay-window.ts';

/**
 * A sealed packet, big endian: magic `PLB1`, 16 bytes that name the sender's run, its sequence number in 6 bytes from
 * 1, milliseconds since 1970 in 6 bytes, length and UTF-8 of the sender's node id, the body, and 32 bytes of
 * HMAC-SHA-256 over the channel's length (2 bytes), the channel and all before.
 */
const MAGIC = Buffer.from('PLB1');
const RUN_BYTES = 16;
const RUN_AT = MAGIC.length;
const SEQUENCE_AT = RUN_AT + RUN_BYTES;
const TIME_AT = SEQUENCE_AT + 6;
const SENDER_LENGTH_AT = TIME_AT + 6;
const SENDER_AT = SENDER_LENGTH_AT + 1;
const MAC_BYTES = 32;
const MAX_SENDER_BYTES = 255;

/** Packets of one sender that may overtake one another. Redis and NATS keep a connection's order; this is room. */
const WINDOW_PACKETS = 1024;

/** Why a packet was not taken: the label of `peerlink_bus_rejected_total`. */
export const BUS_REJECTIONS = ['malformed', 'forged', 'stale', 'replayed', 'crowded', 'wrong_sender'] as const;
export type BusRejection = (typeof BUS_REJECTIONS)[number];

export type Opened =
  | { readonly ok: true; readonly sender: string; readonly body: Buffer }
  | { readonly ok: false; readonly reason: BusRejection };

export interface PacketGuardOptions {
  /** The cluster's. Who has it is a member. */
  readonly secret: Uint8Array;
  readonly nodeId: string;
  /** Milliseconds since 1970, the same at all nodes. */
  readonly nowMs: () => number;
}

interface Sender {
  readonly window: ReplayWindow;
  newestMs: number;
}

/** Seals what this node puts on the bus, and takes from the bus only what a member sealed, for this channel, now, once. */
export class PacketGuard {
  readonly #key: Buffer;
  readonly #nodeId: Buffer;
  readonly #nowMs: () => number;
  readonly #run = randomBytes(RUN_BYTES);
  readonly #startedMs: number;
  readonly #senders = new Map<string, Sender>();
  #sequence = 0;

  constructor({ secret, nodeId, nowMs }: PacketGuardOptions) {
    this.#key = createHmac('sha256', secret).update('bus packet').digest();
    this.#nodeId = Buffer.from(nodeId);
    if (this.#nodeId.length === 0 || this.#nodeId.length > MAX_SENDER_BYTES) throw new RangeError('bad node id');
    this.#nowMs = nowMs;
    this.#startedMs = nowMs();
  }

  seal(channel: string, body: Uint8Array): Buffer {
    const bodyAt = SENDER_AT + this.#nodeId.length;
    const packet = Buffer.allocUnsafe(bodyAt + body.length + MAC_BYTES);
    MAGIC.copy(packet);
    this.#run.copy(packet, RUN_AT);
    this.#sequence += 1;
    packet.writeUIntBE(this.#sequence, SEQUENCE_AT, 6);
    packet.writeUIntBE(this.#nowMs(), TIME_AT, 6);
    packet.writeUInt8(this.#nodeId.length, SENDER_LENGTH_AT);
    this.#nodeId.copy(packet, SENDER_AT);
    packet.set(body, bodyAt);
    this.#mac(channel, packet.subarray(0, -MAC_BYTES)).copy(packet, packet.length - MAC_BYTES);
    return packet;
  }

  /** Never throws. Nothing of a packet is believed, and nothing remembered, before its MAC is right. */
  open(channel: string, packet: Buffer): Opened {
    if (packet.length < SENDER_AT + 1 + MAC_BYTES || packet.length > MAX_BUS_PACKET_BYTES) return refused('malformed');
    if (!packet.subarray(0, MAGIC.length).equals(MAGIC)) return refused('malformed');
    const senderEnd = SENDER_AT + packet.readUInt8(SENDER_LENGTH_AT);
    if (senderEnd === SENDER_AT || senderEnd > packet.length - MAC_BYTES) return refused('malformed');
    const signed = packet.subarray(0, -MAC_BYTES);
    if (!isEqualBytes(packet.subarray(-MAC_BYTES), this.#mac(channel, signed))) return refused('forged');

    const timeMs = packet.readUIntBE(TIME_AT, 6);
    if (Math.abs(this.#nowMs() - timeMs) > BUS_PACKET_MAX_AGE_MS) return refused('stale');
    const run = packet.subarray(RUN_AT, RUN_AT + RUN_BYTES);
    const sender = packet.subarray(SENDER_AT, senderEnd);
    // A packet of an earlier run of this node would make it believe in a twin and exit. A real twin, on a copied data
    // directory, also speaks later than this.
    const isOwnPast = sender.equals(this.#nodeId) && !run.equals(this.#run);
    if (isOwnPast && timeMs < this.#startedMs + BUS_PACKET_MAX_AGE_MS) return refused('replayed');
    const reason = this.#remember(run.toString('latin1'), packet.readUIntBE(SEQUENCE_AT, 6), timeMs);
    if (reason !== null) return refused(reason);
    return { ok: true, sender: sender.toString(), body: packet.subarray(senderEnd, -MAC_BYTES) };
  }

  #remember(run: string, sequence: number, timeMs: number): BusRejection | null {
    let known = this.#senders.get(run);
    if (known === undefined) {
      if (this.#senders.size >= MAX_BUS_SENDERS && !this.#forgetSilent()) return 'crowded';
      known = { window: new ReplayWindow(WINDOW_PACKETS), newestMs: timeMs };
      this.#senders.set(run, known);
    }
    if (sequence === 0 || !known.window.accept(sequence)) return 'replayed';
    known.newestMs = Math.max(known.newestMs, timeMs);
    return null;
  }

  /** Forgets runs whose every packet would be stale by now: forgetting them opens no way for a repeated one. */
  #forgetSilent(): boolean {
    const deadline = this.#nowMs() - BUS_PACKET_MAX_AGE_MS;
    for (const [run, { newestMs }] of this.#senders) if (newestMs < deadline) this.#senders.delete(run);
    return this.#senders.size < MAX_BUS_SENDERS;
  }

  #mac(channel: string, signed: Uint8Array): Buffer {
    const name = Buffer.from(channel);
    const length = Buffer.allocUnsafe(2);
    length.writeUInt16BE(name.length);
    return createHmac('sha256', this.#key).update(length).update(name).update(signed).digest();
  }
}

const refused = (reason: BusRejection): Opened => ({ ok: false, reason });
