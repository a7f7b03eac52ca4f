/**
 * The page's one socket, loaded when something is worth following. Watches survive a reconnection: they are asked for
 * again; guests are told of it and say anew who and where they are. In a cluster it goes on at another node when its
 * own dies or drains. When nobody answers any more, `state` says so and `reconnect` is the person's to press.
 */
import type { Socket } from 'socket.io-client';
import { errorTypeOf, type ProblemDetails } from '../../../services/contracts/errors.ts';
import type { Inbox, InboxProgress, PeopleSnapshot } from '../../../services/contracts/people.ts';
import type { Recipient } from '../../../services/contracts/person.ts';
import type {
  Acknowledge,
  Acknowledged,
  ControlClientEvents,
  ControlServerEvents,
  TransferProgress,
  TransferSnapshot,
  WatchRequest,
} from '../../../services/contracts/socket.ts';
import { config } from '../config/env.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import { OWN } from '../transfer-engine/node-choice.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { uploads } from '../transfer-engine/uploads.ts';
import { LivePlaces } from './live-places.ts';
import { askAgainInMs } from './retry.ts';
import { session } from './session.ts';

export type LiveState = 'idle' | 'connecting' | 'connected' | 'gave_up';
export interface WatchHandlers {
  readonly snapshot: (snapshot: TransferSnapshot) => void;
  readonly progress: (progress: TransferProgress) => void;
  readonly state: (event: Parameters<ControlServerEvents['transfer.state']>[0]) => void;
  /** Of a direct send, to its sender. */
  readonly recipients?: (recipients: readonly Recipient[]) => void;
}
/** Somebody who keeps the socket open, and asks something of every new connection. */
export interface LiveGuest {
  /** Connected, for the first time or again, perhaps at another node. */
  readonly connected: () => void;
  readonly disconnected: () => void;
  readonly peopleChanged?: (snapshot: PeopleSnapshot) => void;
  readonly inboxChanged?: (inbox: Inbox) => void;
  readonly inboxProgressed?: (progress: InboxProgress) => void;
}
type ResultOf<Event extends keyof ControlClientEvents> =
  Parameters<ControlClientEvents[Event]>[1] extends Acknowledge<infer Result> ? Result : never;
/** Socket.IO's types do not follow an event that is only known by its name. */
interface AnyEmitter {
  emit(
    event: string,
    request: unknown,
    done: (error: Error | null, answer: Acknowledged<unknown> | undefined) => void,
  ): void;
}
interface Watch {
  readonly request: WatchRequest;
  readonly handlers: WatchHandlers;
  watchId: string | null;
  /** Of a watch that was refused for now. */
  again?: ReturnType<typeof setTimeout>;
}
/** What Socket.IO makes of the error that ends a handshake. */
interface RefusedHandshake extends Error {
  readonly data?: ProblemDetails;
}
type ControlSocket = Socket<ControlServerEvents, ControlClientEvents>;

const ACKNOWLEDGE_TIMEOUT_MS = 10_000;
/** A socket nobody needs is closed after this, so that walking between pages does not open a new one each time. */
const IDLE_CLOSE_MS = 30_000;

class Live {
  #state: LiveState = 'idle';
  #socket: ControlSocket | null = null;
  #loading: Promise<void> | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | null = null;
  #hasRenewedSession = false;
  /** Whose the connection is. */
  #sessionId: string | null = null;
  readonly #places = new LivePlaces();
  readonly #watches = new Set<Watch>();
  readonly #guests = new Set<LiveGuest>();
  readonly #listeners = new Set<() => void>();

  constructor() {
    session.subscribe(() => this.#followSession());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly read = (): LiveState => this.#state;

  /** Follows a transfer until the returned function is called. */
  watch(request: WatchRequest, handlers: WatchHandlers): () => void {
    const watch: Watch = { request, handlers, watchId: null };
    this.#watches.add(watch);
    this.#wake();
    if (this.#socket?.connected) void this.#ask(watch);
    return () => this.#unwatch(watch);
  }

  /** Keeps the socket open until the returned function is called. */
  visit(guest: LiveGuest): () => void {
    this.#guests.add(guest);
    this.#wake();
    if (this.#socket?.connected) guest.connected();
    return () => {
      this.#guests.delete(guest);
      this.#restIfIdle();
    };
  }

  /** Asks once, on the connection there is. */
  ask<Event extends keyof ControlClientEvents>(
    event: Event,
    request: Parameters<ControlClientEvents[Event]>[0],
  ): Promise<Answered<ResultOf<Event>>> {
    const socket = this.#socket;
    if (!socket?.connected) return Promise.resolve({ ok: false, fault: { kind: 'network' } });
    const emitter = socket.timeout(ACKNOWLEDGE_TIMEOUT_MS) as unknown as AnyEmitter;
    return new Promise((resolve) => {
      emitter.emit(event, request, (error, answer) => {
        if (error || !answer) resolve({ ok: false, fault: { kind: socket.connected ? 'timeout' : 'network' } });
        else if (answer.ok) resolve({ ok: true, value: answer.result as ResultOf<Event> });
        else resolve({ ok: false, fault: faultOf(answer.problem) });
      });
    });
  }

  #wake(): void {
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = null;
    if (!this.#socket?.connected) void this.#connect();
  }

  readonly reconnect = (): void => {
    this.#setState('connecting');
    this.#hasRenewedSession = false;
    this.#places.beginAnew();
    if (this.#socket) this.#socket.connect();
    else void this.#connect();
  };

  #connect(): Promise<void> {
    this.#loading ??= this.#open().catch(() => {
      this.#loading = null;
      this.#setState('gave_up');
    });
    return this.#loading;
  }

  async #open(): Promise<void> {
    this.#setState('connecting');
    // The handshake needs a session, and whoever opened a link has none yet.
    const [{ io }] = await Promise.all([import('socket.io-client'), session.ensure()]);
    const address = this.#places.current;
    const options = {
      path: '/socket.io',
      transports: ['websocket'],
      // Each address gets a connection of its own, which ends with its socket.
      forceNew: true,
      reconnectionDelay: config.socketReconnectionDelayMs,
      reconnectionDelayMax: config.socketReconnectionDelayMaxMs,
      reconnectionAttempts: this.#places.hasOthers() ? 1 : config.socketReconnectionAttempts,
      // The cookie is for the page's own origin only; elsewhere a ticket says who this is.
      ...(address === OWN ? {} : { auth: (done: (auth: object) => void) => void this.#places.auth().then(done) }),
    };
    const url = address === OWN ? config.socketUrl : address;
    const socket: ControlSocket = url === '' ? io(options) : io(url, options);
    this.#socket = socket;
    socket.on('connect', () => {
      this.#hasRenewedSession = false;
      this.#sessionId = session.id;
      this.#places.arrived();
      this.#setState('connected');
      for (const watch of this.#watches) void this.#ask(watch);
      for (const guest of this.#guests) guest.connected();
    });
    socket.on('disconnect', (reason) => {
      this.#forgetWatchIds();
      if (reason === 'io client disconnect') return;
      this.#setState('connecting');
      // Socket.IO leaves it to us when the server was the one to close.
      if (reason === 'io server disconnect') socket.connect();
    });
    socket.on('connect_error', (error) => {
      // `active` is false when the handshake was refused: Socket.IO does not try again by itself then.
      if (socket.active) this.#setState('connecting');
      else if (address !== OWN) this.#goElsewhere(socket);
      else this.#heedRefusal(socket, error);
    });
    socket.io.on('reconnect_failed', () => this.#goElsewhere(socket));
    socket.on('cluster.changed', (cluster) => {
      uploads.heardCluster(cluster);
      this.#places.learn(cluster);
      // "Moves when one drains": the next node is there already.
      if (this.#places.isLeaving()) this.#goElsewhere(socket);
    });
    socket.on('transfer.progress', (event) => this.#byId(event.watchId)?.handlers.progress(event));
    socket.on('transfer.state', (event) => this.#byId(event.watchId)?.handlers.state(event));
    socket.on('transfer.recipients', (event) => this.#byId(event.watchId)?.handlers.recipients?.(event.recipients));
    socket.on('people.changed', (snapshot) => {
      for (const guest of this.#guests) guest.peopleChanged?.(snapshot);
    });
    socket.on('inbox.changed', (inbox) => {
      for (const guest of this.#guests) guest.inboxChanged?.(inbox);
    });
    socket.on('inbox.progress', (progress) => {
      for (const guest of this.#guests) guest.inboxProgressed?.(progress);
    });
  }

  /** The next address, or the end of the tries. */
  #goElsewhere(socket: ControlSocket): void {
    if (this.#socket !== socket) return;
    if (!this.#places.next()) {
      this.#setState('gave_up');
      return;
    }
    socket.disconnect();
    this.#forgetWatchIds();
    this.#socket = null;
    this.#loading = null;
    void this.#connect();
  }

  /** A server that cannot look a session up right now says nothing about the session. */
  #heedRefusal(socket: ControlSocket, error: RefusedHandshake): void {
    const waitMs = error.data === undefined ? null : askAgainInMs(faultOf(error.data));
    if (waitMs === null) {
      void this.#renewSession(socket);
      return;
    }
    this.#setState('connecting');
    setTimeout(() => {
      if (this.#socket === socket && !socket.connected) socket.connect();
    }, waitMs);
  }

  /** Refused, most likely because the session has ended meanwhile: once, another one is asked for. */
  async #renewSession(socket: ControlSocket): Promise<void> {
    if (!this.#hasRenewedSession) {
      this.#hasRenewedSession = true;
      session.forget();
      if ((await session.ensure()).ok && this.#socket === socket) {
        socket.connect();
        return;
      }
    }
    this.#setState('gave_up');
  }

  /** A connection is its session's for good, and one whose session is over is let into no room. */
  #followSession(): void {
    if (session.id === null || session.id === this.#sessionId || !this.#socket?.connected) return;
    this.#setState('connecting');
    this.#socket.disconnect().connect();
  }

  async #ask(watch: Watch): Promise<void> {
    clearTimeout(watch.again);
    const answer = await this.ask('transfer.watch', watch.request);
    if (!this.#watches.has(watch)) return;
    if (answer.ok) {
      watch.watchId = answer.value.watchId;
      watch.handlers.snapshot(answer.value);
      return;
    }
    const waitMs = askAgainInMs(answer.fault);
    // A new connection asks by itself.
    if (waitMs === null || !this.#socket?.connected || watch.watchId !== null) return;
    clearTimeout(watch.again);
    watch.again = setTimeout(() => void this.#ask(watch), waitMs);
  }

  #unwatch(watch: Watch): void {
    this.#watches.delete(watch);
    clearTimeout(watch.again);
    if (watch.watchId !== null && this.#socket?.connected) {
      this.#socket.timeout(ACKNOWLEDGE_TIMEOUT_MS).emit('transfer.unwatch', { watchId: watch.watchId }, () => {});
    }
    this.#restIfIdle();
  }

  #restIfIdle(): void {
    if (this.#watches.size > 0 || this.#guests.size > 0) return;
    if (this.#idleTimer !== null) clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => this.#close(), IDLE_CLOSE_MS);
  }

  #close(): void {
    this.#socket?.disconnect();
    this.#socket = null;
    this.#loading = null;
    this.#places.rest();
    this.#setState('idle');
  }

  #forgetWatchIds(): void {
    for (const watch of this.#watches) {
      watch.watchId = null;
      clearTimeout(watch.again);
    }
    for (const guest of this.#guests) guest.disconnected();
  }

  #byId(watchId: string): Watch | undefined {
    for (const watch of this.#watches) if (watch.watchId === watchId) return watch;
    return undefined;
  }

  #setState(state: LiveState): void {
    if (state === this.#state) return;
    this.#state = state;
    for (const listener of this.#listeners) listener();
  }
}

function faultOf(problem: ProblemDetails): Fault {
  return {
    kind: 'problem',
    type: errorTypeOf(problem) ?? 'internal',
    retryAfterMs: problem.retryAfterSeconds === undefined ? null : problem.retryAfterSeconds * 1000,
    ...(problem.data ? { data: problem.data } : {}),
  };
}

export const live = new Live();
