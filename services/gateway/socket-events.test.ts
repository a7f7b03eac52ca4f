import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { Caller } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { Call } from '../define-service.ts';
import { randomId, TRANSFER_ID_LENGTH } from '../kernel/ids.ts';
import { createRateLimits } from './rate-limit.ts';
import { controlHandlers } from './socket-events.ts';
import type { SocketIdentity } from './socket-handshake.ts';
import { Watches } from './watches.ts';

const TRANSFER = randomId(TRANSFER_ID_LENGTH);

function make() {
  const watches = new Watches(() => 'w1');
  const state = { isConnected: true };
  const limits = { windowSeconds: 60, uploadsPerMinute: 9, downloadsPerMinute: 9, websocketMessagesPerMinute: 9 };
  const handlers = controlHandlers({
    // The look-up takes its time: by then the socket may be gone.
    call: (async () => {
      await Promise.resolve();
      return { state: 'open', generation: 1, files: [] };
    }) as unknown as Call,
    rateLimits: createRateLimits(limits),
    watches,
    recipients: { follow: () => {} },
    nowMs: () => 0,
  });
  const context = { requestId: 'r', addressKey: 'a', publicOrigin: 'http://localhost', sessionId: async () => null };
  const watch = () =>
    handlers['transfer.watch']({
      socketId: 's1',
      identity: { context } as unknown as SocketIdentity,
      payload: { transferId: TRANSFER, uploadToken: 'token' },
      handshake: {} as IncomingMessage,
      isConnected: () => state.isConnected,
    });
  return { watches, state, watch };
}

describe('transfer.watch', () => {
  it('follows the transfer', async () => {
    const { watches, watch } = make();
    expect(await watch()).toMatchObject({ watchId: 'w1', state: 'open' });
    expect([...watches.of(TRANSFER)]).toHaveLength(1);
  });

  it('leaves nothing behind for a socket that closed before the look', async () => {
    const { watches, state, watch } = make();
    const following = watch();
    state.isConnected = false;
    await expect(following).rejects.toMatchObject({ type: 'unavailable' });
    expect([...watches.of(TRANSFER)]).toHaveLength(0);
  });
});

describe('each event about a transfer', () => {
  const SHARE = randomId(TRANSFER_ID_LENGTH);

  /** What each asks for, in whose name, and what is counted; `answer` is the last word of the service. */
  function told(answer: () => unknown = () => ({ state: 'open', generation: 1, files: [], share: { id: TRANSFER } })) {
    const asked: string[] = [];
    const counted: string[] = [];
    const followed: string[] = [];
    const watches = new Watches(() => 'w1');
    const count = async (name: string) => void counted.push(name);
    const handlers = controlHandlers({
      call: (async (name: string, { caller }: { caller: Caller }) => {
        asked.push(`${name} by ${caller.sessionId} with ${caller.uploadToken}`);
        return answer();
      }) as unknown as Call,
      rateLimits: { consume: count, assertLeft: count, forgive: async () => undefined },
      watches,
      recipients: { follow: ({ watchId }) => void followed.push(watchId) },
      nowMs: () => 0,
    });
    const context = { requestId: 'r', addressKey: 'a', publicOrigin: 'http://localhost', sessionId: async () => 'ada' };
    const send = (name: keyof typeof handlers, payload: unknown) =>
      handlers[name]({
        socketId: 's1',
        identity: { context, sessionId: 'ada' } as unknown as SocketIdentity,
        payload,
        handshake: {} as IncomingMessage,
        isConnected: () => true,
      });
    return { asked, counted, followed, watches, send };
  }

  it('asks in the name of the session, or of the bearer of the token, and is counted', async () => {
    const { asked, counted, send } = told();
    await send('transfer.open', { files: [] });
    await send('transfer.status', { transferId: TRANSFER, uploadToken: 'token' });
    await send('transfer.watch', { transferId: TRANSFER, uploadToken: 'token' });
    await send('transfer.watch', { shareId: SHARE });
    expect(asked).toEqual([
      'transfer.open by ada with null',
      'transfer.status by ada with token',
      'transfer.status by ada with token',
      'transfer.status by ada with token',
      'transfer.share by ada with null',
      'transfer.share by ada with null',
    ]);
    expect(counted).toEqual(['uploads', 'looks', 'looks', 'looks']);
  });

  it('tells of recipients only who has the token', async () => {
    const { followed, watches, send } = told();
    await send('transfer.watch', { shareId: SHARE });
    await new Promise((resolve) => setImmediate(resolve));
    expect([[...watches.of(TRANSFER)].map(({ isSenders }) => isSenders), followed]).toEqual([[false], []]);
    await send('transfer.watch', { transferId: TRANSFER, uploadToken: 'token' });
    await new Promise((resolve) => setImmediate(resolve));
    expect(followed).toEqual(['w1']);
  });

  it('follows nothing that is gone at the second look', async () => {
    let looks = 0;
    const { watches, send } = told(() => {
      looks += 1;
      if (looks === 2) throw new PeerLinkError('not_found', 'It is gone.');
      return { state: 'open', generation: 1, files: [] };
    });
    const watching = send('transfer.watch', { transferId: TRANSFER, uploadToken: 'token' });
    await expect(watching).rejects.toMatchObject({ type: 'not_found' });
    expect(watches.transferCount).toBe(0);
  });
});
