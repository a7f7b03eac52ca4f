import { Errors, type Packet, Transporters } from 'moleculer';
import type { Logger } from 'pino';
import { MAX_BUS_PACKET_BYTES } from '../contracts/limits.ts';
import type { BusLine } from './bus-line.ts';
import { BUS_REJECTIONS, type BusRejection, type PacketGuard } from './packet-guard.ts';

/** Each node receives its own heartbeats, one a second: after this many checks without one the connection only seems alive. */
const LOOK_EVERY_MS = 1_000;
const MAX_SILENT_LOOKS = 5;
/** So that a flood of forged packets does not flood the log. */
const TELL_REJECTIONS_EVERY_MS = 60_000;

/** What Moleculer's own types leave out. */
interface Topic {
  readonly cmd: string;
  readonly nodeID?: string;
}
type OpenedPacket = Packet & { readonly payload: { readonly sender?: unknown } };
const { BrokerDisconnectedError } = Errors as unknown as { readonly BrokerDisconnectedError: new () => Error };

export interface BusTransporterOptions {
  readonly line: BusLine;
  readonly guard: PacketGuard;
  readonly log: Logger;
}

/** Moleculer's packets over a line, each sealed by its sender; what nobody of the cluster sealed is counted and dropped. */
export class BusTransporter extends Transporters.Base {
  declare connected: boolean;
  declare nodeID: string;
  readonly #line: BusLine;
  readonly #guard: PacketGuard;
  readonly #log: Logger;
  /** Full channel name -> Moleculer's command. */
  readonly #commands = new Map<string, string>();
  readonly #senders = new WeakMap<Buffer, string>();
  readonly #rejected = new Map<BusRejection, number>(BUS_REJECTIONS.map((reason) => [reason, 0]));
  readonly #toldAtMs = new Map<BusRejection, number>();
  #watch: NodeJS.Timeout | undefined;
  #hasHeardItself = false;
  #silentLooks = 0;

  constructor({ line, guard, log }: BusTransporterOptions) {
    super({});
    this.#line = line;
    this.#guard = guard;
    this.#log = log;
  }

  /** True while this node's own packets come back to it. */
  isUp(): boolean {
    return this.connected && this.#line.isUp() && this.#silentLooks < MAX_SILENT_LOOKS;
  }

  rejections(): ReadonlyMap<BusRejection, number> {
    return this.#rejected;
  }

  override async connect(): Promise<void> {
    clearInterval(this.#watch);
    this.#watch = setInterval(() => this.#look(), LOOK_EVERY_MS).unref();
    await this.onConnected();
  }

  override async disconnect(): Promise<void> {
    this.connected = false;
    clearInterval(this.#watch);
    await this.#line.close();
  }

  /** Called by Moleculer once, after the first connection. The line renews the subscriptions itself. */
  override async makeSubscriptions(topics: object[]): Promise<void> {
    for (const { cmd, nodeID } of topics as Topic[]) this.#commands.set(this.getTopicName(cmd, nodeID ?? ''), cmd);
    await this.#line.open([...this.#commands.keys()], {
      onMessage: (channel, message) => this.#take(channel, message),
      onUp: () => this.#cameUp(),
      onDown: () => this.#wentDown(),
    });
  }

  /** Never throws synchronously: callers that publish a heartbeat or an answer only handle a rejected promise. */
  override async send(channel: string, body: Buffer): Promise<void> {
    const message = this.#guard.seal(channel, body);
    if (message.length > MAX_BUS_PACKET_BYTES) {
      throw new RangeError(`a packet of ${message.length} bytes, at most ${MAX_BUS_PACKET_BYTES} may ride the bus`);
    }
    try {
      await this.#line.publish(channel, message);
    } catch (fault) {
      if (this.#line.isUp()) throw fault;
      // Moleculer's own error for it: it may be retried, and it tells a caller more than an error of ioredis.
      throw new BrokerDisconnectedError();
    }
  }

  /** "A packet speaks for the node that sealed it": Moleculer believes the name inside. */
  override deserialize(type: string, body: Buffer): Packet {
    const packet = super.deserialize(type, body) as OpenedPacket;
    if (packet.payload.sender !== this.#senders.get(body)) {
      this.#reject('wrong_sender');
      throw new Error('a packet that names another sender than the one that sealed it');
    }
    return packet;
  }

  #take(channel: string, message: Buffer): void {
    const cmd = this.#commands.get(channel);
    if (cmd === undefined) return;
    const opened = this.#guard.open(channel, message);
    if (!opened.ok) {
      this.#reject(opened.reason);
      return;
    }
    if (opened.sender === this.nodeID) this.#hasHeardItself = true;
    this.#senders.set(opened.body, opened.sender);
    // A handler that fails answers its own caller; there is nothing to add here.
    Promise.resolve(this.receive(cmd, opened.body)).catch((fault: unknown) =>
      this.#log.warn({ err: fault, cmd }, 'a packet of the bus could not be handled'),
    );
  }

  #reject(reason: BusRejection): void {
    const count = (this.#rejected.get(reason) ?? 0) + 1;
    this.#rejected.set(reason, count);
    const nowMs = performance.now();
    if (nowMs - (this.#toldAtMs.get(reason) ?? Number.NEGATIVE_INFINITY) < TELL_REJECTIONS_EVERY_MS) return;
    this.#toldAtMs.set(reason, nowMs);
    this.#log.warn({ reason, count }, HINTS[reason]);
  }

  #look(): void {
    const isSilent = this.connected && this.#line.isUp() && !this.#hasHeardItself;
    this.#hasHeardItself = false;
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0;
    if (this.#silentLooks < MAX_SILENT_LOOKS) return;
    this.#log.warn({ bus: this.#line.name }, 'the bus takes packets and brings none back; connecting anew');
    this.#line.renew();
  }

  #wentDown(): void {
    this.connected = false;
    this.#log.warn({ bus: this.#line.name }, 'the bus is away; it is tried again for ever');
  }

  #cameUp(): void {
    this.#silentLooks = 0;
    this.#log.info({ bus: this.#line.name }, 'the bus is back');
    Promise.resolve(this.onConnected(true)).catch((fault: unknown) =>
      this.#log.warn({ err: fault }, 'other nodes could not be told that this one is back'),
    );
  }
}

const HINTS: Readonly<Record<BusRejection, string>> = {
  malformed: 'something on the bus is no packet of ours and was ignored',
  forged: 'a packet without the signature of this cluster was ignored: does every node have the same CLUSTER_SECRET?',
  stale: 'a packet of another time was ignored: do the clocks of the nodes agree?',
  replayed: 'a packet that came before was ignored',
  crowded: 'a packet was ignored because too many nodes speak on this bus',
  wrong_sender: 'a packet that speaks for another node was ignored',
};
