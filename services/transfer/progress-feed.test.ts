import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { type Progress, ProgressFeed } from './progress-feed.ts';

beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

function feed() {
  const told: Progress[] = [];
  return { told, progress: new ProgressFeed((news) => told.push(news)) };
}

describe('the news of a transfer', () => {
  it('are gathered and told ten times a second, as ranges', () => {
    const { told, progress } = feed();
    for (const index of [3, 1, 2, 7, 2]) progress.committed('t', 1, 4, 0, index);
    progress.committed('t', 1, 4, 2, 0);
    progress.committed('u', 1, 0, 0, 0);
    expect(told).toEqual([]);
    jest.advanceTimersByTime(100);
    expect(told).toHaveLength(2);
    expect(told[0]).toEqual({
      transferId: 't',
      generation: 1,
      recipients: 4,
      digests: {},
      committed: {
        0: [
          [1, 4],
          [7, 8],
        ],
        2: [[0, 1]],
      },
    });
    jest.advanceTimersByTime(1_000);
    expect(told).toHaveLength(2);
  });

  it('of a seal come with its last chunk, at once when flushed, and once', () => {
    const { told, progress } = feed();
    progress.committed('t', 1, 0, 0, 9);
    progress.sealed('t', 1, 0, 0, new Uint8Array(32).fill(0xab));
    progress.flush('t');
    progress.flush('t');
    jest.advanceTimersByTime(1_000);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ committed: { 0: [[9, 10]] }, digests: { 0: 'ab'.repeat(32) } });
  });

  it('count those who read', () => {
    const { told, progress } = feed();
    progress.recipientsChanged('t', 1, 1);
    progress.recipientsChanged('t', 1, 2);
    jest.advanceTimersByTime(100);
    expect(told).toMatchObject([{ recipients: 2 }]);
    progress.recipientsChanged('t', 1, 0);
    progress.stop();
    jest.advanceTimersByTime(1_000);
    expect(told).toHaveLength(1);
  });
});
