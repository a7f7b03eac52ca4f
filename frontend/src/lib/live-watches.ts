/**
 * The transfers that this page follows. Each is asked for anew on every connection, and on the same one when it was
 * refused for now. Pure: the connection comes in through ports.
 */
import type { Recipient } from '../../../services/contracts/person.ts';
import type {
  ControlServerEvents,
  TransferProgress,
  TransferSnapshot,
  WatchRequest,
} from '../../../services/contracts/socket.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { askAgainInMs } from './retry.ts';

export interface WatchHandlers {
  readonly snapshot: (snapshot: TransferSnapshot) => void;
  readonly progress: (progress: TransferProgress) => void;
  readonly state: (event: Parameters<ControlServerEvents['transfer.state']>[0]) => void;
  /** Of a direct send, to its sender. */
  readonly recipients?: (recipients: readonly Recipient[]) => void;
}
export interface WatchPorts {
  readonly isConnected: () => boolean;
  readonly ask: (request: WatchRequest) => Promise<Answered<TransferSnapshot>>;
  readonly letGo: (watchId: string) => void;
}
interface Watch {
  readonly request: WatchRequest;
  readonly handlers: WatchHandlers;
  watchId: string | null;
  /** Of a watch that was refused for now. */
  again?: ReturnType<typeof setTimeout>;
}

export class LiveWatches {
  readonly #ports: WatchPorts;
  readonly #watches = new Set<Watch>();

  constructor(ports: WatchPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#watches.size;
  }

  /** Follows a transfer until the returned function is called. */
  add(request: WatchRequest, handlers: WatchHandlers): () => void {
    const watch: Watch = { request, handlers, watchId: null };
    this.#watches.add(watch);
    if (this.#ports.isConnected()) void this.#ask(watch);
    return () => this.#remove(watch);
  }

  /** There is a new connection, which knows of none of them. */
  askAll(): void {
    for (const watch of this.#watches) void this.#ask(watch);
  }

  /** The connection is gone, and what it called them. */
  forgetIds(): void {
    for (const watch of this.#watches) {
      watch.watchId = null;
      clearTimeout(watch.again);
    }
  }

  handlersOf(watchId: string): WatchHandlers | undefined {
    for (const watch of this.#watches) if (watch.watchId === watchId) return watch.handlers;
    return undefined;
  }

  async #ask(watch: Watch): Promise<void> {
    clearTimeout(watch.again);
    const answer = await this.#ports.ask(watch.request);
    if (!this.#watches.has(watch)) {
      // A connection may follow only so many.
      if (answer.ok) this.#letGo(answer.value.watchId);
      return;
    }
    if (answer.ok) {
      watch.watchId = answer.value.watchId;
      watch.handlers.snapshot(answer.value);
      return;
    }
    const waitMs = askAgainInMs(answer.fault);
    // A new connection asks by itself.
    if (waitMs === null || !this.#ports.isConnected() || watch.watchId !== null) return;
    clearTimeout(watch.again);
    watch.again = setTimeout(() => void this.#ask(watch), waitMs);
  }

  #remove(watch: Watch): void {
    this.#watches.delete(watch);
    clearTimeout(watch.again);
    if (watch.watchId !== null) this.#letGo(watch.watchId);
  }

  #letGo(watchId: string): void {
    if (this.#ports.isConnected()) this.#ports.letGo(watchId);
  }
}
