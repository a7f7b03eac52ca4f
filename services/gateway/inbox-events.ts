import { MAX_INBOXES_AT_ONCE } from '../contracts/limits.ts';
import type { Inbox, InboxProgress } from '../contracts/people.ts';
import type { Call } from '../define-service.ts';
import type { RateLimits } from './rate-limit.ts';
import { RefreshTurns } from './refresh-turns.ts';
import { parseAs } from './schemas.ts';
import type { ControlHandler, ControlMessage } from './socket-events.ts';

/** "Re-reads the inboxes of its connected sessions": so a lost hint costs a second. */
const EVERY_MS = 1_000;
/** Inboxes whose fingerprints are compared in one query. */
const COMPARED_AT_ONCE = 1_000;

export interface InboxEventsDeps {
  readonly call: Call;
  readonly rateLimits: Pick<RateLimits, 'consume'>;
  readonly onFault: (fault: unknown) => void;
}
/** The sockets of this node. */
export interface InboxSockets {
  /** Has taken what it was told before; an inbox has up to some megabytes. */
  isReady(socketId: string): boolean;
  tell(socketId: string, inbox: Inbox): void;
  tellProgress(socketId: string, progress: InboxProgress): void;
}
const NO_SOCKETS: InboxSockets = { isReady: () => false, tell: () => {}, tellProgress: () => {} };

interface Reader {
  readonly socketIds: Set<string>;
  /** Those of them that were not ready when it was told last. */
  readonly lateIds: Set<string>;
  /** Of what was told last; empty: to be told whatever is there. */
  fingerprint: string;
  /** Whose state the last inbox showed. */
  transferIds: ReadonlySet<string>;
}

/** `inbox.read`, `inbox.seen` and `inbox.changed`: whoever read an inbox here is told when it changes, on whatever node. */
export class InboxEvents {
  readonly #deps: InboxEventsDeps;
  readonly #readers = new Map<string, Reader>();
  readonly #sessionOf = new Map<string, string>();
  readonly #turns: RefreshTurns<string>;
  #sockets = NO_SOCKETS;

  constructor(deps: InboxEventsDeps) {
    this.#deps = deps;
    this.#turns = new RefreshTurns({
      keys: () => this.#readers.keys(),
      refresh: (sessionIds) => this.#refresh(sessionIds),
      everyMs: EVERY_MS,
      onFault: deps.onFault,
    });
  }

  readonly handlers: Readonly<Record<'inbox.read' | 'inbox.seen', ControlHandler>> = {
    'inbox.read': (message) => this.#read(message),
    'inbox.seen': async ({ identity, payload }) => {
      const { sequence } = parseAs('inboxSeen', payload);
      const options = { requestId: identity.context.requestId };
      return this.#deps.call('transfer.seen', { sessionId: identity.sessionId, sequence }, options);
    },
  };

  start(sockets: InboxSockets): void {
    this.#sockets = sockets;
    this.#turns.start();
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }

  removeSocket(socketId: string): void {
    const sessionId = this.#sessionOf.get(socketId);
    if (sessionId === undefined) return;
    this.#sessionOf.delete(socketId);
    const reader = this.#readers.get(sessionId);
    reader?.socketIds.delete(socketId);
    reader?.lateIds.delete(socketId);
    if (reader?.socketIds.size === 0) this.#readers.delete(sessionId);
  }

  /** A hint: something was sent to these sessions. */
  hear(sessionIds: readonly string[]): void {
    this.#turns.soon(sessionIds.filter((sessionId) => this.#readers.has(sessionId)));
  }

  /** A hint: the state of this transfer has changed. */
  hearTransfer(transferId: string): void {
    for (const [sessionId, { transferIds }] of this.#readers) {
      if (transferIds.has(transferId)) this.#turns.soon([sessionId]);
    }
  }

  /** Subscribes first and reads second, so that nothing sent in between is missed. */
  async #read({ socketId, identity, payload, isConnected }: ControlMessage): Promise<Inbox> {
    parseAs('inboxRead', payload);
    const { sessionId, context } = identity;
    // As over HTTP: it has megabytes, and its reader may not take them.
    await this.#deps.rateLimits.consume('people', sessionId);
    if (isConnected()) this.#subscribe(socketId, sessionId);
    const asked = [{ sessionId, fingerprint: '' }];
    const [found] = await this.#deps.call('transfer.inboxes', { asked }, { requestId: context.requestId });
    const items = found?.items ?? [];
    const reader = this.#readers.get(sessionId);
    if (reader !== undefined && found !== undefined) {
      if (reader.fingerprint === '') learn(reader, found);
      // Another socket was told something else meanwhile, earlier or later than this: both are told again.
      else if (reader.fingerprint !== found.fingerprint) {
        reader.fingerprint = '';
        this.#turns.soon([sessionId]);
      }
    }
    return { items };
  }

  #subscribe(socketId: string, sessionId: string): void {
    this.#sessionOf.set(socketId, sessionId);
    const reader = this.#readers.get(sessionId);
    if (reader !== undefined) reader.socketIds.add(socketId);
    else {
      const socketIds = new Set([socketId]);
      this.#readers.set(sessionId, { socketIds, lateIds: new Set(), fingerprint: '', transferIds: new Set() });
    }
  }

  async #refresh(sessionIds: readonly string[]): Promise<void> {
    for (let start = 0; start < sessionIds.length; start += COMPARED_AT_ONCE) {
      const leftOut = await this.#tellChanged(sessionIds.slice(start, start + COMPARED_AT_ONCE));
      for (let first = 0; first < leftOut.length; first += MAX_INBOXES_AT_ONCE) {
        await this.#tellChanged(leftOut.slice(first, first + MAX_INBOXES_AT_ONCE));
      }
    }
  }

  /** @returns who has something new that was not read, being more than is read at once */
  async #tellChanged(sessionIds: readonly string[]): Promise<readonly string[]> {
    const asked = sessionIds.flatMap((sessionId) => {
      const reader = this.#readers.get(sessionId);
      if (reader === undefined) return [];
      const hasLate = [...reader.lateIds].some((socketId) => this.#sockets.isReady(socketId));
      return [{ sessionId, fingerprint: hasLate ? '' : reader.fingerprint }];
    });
    if (asked.length === 0) return [];
    const leftOut: string[] = [];
    for (const found of await this.#deps.call('transfer.inboxes', { asked })) {
      const reader = this.#readers.get(found.sessionId);
      if (reader === undefined) continue;
      if (found.isLeftOut) leftOut.push(found.sessionId);
      else if (found.progress === null) this.#tellAll(reader, found);
      else this.#tellProgress(reader, found.progress, found.fingerprint);
    }
    return leftOut;
  }

  #tellAll(reader: Reader, found: Inbox & { readonly fingerprint: string }): void {
    const isChanged = reader.fingerprint !== found.fingerprint;
    learn(reader, found);
    for (const socketId of isChanged ? reader.socketIds : reader.lateIds) {
      if (!this.#sockets.isReady(socketId)) {
        reader.lateIds.add(socketId);
        continue;
      }
      reader.lateIds.delete(socketId);
      this.#sockets.tell(socketId, { items: found.items });
    }
  }

  /** Told again a second later while one of them is not ready: it is a few bytes. */
  #tellProgress(reader: Reader, progress: InboxProgress, fingerprint: string): void {
    const ready = [...reader.socketIds].filter((socketId) => this.#sockets.isReady(socketId));
    for (const socketId of ready) this.#sockets.tellProgress(socketId, progress);
    if (ready.length === reader.socketIds.size) reader.fingerprint = fingerprint;
  }
}

function learn(reader: Reader, found: Inbox & { readonly fingerprint: string }): void {
  reader.fingerprint = found.fingerprint;
  reader.transferIds = new Set(found.items.flatMap((item) => (item.kind === 'offer' ? [item.transferId] : [])));
}
