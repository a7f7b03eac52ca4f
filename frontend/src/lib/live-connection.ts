/**
 * One socket for all of a page that wants to be told, loaded when something is worth following. Watches survive a
 * reconnection: they are asked for again; guests are told of it and say anew who and where they are. In a cluster it
 * goes on at another node when its own dies or drains. When nobody answers any more, `state` says so and `reconnect` is
 * the person's to press. The library, the session and the addresses come in through ports.
 */
import type { Socket } from 'socket.io-client';
import { errorTypeOf, type ProblemDetails } from '../../../services/contracts/errors.ts';
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import type { Inbox, InboxProgress, PeopleSnapshot } from '../../../services/contracts/people.ts';
import type {
  Acknowledge,
  Acknowledged,
  ControlClientEvents,
  ControlServerEvents,
  WatchRequest,
} from '../../../services/contracts/socket.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import { OWN } from '../transfer-engine/node-choice.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import type { LivePlaces } from './live-places.ts';
import { LiveWatches, type WatchHandlers } from './live-watches.ts';
import { askAgainInMs } from './retry.ts';
import type { SessionKeeper } from './session-keeper.ts';

export type LiveState = 'idle' | 'connecting' | 'connected' | 'gave_up';
/** Somebody who keeps the socket open, and asks something of every new connection. */
export interface LiveGuest {
  /** Connected, for the first time or again, perhaps at another node. */
  readonly connected: () => void;
  readonly disconnected: () => void;
  readonly peopleChanged?: (snapshot: PeopleSnapshot) => void;
  readonly inboxChanged?: (inbox: Inbox) => void;
  readonly inboxProgressed?: (progress: InboxProgress) => void;
}
export type ControlSocket = Socket<ControlServerEvents, ControlClientEvents>;
export interface LivePorts {
  readonly session: Pick<SessionKeeper, 'id' | 'subscribe' | 'ensure' | 'forget'>;
  readonly places: Pick<
    LivePlaces,
    'current' | 'learn' | 'hasOthers' | 'isLeaving' | 'next' | 'beginAnew' | 'arrived' | 'rest'
  >;
  /** Loads what makes a socket to an address: it has not been connected when it is answered. */
  readonly load: () => Promise<(address: string) => ControlSocket>;
  readonly heardCluster: (cluster: ClusterResponse) => void;
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
/** What Socket.IO makes of the error that ends a handshake. */
interface RefusedHandshake extends Error {
  readonly data?: ProblemDetails;
}

const ACKNOWLEDGE_TIMEOUT_MS = 10_000;
/** A socket nobody needs is closed after this, so that walking between pages does not open a new one each time. */
const IDLE_CLOSE_MS = 30_000;

export class LiveConnection {
  readonly #ports: LivePorts;
  #state: LiveState = 'idle';
  #socket: ControlSocket | null = null;
  #loading: Promise<void> | null = null;
  #idleTimer: ReturnType<typeof setTimeout> | null = null;
  #hasRenewedSession = false;
  /** Whose the connection is. */
  #sessionId: string | null = null;
  readonly #watches = new LiveWatches({
    isConnected: () => this.#socket?.connected ?? false,
    ask: (request) => this.ask('transfer.watch', request),
    letGo: (watchId) => void this.ask('transfer.unwatch', { watchId }),
  });
  readonly #guests = new Set<LiveGuest>();
  readonly #listeners = new Set<() => void>();

  constructor(ports: LivePorts) {
    this.#ports = ports;
    ports.session.subscribe(() => this.#followSession());
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };
  readonly read = (): LiveState => this.#state;

  /** Follows a transfer until the returned function is called. */
  watch(request: WatchRequest, handlers: WatchHandlers): () => void {
    const end = this.#watches.add(request, handlers);
    this.#wake();
    return () => {
      end();
      this.#restIfIdle();
    };
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
    this.#ports.places.beginAnew();
    if (this.#socket) this.#socket.connect();
    else void this.#connect();
  };

  #connect(): Promise<void> {
    if (this.#loading !== null) return this.#loading;
    const isWanted = () => this.#loading === loading;
    const loading: Promise<void> = this.#open(isWanted).catch(() => {
      if (!isWanted()) return;
      this.#loading = null;
      this.#setState('gave_up');
    });
    this.#loading = loading;
    return loading;
  }

  /** @param isWanted false once everybody has gone while it was loading: who comes then gets another one */
  async #open(isWanted: () => boolean): Promise<void> {
    this.#setState('connecting');
    // The handshake needs a session, and whoever opened a link has none yet.
    const [makeSocket] = await Promise.all([this.#ports.load(), this.#ports.session.ensure()]);
    if (!isWanted()) return;
    const address = this.#ports.places.current;
    const socket = makeSocket(address);
    this.#socket = socket;
    this.#followConnection(socket, address);
    this.#followEvents(socket);
  }

  #followConnection(socket: ControlSocket, address: string): void {
    socket.on('connect', () => {
      this.#hasRenewedSession = false;
      this.#sessionId = this.#ports.session.id;
      this.#ports.places.arrived();
      this.#setState('connected');
      this.#watches.askAll();
      for (const guest of this.#guests) guest.connected();
    });
    socket.on('disconnect', (reason) => {
      this.#lost();
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
  }

  #followEvents(socket: ControlSocket): void {
    socket.on('cluster.changed', (cluster) => {
      this.#ports.heardCluster(cluster);
      this.#ports.places.learn(cluster);
      // "Moves when one drains": the next node is there already.
      if (this.#ports.places.isLeaving()) this.#goElsewhere(socket);
    });
    socket.on('transfer.progress', (event) => this.#watches.handlersOf(event.watchId)?.progress(event));
    socket.on('transfer.state', (event) => this.#watches.handlersOf(event.watchId)?.state(event));
    socket.on('transfer.recipients', ({ watchId, recipients }) =>
      this.#watches.handlersOf(watchId)?.recipients?.(recipients),
    );
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
    if (!this.#ports.places.next()) {
      this.#setState('gave_up');
      return;
    }
    socket.disconnect();
    this.#lost();
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
      this.#ports.session.forget();
      if ((await this.#ports.session.ensure()).ok && this.#socket === socket) {
        socket.connect();
        return;
      }
    }
    this.#setState('gave_up');
  }

  /** A connection is its session's for good, and one whose session is over is let into no room. */
  #followSession(): void {
    const { id } = this.#ports.session;
    if (id === null || id === this.#sessionId || !this.#socket?.connected) return;
    this.#setState('connecting');
    this.#socket.disconnect().connect();
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
    this.#ports.places.rest();
    this.#setState('idle');
  }

  #lost(): void {
    this.#watches.forgetIds();
    for (const guest of this.#guests) guest.disconnected();
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
