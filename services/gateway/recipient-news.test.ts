import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Recipient } from '../contracts/person.ts';
import type { Call } from '../define-service.ts';
import { RecipientNews } from './recipient-news.ts';
import { Watches } from './watches.ts';

const ben = (receivedBytes: number, state: Recipient['state'] = 'accepted'): Recipient => ({
  id: 'ben',
  displayName: 'Ben',
  state,
  receivedBytes,
});

function world() {
  const rows = new Map<string, Recipient[]>();
  let askedCount = 0;
  const state = { held: null as Promise<void> | null, isAway: false };
  const ids = ['watch-1', 'watch-2', 'watch-3'].values();
  const watches = new Watches(() => ids.next().value ?? 'none');
  const call = (async (_name: string, { transferIds }: { transferIds: string[] }) => {
    askedCount += 1;
    const { held } = state;
    if (state.isAway) throw new Error('the database does not answer');
    const found = transferIds.flatMap((transferId) => {
      const recipients = rows.get(transferId);
      return recipients === undefined ? [] : [{ transferId, recipients }];
    });
    await held;
    return found;
  }) as unknown as Call;
  const news = new RecipientNews({ call, watches, nowMs: () => performance.now(), onFault: () => {} });
  const told: [string, number | undefined][] = [];
  news.start(({ watchId }, recipients) => void told.push([watchId, recipients[0]?.receivedBytes]));
  const watch = (socketId: string, transferId: string, isSenders = true) => {
    const added = watches.add(socketId, transferId, isSenders);
    if (added.outcome !== 'added') throw new Error(added.outcome);
    if (isSenders) news.follow(added.watch);
    return added.watch;
  };
  return { rows, state, watches, news, told, watch, askedCount: () => askedCount };
}
const passes = (ms: number) => jest.advanceTimersByTimeAsync(ms);

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

describe('news of recipients', () => {
  it('come first with the watch, then at once with an answer, and only to the sender', async () => {
    const { rows, news, told, watch } = world();
    rows.set('t', [ben(0, 'offered')]);
    watch('sender', 't');
    watch('recipient', 't', false);
    await passes(0);
    expect(told).toEqual([['watch-1', 0]]);
    rows.set('t', [ben(1)]);
    news.hear(['t', 'unknown'], true);
    await passes(0);
    expect(told).toEqual([
      ['watch-1', 0],
      ['watch-1', 1],
    ]);
    await news.stop();
  });

  it('come at most once a second while bytes are taken, hint or no hint, and not when nothing changed', async () => {
    const { rows, news, told, watch } = world();
    rows.set('t', [ben(0)]);
    watch('sender', 't');
    await passes(0);
    for (let tick = 1; tick <= 50; tick += 1) {
      rows.set('t', [ben(tick)]);
      news.hear(['t'], false);
      await passes(100);
    }
    expect(told.length).toBeGreaterThanOrEqual(5);
    expect(told.length).toBeLessThanOrEqual(7);
    await passes(1_100);
    const count = told.length;
    await passes(5_000);
    expect(told).toHaveLength(count);
    expect(told.at(-1)).toEqual(['watch-1', 50]);
    await news.stop();
  });

  it('end with the newest, however late the first answer to another watch comes', async () => {
    const { rows, state, news, told, watch } = world();
    rows.set('t', [ben(0)]);
    watch('sender', 't');
    await passes(0);
    let letGo = () => {};
    state.held = new Promise((resolve) => {
      letGo = resolve;
    });
    watch('again', 't');
    state.held = null;
    rows.set('t', [ben(7)]);
    news.hear(['t'], true);
    await passes(0);
    letGo();
    await passes(100);
    expect(told.filter(([watchId]) => watchId === 'watch-2').at(-1)).toEqual(['watch-2', 7]);
    await news.stop();
  });

  it('come as soon as they can be read to whoever began to watch while they could not, and a share is not asked for again', async () => {
    const { rows, state, news, told, watch, askedCount } = world();
    rows.set('t', [ben(3)]);
    state.isAway = true;
    watch('sender', 't');
    watch('sharer', 'share');
    await passes(3_000);
    expect(told).toEqual([]);
    state.isAway = false;
    await passes(1_100);
    expect(told).toEqual([['watch-1', 3]]);
    rows.clear();
    await passes(2_000);
    const count = askedCount();
    await passes(5_000);
    expect(askedCount()).toBe(count);
    await news.stop();
  });

  it('are not asked for where nobody sends to anybody, nor when the sender is gone', async () => {
    const { rows, watches, news, watch, askedCount } = world();
    watch('sharer', 'share');
    rows.set('t', [ben(0)]);
    const { watchId } = watch('sender', 't');
    await passes(0);
    expect(askedCount()).toBe(2);
    await passes(2_000);
    expect(askedCount()).toBe(4);
    watches.remove('sender', watchId);
    await passes(5_000);
    expect(askedCount()).toBe(4);
    await news.stop();
  });
});
