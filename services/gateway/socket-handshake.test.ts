import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Socket } from 'socket.io';
import type { Call } from '../define-service.ts';
import { createLogger } from '../logging.ts';
import { createContextMaker } from './edge-context.ts';
import { identify } from './socket-handshake.ts';
import { createTickets } from './tickets.ts';

const ID = '123456789ABCDEFGHJKLMN';
const tickets = createTickets(Buffer.alloc(32), () => Date.now());
const makeContext = createContextMaker({
  settings: { publicUrl: null, corsOrigins: [], trustedProxies: [], clusterId: 'c' } as never,
  log: createLogger({ level: 'silent' }),
  port: () => 0,
  resolveSession: async () => null,
});

/** Who somebody with a ticket is, when the session ends `meanwhile` or not. */
async function whoIs(isEndedMeanwhile: boolean, isKnown = true): Promise<string> {
  const ended = new Set<string>();
  const call = (async () => {
    if (isEndedMeanwhile) ended.add(ID);
    return isKnown ? { id: ID, displayName: 'Ada', expiresAt: '' } : null;
  }) as unknown as Call;
  const request = { headers: {}, method: 'GET', url: '/', socket: { remoteAddress: '127.0.0.1' } };
  const handshake = { auth: { ticket: tickets.issue(ID).ticket } };
  const socket = { request: request as unknown as IncomingMessage, handshake } as unknown as Socket;
  const deps = { makeContext, tickets, call, isRevoked: (id: string) => ended.has(id) };
  return identify(deps, socket).then(
    ({ sessionId }) => sessionId,
    ({ data }: { data: { type: string } }) => data.type,
  );
}

describe('a handshake', () => {
  it('is of the session that its ticket names, and of none that was ended while another node was asked', async () => {
    expect([await whoIs(false), await whoIs(true)]).toEqual([ID, 'urn:peerlink:error:bad_token']);
    // Over before, which this node has not heard.
    expect(await whoIs(false, false)).toBe('urn:peerlink:error:bad_token');
  });
});
