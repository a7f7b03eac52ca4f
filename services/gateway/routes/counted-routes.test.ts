import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { Call } from '../../define-service.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { EdgeContext } from '../edge-context.ts';
import type { RateLimits } from '../rate-limit.ts';
import { inboxRoutes } from './inbox.route.ts';
import { offerRoutes } from './offers.route.ts';
import type { ApiHandler } from './route.ts';
import { sessionRoutes } from './session.route.ts';
import { shareRoutes } from './shares.route.ts';
import { textRoutes } from './texts.route.ts';
import { transferRoutes } from './transfers.route.ts';

const ID = '123456789ABCDEFGHJKLMN';
const refuse = async () => {
  throw new PeerLinkError('rate_limited', 'No more.');
};
const NOTHING_LEFT: RateLimits = { consume: refuse, assertLeft: refuse, forgive: async () => undefined };

/** Whom a route asks when its client has used up every limit. */
async function askedBy(handler: (call: Call) => ApiHandler, body: unknown): Promise<readonly string[]> {
  const asked: string[] = [];
  const call = (async (name: string) => {
    asked.push(name);
    throw new PeerLinkError('unavailable', 'Nobody answers.');
  }) as Call;
  const session = { id: ID, displayName: 'Ada', expiresAt: new Date(0).toISOString() };
  const context = {
    requestId: 'r',
    addressKey: '192.0.2.1',
    query: new URLSearchParams(),
    sessionToken: 't',
    session: async () => session,
    sessionId: async () => ID,
  } as unknown as EdgeContext;
  const request = {
    req: { headers: {}, method: 'POST' } as IncomingMessage,
    context,
    params: { id: ID, transferId: ID, shareId: ID, itemId: ID },
    body: async () => body,
  };
  const type = await handler(call)(request).then(() => 'answered', typeOfFault);
  return asked.length > 0 || type !== 'rate_limited' ? [...asked, type] : [];
}

/** What a route takes where it takes something. */
const BODIES: Readonly<Record<string, unknown>> = {
  'PATCH /session': { displayName: 'Grace' },
  'PATCH /transfers/:id': { maxDownloads: 3 },
  'POST /shares/:shareId/grant': { password: 'x' },
};
/** Nobody is asked, or it can be done but once. */
const FREE = [
  'POST /session: answered',
  'GET /session: answered',
  'DELETE /session: session.revoke unavailable',
  'POST /session/ticket: answered',
];

describe('a client that has used up its limits', () => {
  it('causes no more work for the database, but for its way out', async () => {
    const made = (call: Call) => {
      const deps = { call, clock: systemClock, rateLimits: NOTHING_LEFT };
      const rest = {
        settings: { clusterId: 'c', limits: {} } as never,
        tickets: { issue: () => ({ ticket: 't', expiresAt: '' }), check: () => null },
      };
      return {
        ...sessionRoutes({ ...deps, ...rest }),
        ...transferRoutes(deps),
        ...shareRoutes(deps),
        ...offerRoutes(deps),
        ...inboxRoutes(deps),
        ...textRoutes(deps),
      };
    };
    const working: string[] = [];
    for (const address of Object.keys(made((async () => null) as never))) {
      const asked = await askedBy((call) => made(call)[address] as ApiHandler, BODIES[address] ?? {});
      if (asked.length > 0) working.push(`${address}: ${asked.join(' ')}`);
    }
    expect(working).toEqual(FREE);
  });
});

describe('the right password', () => {
  it('takes back what its guesses cost at that share from that address', async () => {
    const said: string[] = [];
    const note = (what: string) => async (name: string, key: string) => void said.push(`${what} ${name} ${key}`);
    const rateLimits: RateLimits = { consume: note('take'), assertLeft: note('look'), forgive: note('forgive') };
    const call = (async () => ({ grant: 'g', addressGrant: 'a', expiresAt: new Date(0).toISOString() })) as unknown;
    const routes = shareRoutes({ call: call as Call, clock: systemClock, rateLimits });
    const context = { requestId: 'r', addressKey: '192.0.2.1' } as EdgeContext;
    const req = { headers: {}, method: 'POST' } as IncomingMessage;
    const body = async () => ({ password: 'x' });
    await routes['POST /shares/:shareId/grant']?.({ req, context, params: { shareId: ID }, body });
    expect(said).toEqual([
      `take passwords ${ID} 192.0.2.1`,
      'take password-checks 192.0.2.1',
      `forgive passwords ${ID} 192.0.2.1`,
    ]);
  });
});
