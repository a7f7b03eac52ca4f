import type { IncomingMessage } from 'node:http';
import {
  MAX_SOCKET_BACKLOG_AT_ONCE_BYTES,
  MAX_SOCKET_BACKLOG_BYTES,
  MAX_SOCKET_BACKLOGS_BYTES,
} from '../contracts/limits.ts';

/** So long a slow line may be behind; what it was told before is then no news any more. */
const PATIENCE_MS = 30_000;
/** What a packet costs beside what it says: a thousand short ones are kept for more than their letters. */
const PACKET_COST_BYTES = 256;

/** What this needs of Engine.IO's server and its connections, some of which their types keep to themselves. */
interface Engine {
  on(event: 'connection', listener: (connection: Connection) => void): unknown;
}
interface Connection {
  readonly request: IncomingMessage;
  /** Takes what it is given at once, and nothing more until all of that is with the kernel ("drain"). */
  readonly transport: { on(event: 'drain', listener: () => void): unknown };
  on(event: 'packetCreate', listener: (packet: { readonly data?: unknown }) => void): unknown;
  /** Everything that waits goes to the transport. */
  on(event: 'flush', listener: () => void): unknown;
  once(event: 'close', listener: () => void): unknown;
  close(): unknown;
}

/** What one connection was told and has not taken: answers to its questions like everything else. */
interface Line {
  waitingBytes: number;
  /** Of them: what the transport has. */
  givenBytes: number;
  /** Since when it has taken nothing, while something waits. */
  sinceMs: number;
  /** Since when it is behind by more than a slow line may be; null: it is not. */
  behindSinceMs: number | null;
  readonly cut: () => void;
}

/**
 * A client that answers pings and reads nothing else is never found dead, and Socket.IO keeps whatever it is told. It is cut:
 * a page that only slept comes back by itself and asks for everything anew. One for all doors of a process: when all lines
 * together keep too much, whoever has left most for longest (bytes times time) goes first.
 */
export class SocketBacklog {
  readonly #nowMs: () => number;
  readonly #maxBytes: number;
  readonly #lines = new Set<Line>();
  #waitingBytes = 0;
  #isLookDue = false;
  #cutCount = 0;

  constructor(nowMs: () => number, maxBytes = MAX_SOCKET_BACKLOGS_BYTES) {
    this.#nowMs = nowMs;
    this.#maxBytes = maxBytes;
  }

  /** What all of them together have not taken. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  /** Counts for every connection of this server from now on. */
  watch(engine: Engine): void {
    engine.on('connection', (connection) => {
      const cut = () => {
        connection.close();
        connection.request.socket.destroy();
      };
      const line: Line = { waitingBytes: 0, givenBytes: 0, sinceMs: 0, behindSinceMs: null, cut };
      connection.on('packetCreate', ({ data }) => this.#add(line, PACKET_COST_BYTES + sizeOf(data)));
      connection.on('flush', () => {
        line.givenBytes = line.waitingBytes;
      });
      connection.transport.on('drain', () => this.#take(line, line.givenBytes));
      connection.once('close', () => this.#take(line, line.waitingBytes));
    });
  }

  /** To be called once a second. @returns how many were cut since the last time */
  look(): number {
    for (const line of [...this.#lines]) if (this.#isTooFarBehind(line)) this.#cut(line);
    const cutCount = this.#cutCount;
    this.#cutCount = 0;
    return cutCount;
  }

  #add(line: Line, bytes: number): void {
    if (line.waitingBytes === 0) line.sinceMs = this.#nowMs();
    line.waitingBytes += bytes;
    this.#waitingBytes += bytes;
    this.#lines.add(line);
    if (line.waitingBytes > MAX_SOCKET_BACKLOG_BYTES) line.behindSinceMs ??= this.#nowMs();
    const isTooMuch = this.#waitingBytes > this.#maxBytes || line.waitingBytes > MAX_SOCKET_BACKLOG_AT_ONCE_BYTES;
    if (!isTooMuch || this.#isLookDue) return;
    this.#isLookDue = true;
    // Not at once: who reads has taken everything by then, however many were told something in the same moment.
    setImmediate(() => {
      this.#isLookDue = false;
      this.#makeRoom();
    });
  }

  #take(line: Line, bytes: number): void {
    line.waitingBytes -= bytes;
    line.givenBytes -= Math.min(bytes, line.givenBytes);
    this.#waitingBytes -= bytes;
    line.sinceMs = this.#nowMs();
    if (line.waitingBytes <= MAX_SOCKET_BACKLOG_BYTES) line.behindSinceMs = null;
    if (line.waitingBytes === 0) this.#lines.delete(line);
  }

  #makeRoom(): void {
    for (const line of [...this.#lines]) if (line.waitingBytes > MAX_SOCKET_BACKLOG_AT_ONCE_BYTES) this.#cut(line);
    while (this.#waitingBytes > this.#maxBytes) {
      const worst = this.#worst();
      if (worst === null) return;
      this.#cut(worst);
    }
  }

  #worst(): Line | null {
    const nowMs = this.#nowMs();
    let worst: Line | null = null;
    let worstCost = 0;
    for (const line of this.#lines) {
      const cost = line.waitingBytes * (1 + nowMs - line.sinceMs);
      if (cost <= worstCost) continue;
      worst = line;
      worstCost = cost;
    }
    return worst;
  }

  #isTooFarBehind({ behindSinceMs }: Line): boolean {
    return behindSinceMs !== null && this.#nowMs() - behindSinceMs >= PATIENCE_MS;
  }

  #cut(line: Line): void {
    this.#cutCount += 1;
    this.#take(line, line.waitingBytes);
    line.cut();
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === 'string') return Buffer.byteLength(data);
  return data instanceof Uint8Array ? data.length : 0;
}
