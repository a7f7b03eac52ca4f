import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
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
