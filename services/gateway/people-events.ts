import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_PEOPLE_PER_NODE, MAX_PEOPLE_PER_ROOM } from '../contracts/limits.ts';
import type { PeopleSnapshot, Room } from '../contracts/people.ts';
import type { Person } from '../contracts/person.ts';
import type { Call } from '../define-service.ts';
import type { EdgeContext } from './edge-context.ts';
import type { People } from './ports.ts';
import type { RateLimits } from './rate-limit.ts';
import { codeOf, isPrivate, namedRoomKey } from './rooms.ts';
import { parseAs } from './schemas.ts';
import { assertSeatFree, type Seat as PlacedSeat } from './seats.ts';
import type { ControlHandler, ControlMessage } from './socket-events.ts';

/** "At most 4 a second": a page draws them, and each tells the whole room. */
const TOLD_EVERY_MS = 250;
/** The same everywhere, so that all nodes put people in one order. */
const NAMES = new Intl.Collator('en', { sensitivity: 'base', numeric: true });

export interface PeopleEventsDeps {
  readonly call: Call;
  readonly rateLimits: RateLimits;
  readonly people: People;
  /** Key of the room of the network that a handshake came from; null: it has none. */
  readonly localRoom: (handshake: IncomingMessage) => Promise<string | null>;
  readonly nowMs: () => number;
  readonly later: (delayMs: number, act: () => void) => void;
}

/** The sockets of this node. */
export interface PeopleSockets {
  /** Has taken what it was told before: whoever does not read is told the newest once it does, and not all of it. */
  isReady(socketId: string): boolean;
  tell(socketId: string, snapshot: PeopleSnapshot): void;
}
const NO_SOCKETS: PeopleSockets = { isReady: () => false, tell: () => {} };

interface Place {
  readonly key: string;
  readonly room: Room;
}
interface Seat extends PlacedSeat {
  readonly place: Place;
}
interface Audience {
  readonly socketIds: Set<string>;
  /** Those of them that were not ready when the others were told. */
  readonly lateIds: Set<string>;
  /** Since they were told last. */
  hasChanged: boolean;
  nextAtMs: number;
  isScheduled: boolean;
}

/** `people.join`, `people.leave` and `people.changed`: whoever is in a room here is told of everybody who is. */
export class PeopleEvents {
  readonly #deps: PeopleEventsDeps;
  readonly #seats = new Map<string, Seat>();
  readonly #audiences = new Map<string, Audience>();
  /** What each socket asked for last: an answer that something newer overtook changes nothing. */
  readonly #asked = new Map<string, symbol>();
  /** Guesses that are being counted: as many as there are requests for them. */
  readonly #guesses = new Map<string, Promise<void>>();
  #sockets = NO_SOCKETS;

  constructor(deps: PeopleEventsDeps) {
    this.#deps = deps;
    deps.people.onChanged((rooms) => {
      for (const room of rooms) this.#touch(room);
    });
  }

  readonly handlers: Readonly<Record<'people.join' | 'people.leave', ControlHandler>> = {
    'people.join': (message) => this.#join(message),
    'people.leave': async ({ socketId, payload }) => {
      parseAs('leaveRoom', payload);
      this.removeSocket(socketId);
      return null;
    },
  };

  /** From now on changes are told. */
  start(sockets: PeopleSockets): void {
    this.#sockets = sockets;
  }

  /** The connection is in no room any more. */
  removeSocket(socketId: string): void {
    this.#asked.delete(socketId);
    this.#unseat(socketId);
    this.#deps.people.leave(socketId);
  }

  async #join({ socketId, identity, payload, handshake, isConnected }: ControlMessage): Promise<PeopleSnapshot> {
    const { room } = parseAs('joinRoom', payload);
    const { context, sessionId } = identity;
    const asked = Symbol();
    if (isConnected()) this.#asked.set(socketId, asked);
    const place = room === null ? await this.#localPlace(handshake) : namedPlace(room);
    const session = await this.#deps.call('session.find', { sessionId }, { requestId: context.requestId });
    if (session === null) throw new PeerLinkError('bad_token', 'The session is over.');
    if (place?.room.kind === 'named') await this.#countGuess(place.key, sessionId, context.addressKey);
    // Whoever is gone meanwhile must not be seen for ever, and of two wishes the later one counts.
    if (this.#asked.get(socketId) !== asked) throw new PeerLinkError('superseded', 'Something newer was asked for.');
    const you = { id: session.id, displayName: session.displayName };
    if (place === null) {
      this.#unseat(socketId);
      this.#deps.people.leave(socketId);
      return { you, room: null, people: [] };
    }
    this.#enter(socketId, you, place, context);
    return { you, room: place.room, people: othersOf(sorted(this.#deps.people.people(place.key)), you.id) };
  }

  /** Who enters codes that lead to nobody is guessing, and then is not told either which one is right. @throws rate_limited */
  async #countGuess(key: string, sessionId: string, addressKey: string): Promise<void> {
    if (this.#deps.people.wasIn(key, sessionId) || this.#isSeated(key, addressKey)) return;
    if (this.#deps.people.isUsed(key)) {
      await this.#deps.rateLimits.assertLeft('rooms', addressKey);
      return;
    }
    // A whole class comes back at once after a restart: the same code from the same address is one guess.
    const guess = `${addressKey} ${key}`;
    const counting = this.#guesses.get(guess) ?? this.#deps.rateLimits.consume('rooms', addressKey);
    this.#guesses.set(guess, counting);
    await counting.finally(() => this.#guesses.delete(guess));
  }

  /** Somebody from this address is in this room by a socket of this node: the rest of the class may follow. */
  #isSeated(key: string, addressKey: string): boolean {
    const socketIds = this.#audiences.get(key)?.socketIds ?? [];
    return [...socketIds].some((socketId) => this.#seats.get(socketId)?.addressKey === addressKey);
  }

  async #localPlace(handshake: IncomingMessage): Promise<Place | null> {
    const key = await this.#deps.localRoom(handshake);
    return key === null ? null : { key, room: { kind: 'local' } };
  }

  #enter(socketId: string, you: Person, place: Place, { address, addressKey }: EdgeContext): void {
    const seat = { sessionId: you.id, addressKey, place };
    assertSeatFree(this.#seats, socketId, seat, place.room.kind === 'local' && isPrivate(address));
    const outcome = this.#deps.people.enter(socketId, you, place.key);
    if (outcome === 'room_full') {
      throw new PeerLinkError('busy', `${MAX_PEOPLE_PER_ROOM} people are in this room; it is full.`, {
        data: { limit: MAX_PEOPLE_PER_ROOM },
      });
    }
    if (outcome === 'node_full') {
      throw new PeerLinkError('busy', 'Too many people are in rooms of this node.', {
        data: { limit: MAX_PEOPLE_PER_NODE },
      });
    }
    this.#unseat(socketId);
    this.#seats.set(socketId, seat);
    const audience = this.#audiences.get(place.key);
    if (audience !== undefined) audience.socketIds.add(socketId);
    else {
      const nobodyYet = { lateIds: new Set<string>(), hasChanged: false, nextAtMs: 0, isScheduled: false };
      this.#audiences.set(place.key, { socketIds: new Set([socketId]), ...nobodyYet });
    }
  }

  #unseat(socketId: string): void {
    const key = this.#seats.get(socketId)?.place.key;
    if (key === undefined) return;
    this.#seats.delete(socketId);
    const audience = this.#audiences.get(key);
    audience?.socketIds.delete(socketId);
    audience?.lateIds.delete(socketId);
    if (audience?.socketIds.size === 0) this.#audiences.delete(key);
  }

  #touch(key: string): void {
    const audience = this.#audiences.get(key);
    if (audience === undefined) return;
    audience.hasChanged = true;
    this.#schedule(key, audience);
  }

  #schedule(key: string, audience: Audience): void {
    if (audience.isScheduled) return;
    const waitMs = audience.nextAtMs - this.#deps.nowMs();
    if (waitMs <= 0) {
      this.#tellAll(key, audience);
      return;
    }
    audience.isScheduled = true;
    this.#deps.later(waitMs, () => {
      audience.isScheduled = false;
      if (this.#audiences.get(key) === audience) this.#tellAll(key, audience);
    });
  }

  /** Without a change only those who were late. */
  #tellAll(key: string, audience: Audience): void {
    audience.nextAtMs = this.#deps.nowMs() + TOLD_EVERY_MS;
    const concerned = audience.hasChanged ? audience.socketIds : audience.lateIds;
    audience.hasChanged = false;
    const ready: string[] = [];
    for (const socketId of concerned) {
      if (this.#sockets.isReady(socketId)) ready.push(socketId);
      else audience.lateIds.add(socketId);
    }
    const everybody = ready.length === 0 ? [] : sorted(this.#deps.people.people(key));
    const byId = new Map(everybody.map((person) => [person.id, person]));
    for (const socketId of ready) {
      audience.lateIds.delete(socketId);
      const seat = this.#seats.get(socketId);
      const you = byId.get(seat?.sessionId ?? '');
      // A session that is over is in no room, so it sees nobody.
      if (seat === undefined || you === undefined) this.#unseat(socketId);
      else this.#sockets.tell(socketId, { you, room: seat.place.room, people: othersOf(everybody, you.id) });
    }
    if (audience.lateIds.size > 0) this.#schedule(key, audience);
  }
}

function namedPlace(text: string): Place {
  const code = codeOf(text);
  if (code === null) {
    throw new PeerLinkError('bad_request', 'room: a code is six digits and letters, or null for the network.', {
      data: { at: 'room' },
    });
  }
  return { key: namedRoomKey(code), room: { kind: 'named', code } };
}

const sorted = (people: readonly Person[]): readonly Person[] =>
  [...people].sort((a, b) => NAMES.compare(a.displayName, b.displayName) || (a.id < b.id ? -1 : 1));

const othersOf = (people: readonly Person[], ownId: string): readonly Person[] =>
  people.filter(({ id }) => id !== ownId).slice(0, MAX_PEOPLE_PER_ROOM);
