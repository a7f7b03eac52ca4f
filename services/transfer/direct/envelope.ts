import { setTimeout as delay } from 'node:timers/promises';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { Person } from '../../contracts/person.ts';
import { randomId } from '../../kernel/ids.ts';
import { notTogether } from './direct-rules.ts';
import type { Envelope, Roommates } from './ports.ts';

const ITEM_ID_LENGTH = 22;
/** Presence reaches every node within a second, most of the time within some milliseconds. */
const HEARD_LATER_MS = 300;

/**
 * From whom, and to whom, with the names that both sides see. @throws bad_token without a session; bad_request to oneself;
 * forbidden unless they are in a room together
 */
export async function envelopeFor(
  roommates: Roommates,
  sessionId: string | null,
  to: readonly string[],
): Promise<Envelope> {
  if (sessionId === null) {
    throw new PeerLinkError('bad_token', 'Sending to somebody needs a session. POST /api/session makes one.');
  }
  if (to.includes(sessionId)) throw new PeerLinkError('bad_request', 'One cannot send to oneself.');
  const [people, displayName] = await Promise.all([among(roommates, sessionId, to), roommates.nameOf(sessionId)]);
  if (displayName === null) throw new PeerLinkError('bad_token', 'This session is over.');
  const byId = new Map(people.map((person) => [person.id, person]));
  const recipients = to.map((id) => {
    const person = byId.get(id);
    // The same whether there is such a session or not.
    if (person === undefined) throw notTogether();
    return { id, displayName: person.displayName, itemId: randomId(ITEM_ID_LENGTH) };
  });
  return { sender: { id: sessionId, displayName }, recipients };
}

/** The sender sees somebody who has just come; this node may be told a moment later. */
async function among(roommates: Roommates, sessionId: string, to: readonly string[]): Promise<readonly Person[]> {
  const people = await roommates.among(sessionId, to);
  if (people.length >= to.length) return people;
  await delay(HEARD_LATER_MS);
  return roommates.among(sessionId, to);
}
