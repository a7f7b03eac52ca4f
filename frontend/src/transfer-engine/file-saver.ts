/**
 * A download that the page writes itself: it goes on at the next byte through another node when one dies or freezes,
 * which a browser's own download does not. Pure of the browser: connections and the file come in through ports.
 */
import { backoffMs } from './backoff.ts';
import { type Fault, isOfNode, remedyFor } from './fault.ts';
import type { NodeRoute } from './node-book.ts';
import { OWN } from './node-choice.ts';

/** Without a byte for this long another node is asked; each time in vain for twice as long, since a sender may be slow. */
const SILENT_AFTER_MS = 3_000;
const SILENT_AFTER_MOST_MS = 60_000;
/** A node whose copy must first be found begins later than that. */
const HEAD_MS = 6_000;
const HEAD_MOST_MS = 24_000;
/** Failures in a row that look like a node; after that it is the line. */
const MOVES_IN_A_ROW = 4;

export type SavePhase =
  | { readonly name: 'saving' }
  | { readonly name: 'moving' }
  /** The server asked for patience; goes on by itself. */
  | { readonly name: 'waiting'; readonly fault: Fault }
  | { readonly name: 'offline' }
  | { readonly name: 'saved' }
  | { readonly name: 'cancelled' }
  | { readonly name: 'failed'; readonly fault: Fault };

const SAVING: ReadonlySet<string> = new Set<SavePhase['name']>(['saving', 'moving', 'waiting', 'offline']);

/** It is being written, or goes on by itself. */
export function isSavingPhase(name: string): boolean {
  return SAVING.has(name);
}

/** One answer's body. */
export interface OpenBody {
  /** Where it begins: 0 when the server would not go on at the asked byte. */
  readonly from: number;
  readonly etag: string | null;
  /** The next bytes; null at the clean end. Rejects when the line breaks. */
  read(): Promise<Uint8Array | null>;
  close(): void;
}
export type Opened = { readonly ok: true; readonly body: OpenBody } | { readonly ok: false; readonly fault: Fault };

export interface SavePorts {
  /** `etag` of what is there already; the answer begins anew when the file is another one now. */
  readonly open: (address: string, from: number, etag: string | null, signal: AbortSignal) => Promise<Opened>;
  readonly write: (bytes: Uint8Array) => Promise<void>;
  /** Forgets what was written. */
  readonly restart: () => Promise<void>;
  /** Makes the right to read anew, which ends while a machine sleeps. Null: there is a new one. */
  readonly renewRight?: () => Promise<Fault | null>;
  readonly route: NodeRoute;
  readonly random: () => number;
  readonly publish: (phase: SavePhase, savedBytes: number) => void;
}

/** How a server says that the right to read is over: what goes to one person is not there for anybody else. */
const NEEDS_RIGHT: readonly string[] = ['password_required', 'bad_token', 'not_found'];

const NETWORK: Fault = { kind: 'network' };
const TIMEOUT: Fault = { kind: 'timeout' };

export class FileSaver {
  readonly #ports: SavePorts;
  readonly #sizeBytes: number;
  #position = 0;
  #etag: string | null = null;
  #failures = 0;
  /** Turns in a row that brought nothing. */
  #barren = 0;
  /** Since a byte came: a new right that is refused as well will not be granted. */
  #hasRenewed = false;

  constructor(sizeBytes: number, ports: SavePorts) {
    this.#sizeBytes = sizeBytes;
    this.#ports = ports;
  }

  /** Resolves when every byte is written, or nothing more can come. Writing may reject: the disk is the caller's. */
  async run(signal: AbortSignal): Promise<SavePhase> {
    while (this.#position < this.#sizeBytes) {
      if (signal.aborted) return this.#end({ name: 'cancelled' });
      const address = this.#address();
      const met = await this.#turn(address, signal);
      const fault = met && !signal.aborted ? await this.#leftOf(met) : met;
      if (signal.aborted) return this.#end({ name: 'cancelled' });
      if (fault === null) continue;
      const remedy = remedyFor(fault);
      if (remedy === 'end' || remedy === 'fail') return this.#end({ name: 'failed', fault });
      // Patience that is asked for in the name of the transfer would be asked for by every node.
      const isOfAll = fault.kind === 'problem' && remedy === 'wait' && !isOfNode(fault);
      if (!isOfAll) this.#ports.route.lost(address);
      this.#failures += 1;
      const mayMove = !isOfAll && this.#failures <= MOVES_IN_A_ROW && this.#ports.route.hasOthers();
      this.#tell(
        mayMove ? { name: 'moving' } : fault.kind === 'problem' ? { name: 'waiting', fault } : { name: 'offline' },
      );
      const askedMs = fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0;
      await pause(Math.max(mayMove ? 0 : askedMs, backoffMs(this.#failures - 1, this.#ports.random)), signal);
    }
    return this.#end({ name: 'saved' });
  }

  /** One answer, as far as it goes. Null: it brought all it promised. */
  async #turn(address: string, signal: AbortSignal): Promise<Fault | null> {
    const cut = new AbortController();
    const abort = () => cut.abort();
    signal.addEventListener('abort', abort, { once: true });
    const patience = 2 ** Math.min(this.#barren, 8);
    this.#barren += 1;
    try {
      const opened = await within(
        Math.min(HEAD_MS * patience, HEAD_MOST_MS),
        this.#ports.open(address, this.#position, this.#etag, cut.signal),
      );
      if (opened === 'late') return TIMEOUT;
      if (!opened.ok) return opened.fault;
      return await this.#take(opened.body, Math.min(SILENT_AFTER_MS * patience, SILENT_AFTER_MOST_MS));
    } catch (error) {
      if (error instanceof LineBroke) return NETWORK;
      throw error;
    } finally {
      cut.abort();
      signal.removeEventListener('abort', abort);
    }
  }

  async #take(body: OpenBody, silentAfterMs: number): Promise<Fault | null> {
    if (body.from !== this.#position) {
      await this.#ports.restart();
      this.#position = 0;
      if (body.from !== 0) return NETWORK;
    }
    this.#etag = body.etag ?? this.#etag;
    for (;;) {
      const bytes = await within(
        silentAfterMs,
        body.read().catch(() => Promise.reject(new LineBroke())),
      );
      if (bytes === 'late') {
        body.close();
        return TIMEOUT;
      }
      if (bytes === null) return this.#position >= this.#sizeBytes ? null : NETWORK;
      await this.#ports.write(bytes);
      this.#position += bytes.length;
      this.#failures = 0;
      this.#barren = 0;
      this.#hasRenewed = false;
      this.#tell({ name: 'saving' });
    }
  }

  /** The same fault, unless a new right mends it: then null, or why there is none, which may pass. */
  async #leftOf(fault: Fault): Promise<Fault | null> {
    const { renewRight } = this.#ports;
    if (!renewRight || this.#hasRenewed || fault.kind !== 'problem' || !NEEDS_RIGHT.includes(fault.type)) return fault;
    const refusal = await renewRight();
    this.#hasRenewed = refusal === null;
    return refusal;
  }

  /** The home where it may be reached itself; what drains or did not answer comes last. */
  #address(): string {
    const { route } = this.#ports;
    const ranked = route.ranked();
    return ranked.find((address) => !route.isAvoided(address)) ?? ranked[this.#failures % ranked.length] ?? OWN;
  }

  #end(phase: SavePhase): SavePhase {
    this.#tell(phase);
    return phase;
  }

  #tell(phase: SavePhase): void {
    this.#ports.publish(phase, this.#position);
  }
}

class LineBroke extends Error {}

/** Resolves after `ms`, or as soon as `signal` aborts. */
function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener('abort', end, { once: true });
    if (signal.aborted) end();
  });
}

/** The promise's value, or 'late'. */
function within<T>(ms: number, promise: Promise<T>): Promise<T | 'late'> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve('late'), ms);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
