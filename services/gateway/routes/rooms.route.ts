import { randomInt } from 'node:crypto';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { RoomResponse } from '../../contracts/people.ts';
import type { People } from '../ports.ts';
import type { RateLimits } from '../rate-limit.ts';
import { namedRoomKey, randomCode } from '../rooms.ts';
import type { ApiRoutes } from './route.ts';

/** One in 700,000 codes is taken while a thousand rooms are used. */
const TRIES = 4;

/** /api/rooms: a code for people who are not on the same network. Nothing is kept: a room is whoever is in it. */
export function roomRoutes({ rateLimits, people }: { rateLimits: RateLimits; people: People }): ApiRoutes {
  return {
    'POST /rooms': async ({ context }) => {
      if ((await context.session()) === null) {
        throw new PeerLinkError('bad_token', 'A room needs a session. POST /api/session makes one.');
      }
      await rateLimits.consume('rooms', context.addressKey);
      for (let tried = 0; tried < TRIES; tried += 1) {
        const code = randomCode((bound) => randomInt(bound));
        if (people.isUsed(namedRoomKey(code))) continue;
        const body: RoomResponse = { code };
        return { status: 201, body };
      }
      throw new PeerLinkError('busy', 'No free code was found. Try again.');
    },
  };
}
