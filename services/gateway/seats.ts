import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_SEATS_PER_ADDRESS, MAX_SEATS_PER_SESSION, MAX_STRANGERS_PER_ADDRESS } from '../contracts/limits.ts';

/** A connection of this node that is in a room. */
export interface Seat {
  readonly sessionId: string;
  readonly addressKey: string;
  readonly place: { readonly key: string };
}

/**
 * Seats are bounded for everybody together, so one session or machine must not have them all.
 * @param isShared the room is a network's that has other addresses: then one of them is one machine
 * @throws busy
 */
export function assertSeatFree(
  seats: ReadonlyMap<string, Seat>,
  socketId: string,
  wanted: Seat,
  isShared: boolean,
): void {
  let ofSession = 0;
  let ofAddress = 0;
  const here = new Set<string>();
  for (const [id, { sessionId, addressKey, place }] of seats) {
    // It moves from there.
    if (id === socketId) continue;
    if (sessionId === wanted.sessionId) ofSession += 1;
    if (addressKey !== wanted.addressKey) continue;
    ofAddress += 1;
    if (place.key === wanted.place.key && sessionId !== wanted.sessionId) here.add(sessionId);
  }
  if (ofSession >= MAX_SEATS_PER_SESSION)
    throw full('Too many pages of this session are in rooms.', MAX_SEATS_PER_SESSION);
  if (ofAddress >= MAX_SEATS_PER_ADDRESS) {
    throw full('Too many connections from this address are in rooms.', MAX_SEATS_PER_ADDRESS);
  }
  if (isShared && here.size >= MAX_STRANGERS_PER_ADDRESS) {
    throw full('Too many people are in this room from this address.', MAX_STRANGERS_PER_ADDRESS);
  }
}

function full(message: string, limit: number): PeerLinkError {
  return new PeerLinkError('busy', message, { data: { limit } });
}
