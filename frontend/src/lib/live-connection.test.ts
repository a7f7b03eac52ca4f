import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { OWN } from '../transfer-engine/node-choice.ts';
import { type ControlSocket, LiveConnection, type LiveGuest } from './live-connection.ts';

type Listener = (...given: unknown[]) => void;

/** As much of Socket.IO's socket as a connection uses: it connects when the test says so. */
class OneSocket {
  connected = false;
  active = true;
  readonly #listeners = new Map<string, Listener[]>();
  readonly io = { on: () => {} };

  on(event: string, listener: Listener): void {
    this.#listeners.set(event, [...(this.#listeners.get(event) ?? []), listener]);
  }
  comes(): void {
    this.connected = true;
    for (const listener of this.#listeners.get('connect') ?? []) listener();
  }
  connects = 0;
  connect(): this {
    this.connects += 1;
    return this;
  }
  /** The other side, or the line, ended it. */
  ends(reason: string): void {
    this.connected = false;
    for (const listener of this.#listeners.get('disconnect') ?? []) listener(reason);
  }
  /** What a page asks, in order; nobody answers. */
  readonly asked: string[] = [];
  timeout(): this {
    return this;
  }
  emit(event: string): void {
    this.asked.push(event);
  }
  disconnect(): this {
    this.connected = false;
    return this;
  }
}

/** A page whose library loads when the test says so. */
function page() {
  const sockets: OneSocket[] = [];
  const loads: ((isThere: boolean) => void)[] = [];
  const makeSocket = () => {
    const socket = new OneSocket();
    sockets.push(socket);
    return socket as unknown as ControlSocket;
  };
  const live = new LiveConnection({
    session: {
      id: 'session',
      subscribe: () => () => false,
      ensure: () => Promise.resolve({ ok: false, fault: { kind: 'network' } }),
      forget: () => {},
    },
    places: {
      current: OWN,
      learn: () => {},
      hasOthers: () => false,
      isLeaving: () => false,
      next: () => false,
      beginAnew: () => {},
      arrived: () => {},
      rest: () => {},
    },
    load: () =>
      new Promise((resolve, reject) => {
        loads.push((isThere) => (isThere ? resolve(makeSocket) : reject(new Error('not loaded'))));
      }),
    heardCluster: () => {},
  });
  const load = async (isThere = true) => {
    loads.shift()?.(isThere);
    await jest.advanceTimersByTimeAsync(0);
  };
  return { live, sockets, load };
}

const guest = (connected: () => void = () => {}): LiveGuest => ({ connected, disconnected: () => {} });
/** Longer than a socket is kept that nobody wants. */
const LONG_MS = 31_000;

describe('the socket of a page', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is made once for all who want it, and tells each of them', async () => {
    const { live, sockets, load } = page();
    const told: string[] = [];
    live.visit(guest(() => told.push('a')));
    live.visit(guest(() => told.push('b')));
    await load();
    expect(sockets).toHaveLength(1);
    sockets[0]?.comes();
    expect(told).toEqual(['a', 'b']);
    expect(live.read()).toBe('connected');
  });

  it('is not made any more when it loads after everybody has gone', async () => {
    const { live, sockets, load } = page();
    live.visit(guest())();
    await jest.advanceTimersByTimeAsync(LONG_MS);
    await load();
    expect(sockets).toEqual([]);
    expect(live.read()).toBe('idle');
  });

  it('is one also for who comes back while it is still loading for who has gone', async () => {
    const { live, sockets, load } = page();
    live.visit(guest())();
    await jest.advanceTimersByTimeAsync(LONG_MS);
    let toldCount = 0;
    live.visit(
      guest(() => {
        toldCount += 1;
      }),
    );
    await load();
    await load();
    expect(sockets).toHaveLength(1);
    for (const socket of sockets) socket.comes();
    expect(toldCount).toBe(1);
  });

  it('is still waited for when only the loading for who has gone failed', async () => {
    const { live, sockets, load } = page();
    live.visit(guest())();
    await jest.advanceTimersByTimeAsync(LONG_MS);
    live.visit(guest());
    await load(false);
    expect(live.read()).toBe('connecting');
    await load();
    expect(sockets).toHaveLength(1);
  });

  it('asks for what is followed on each connection anew', async () => {
    const { live, sockets, load } = page();
    live.watch({ shareId: 'share' }, { snapshot: () => {}, progress: () => {}, state: () => {} });
    await load();
    const [socket] = sockets;
    socket?.comes();
    socket?.ends('transport close');
    expect(live.read()).toBe('connecting');
    socket?.comes();
    expect(socket?.asked).toEqual(['transfer.watch', 'transfer.watch']);
  });

  it('connects again by itself when the server was the one to close it, which Socket.IO leaves to the page', async () => {
    const { live, sockets, load } = page();
    live.visit(guest());
    await load();
    sockets[0]?.comes();
    sockets[0]?.ends('io server disconnect');
    expect(sockets[0]?.connects).toBe(1);
  });

  it('is not closed under who comes before it has rested long enough', async () => {
    const { live, sockets, load } = page();
    const leave = live.visit(guest());
    await load();
    sockets[0]?.comes();
    leave();
    await jest.advanceTimersByTimeAsync(LONG_MS / 2);
    live.visit(guest());
    await jest.advanceTimersByTimeAsync(LONG_MS);
    expect(live.read()).toBe('connected');
    expect(sockets[0]?.connected).toBe(true);
  });
});
