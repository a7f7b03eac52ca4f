import { MAX_WATCHED_TRANSFERS_PER_SOCKET } from '../contracts/limits.ts';

export interface Watch {
  readonly watchId: string;
  readonly socketId: string;
  readonly transferId: string;
  /** By upload token: told of recipients. */
  readonly isSenders: boolean;
}

export type AddOutcome = { readonly outcome: 'added'; readonly watch: Watch } | { readonly outcome: 'too_many' };

/** Which socket follows which transfer. Bounded by a number per socket, and sockets are bounded by the server. */
export class Watches {
  readonly #makeId: () => string;
  readonly #bySocket = new Map<string, Map<string, Watch>>();
  readonly #byTransfer = new Map<string, Set<Watch>>();

  constructor(makeId: () => string) {
    this.#makeId = makeId;
  }

  add(socketId: string, transferId: string, isSenders: boolean): AddOutcome {
    const own = this.#bySocket.get(socketId) ?? new Map<string, Watch>();
    if (own.size >= MAX_WATCHED_TRANSFERS_PER_SOCKET) return { outcome: 'too_many' };
    const watch = { watchId: this.#makeId(), socketId, transferId, isSenders };
    own.set(watch.watchId, watch);
    this.#bySocket.set(socketId, own);
    const watchers = this.#byTransfer.get(transferId) ?? new Set();
    watchers.add(watch);
    this.#byTransfer.set(transferId, watchers);
    return { outcome: 'added', watch };
  }

  /** Only a socket's own watch; unknown ones are nothing. */
  remove(socketId: string, watchId: string): void {
    const own = this.#bySocket.get(socketId);
    const watch = own?.get(watchId);
    if (own === undefined || watch === undefined) return;
    own.delete(watchId);
    if (own.size === 0) this.#bySocket.delete(socketId);
    const watchers = this.#byTransfer.get(watch.transferId);
    watchers?.delete(watch);
    if (watchers?.size === 0) this.#byTransfer.delete(watch.transferId);
  }

  removeSocket(socketId: string): void {
    for (const watchId of [...(this.#bySocket.get(socketId)?.keys() ?? [])]) this.remove(socketId, watchId);
  }

  of(transferId: string): Iterable<Watch> {
    return this.#byTransfer.get(transferId) ?? [];
  }

  get transferCount(): number {
    return this.#byTransfer.size;
  }
}
