import { readdirSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { Call } from '../../define-service.ts';
import { systemClock } from '../../kernel/clock.ts';
import type { EdgeContext } from '../edge-context.ts';
import type { OperatorProof, People } from '../ports.ts';
import type { RateLimits } from '../rate-limit.ts';
import { clusterRoutes } from './cluster.route.ts';
import { inboxRoutes } from './inbox.route.ts';
import { offerRoutes } from './offers.route.ts';
import { operatorRoutes } from './operator.route.ts';
import { roomRoutes } from './rooms.route.ts';
import type { ApiRoutes } from './route.ts';
import { sessionRoutes } from './session.route.ts';
import { shareRoutes } from './shares.route.ts';
import { statsRoutes } from './stats.route.ts';
import { textRoutes } from './texts.route.ts';
import { transferRoutes } from './transfers.route.ts';

const ID = '123456789ABCDEFGHJKLMN';
const BODIES: Readonly<Record<string, unknown>> = {
  'POST /transfers': { files: [] },
  'PATCH /session': { displayName: 'Grace' },
  'POST /shares/:shareId/grant': { password: 'x' },
  'POST /offers/:transferId/receipts': { received: {} },
  'POST /texts': { to: [ID], text: 'x' },
  'POST /operator/session': { token: 'guessed' },
};

/** What somebody without a session gets, what Ada gets, and what is counted for her. Every route is here. */
const ROUTES: Readonly<Record<string, readonly [stranger: string, ada: string, counted: string]>> = {
  'POST /session': ['session.create by nobody', 'answered', ''],
  'GET /session': ['bad_token', 'answered', ''],
  'PATCH /session': ['bad_token', 'session.rename by ada', 'people'],
  'DELETE /session': ['answered', 'session.revoke by ada', ''],
  'POST /session/ticket': ['bad_token', 'ticket by ada', ''],
  'POST /transfers': ['transfer.open by nobody', 'transfer.open by ada', 'uploads'],
  'GET /transfers': ['bad_token', 'transfer.list by ada', 'looks'],
  'GET /transfers/:id': ['transfer.get by nobody', 'transfer.get by ada', 'looks'],
  'GET /transfers/:id/status': ['transfer.status by nobody', 'transfer.status by ada', 'looks'],
  'PATCH /transfers/:id': ['transfer.change by nobody', 'transfer.change by ada', 'looks'],
  'DELETE /transfers/:id': ['transfer.end by nobody', 'transfer.end by ada', 'looks'],
  'GET /shares/:shareId': ['transfer.share by nobody', 'transfer.share by ada', 'looks'],
  // A password is nobody's.
  'POST /shares/:shareId/grant': ['transfer.grant by nobody', 'transfer.grant by nobody', 'passwords password-checks'],
  'GET /cluster': ['answered', 'answered', ''],
  'GET /stats': ['stats.cluster by nobody', 'stats.cluster by nobody', ''],
  'POST /rooms': ['bad_token', 'answered', 'rooms'],
  'POST /offers/:transferId/accept': ['bad_token', 'transfer.accept by ada', 'people'],
  'POST /offers/:transferId/decline': ['bad_token', 'transfer.decline by ada', 'people'],
  'POST /offers/:transferId/receipts': ['bad_token', 'transfer.receive by ada', 'people'],
  'GET /inbox': ['bad_token', 'transfer.inboxes by ada', 'people'],
  'DELETE /inbox/:itemId': ['bad_token', 'transfer.dismiss by ada', 'people'],
  'POST /texts': ['bad_token', 'transfer.sendText by ada', 'people texts'],
  'POST /operator/session': ['bad_token', 'bad_token', 'sign-ins'],
  'DELETE /operator/session': ['answered', 'answered', ''],
  'GET /operator/overview': ['bad_token', 'bad_token', ''],
  'POST /operator/nodes/:nodeId/drain': ['bad_token', 'bad_token', ''],
  'GET /operator/nodes/:nodeId/give-up': ['bad_token', 'bad_token', ''],
  'POST /operator/nodes/:nodeId/give-up': ['bad_token', 'bad_token', ''],
};

interface Params {
  readonly sessionId?: string;
  readonly caller?: { readonly sessionId: string | null };
  readonly asked?: readonly { readonly sessionId: string }[];
}

/** All routes, whose first question to a service is noted and not answered. */
function world() {
  const asked: string[] = [];
  const counted: string[] = [];
  const note = (what: string, sessionId: string | null | undefined) =>
    void asked.push(`${what} by ${sessionId ?? 'nobody'}`);
  const call = (async (name: string, params: Params) => {
    note(name, params.sessionId ?? params.caller?.sessionId ?? params.asked?.[0]?.sessionId);
    throw new PeerLinkError('unavailable', 'Nobody answers.');
  }) as unknown as Call;
  const count = async (name: string) => void counted.push(name);
  const rateLimits: RateLimits = { consume: count, assertLeft: count, forgive: async () => undefined };
  const operator: OperatorProof = {
    isToken: async () => false,
    seal: async () => 'seal',
    isSealed: async () => false,
    signOut: async () => undefined,
    sealedSeconds: 1,
  };
  const issue = (sessionId: string) => {
    note('ticket', sessionId);
    return { ticket: 't', expiresAt: '' };
  };
  const deps = {
    call,
    rateLimits,
    operator,
    clock: systemClock,
    settings: { clusterId: 'c', limits: {} } as never,
    tickets: { issue, check: () => null },
    people: { isUsed: () => false } as unknown as People,
    cluster: { current: async () => ({ clusterId: 'c', epoch: 1, nodes: [] }) },
  };
  const byFile: Readonly<Record<string, ApiRoutes>> = {
    'cluster.route.ts': clusterRoutes(deps),
    'inbox.route.ts': inboxRoutes(deps),
    'offers.route.ts': offerRoutes(deps),
    'operator.route.ts': operatorRoutes(deps),
    'rooms.route.ts': roomRoutes(deps),
    'session.route.ts': sessionRoutes(deps),
    'shares.route.ts': shareRoutes(deps),
    'stats.route.ts': statsRoutes(deps),
    'texts.route.ts': textRoutes(deps),
    'transfers.route.ts': transferRoutes(deps),
  };
  return { asked, counted, byFile };
}

/** What comes of a request: who is said to ask for what, or its refusal, or that it was answered. */
async function outcomeOf(file: string, address: string, sessionId: string | null, originRelation = 'own') {
  const { asked, counted, byFile } = world();
  const session = sessionId === null ? null : { id: sessionId, displayName: 'Ada', expiresAt: '' };
  const context = {
    requestId: 'r',
    addressKey: '192.0.2.1',
    publicOrigin: 'http://localhost',
    originRelation,
    query: new URLSearchParams(),
    sessionToken: sessionId === null ? null : 't',
    session: async () => session,
    sessionId: async () => sessionId,
  } as unknown as EdgeContext;
  const request = {
    req: { headers: {}, method: address.split(' ')[0] } as IncomingMessage,
    context,
    params: { id: ID, transferId: ID, shareId: ID, itemId: ID, nodeId: ID },
    body: async () => BODIES[address] ?? {},
  };
  const type = await byFile[file]?.[address]?.(request).then(() => 'answered', typeOfFault);
  return { outcome: asked.length > 0 ? asked.join(', ') : type, counted: counted.join(' ') };
}

describe('each route of the API', () => {
  const files = readdirSync(__dirname).filter((name) => name.endsWith('.route.ts'));

  it('asks in the name of whoever has the session and of nobody else, and is counted', async () => {
    const found: Record<string, unknown> = {};
    for (const file of files) {
      for (const address of Object.keys(world().byFile[file] ?? {})) {
        const stranger = await outcomeOf(file, address, null);
        const ada = await outcomeOf(file, address, 'ada');
        found[address] = [stranger.outcome, ada.outcome, ada.counted];
      }
    }
    expect(found).toEqual(ROUTES);
  });

  it('counts the sessions that a stranger makes', async () => {
    expect((await outcomeOf('session.route.ts', 'POST /session', null)).counted).toBe('sessions');
  });

  it('of the operator is none for a page of another origin, listed or not', async () => {
    for (const origin of ['allowed', 'foreign']) {
      for (const method of ['POST', 'DELETE'])
        expect(await outcomeOf('operator.route.ts', `${method} /operator/session`, null, origin)).toEqual({
          outcome: 'bad_origin',
          counted: '',
        });
    }
  });

  it('is one of those above', () => {
    expect(Object.keys(world().byFile)).toEqual(files.sort());
  });
});
