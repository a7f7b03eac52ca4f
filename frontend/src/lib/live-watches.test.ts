import { describe, expect, it, jest } from '@jest/globals';
import type { TransferSnapshot, WatchRequest } from '../../../services/contracts/socket.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { LiveWatches, type WatchHandlers } from './live-watches.ts';

const SHARE: WatchRequest = { shareId: 'share' };
const snapshotOf = (watchId: string): TransferSnapshot => ({
  watchId,
  state: 'open',
  generation: 1,
  files: [],
  recipients: null,
});

/** A connection that answers when it is told to. */
function line() {
  const answers: ((answer: Answered<TransferSnapshot>) => void)[] = [];
  const heard: string[] = [];
  const letGo: string[] = [];
  let isConnected = true;
  const watches = new LiveWatches({
    isConnected: () => isConnected,
    ask: () => new Promise((resolve) => answers.push(resolve)),
    letGo: (watchId) => letGo.push(watchId),
  });
  const handlers: WatchHandlers = {
    snapshot: ({ watchId }) => heard.push(watchId),
    progress: () => {},
    state: () => {},
  };
  const answer = async (watchId: string) => {
    answers.shift()?.({ ok: true, value: snapshotOf(watchId) });
    await new Promise(setImmediate);
  };
  const disconnect = () => {
    isConnected = false;
  };
  return { watches, handlers, heard, letGo, answer, disconnect };
}

describe('the transfers that a page follows', () => {
  it('are known by the name that the connection gave them, until they are let go', async () => {
    const { watches, handlers, heard, letGo, answer } = line();
    const end = watches.add(SHARE, handlers);
    await answer('w1');
    expect(heard).toEqual(['w1']);
    expect(watches.handlersOf('w1')).toBe(handlers);
    end();
    expect(letGo).toEqual(['w1']);
    expect(watches.handlersOf('w1')).toBeUndefined();
  });

  it('are let go also when nobody wants them any more before the server has answered', async () => {
    // A connection may follow only so many: each that is forgotten like this would take a place until it ends.
    const { watches, handlers, heard, letGo, answer } = line();
    const end = watches.add(SHARE, handlers);
    end();
    await answer('w1');
    expect(letGo).toEqual(['w1']);
    expect(heard).toEqual([]);
  });

  it('are not let go on a connection that is gone', async () => {
    const { watches, handlers, letGo, answer, disconnect } = line();
    const end = watches.add(SHARE, handlers);
    await answer('w1');
    disconnect();
    end();
    expect(letGo).toEqual([]);
  });

  it('are asked for anew on a new connection', async () => {
    const { watches, handlers, heard, answer } = line();
    watches.add(SHARE, handlers);
    await answer('w1');
    watches.forgetIds();
    expect(watches.handlersOf('w1')).toBeUndefined();
    watches.askAll();
    await answer('w2');
    expect(heard).toEqual(['w1', 'w2']);
  });

  it('are not asked for again once nobody wants them, though they were refused only for now', async () => {
    jest.useFakeTimers();
    try {
      let asked = 0;
      const watches = new LiveWatches({
        isConnected: () => true,
        ask: async () => {
          asked += 1;
          return { ok: false, fault: { kind: 'problem', type: 'busy', retryAfterMs: null } };
        },
        letGo: () => {},
      });
      const end = watches.add(SHARE, line().handlers);
      await jest.advanceTimersByTimeAsync(2_000);
      expect(asked).toBe(2);
      end();
      await jest.advanceTimersByTimeAsync(60_000);
      expect(asked).toBe(2);
    } finally {
      jest.useRealTimers();
    }
  });
});
