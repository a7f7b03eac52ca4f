import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { NodeBook } from './node-book.ts';
import { OWN } from './node-choice.ts';
import { NodeScout } from './node-scout.ts';

const clusterOf = (...ids: string[]): ClusterResponse => ({
  clusterId: 'x',
  epoch: 1,
  nodes: ids.map((id) => ({ id, publicUrl: `http://${id}`, state: 'healthy', isLeader: false, load: 0 })),
});

describe('NodeScout', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  function scouting(answers: Readonly<Record<string, number | null>>, usesCluster = true) {
    const book = new NodeBook(() => Date.now());
    book.configure({ usesCluster, ownAddress: '', ownOrigin: 'http://page', seeds: [] }, clusterOf('near', 'far'));
    const asked: string[] = [];
    const answer = async (address: string) => {
      asked.push(address);
      const afterMs = answers[address];
      await new Promise((resolve) => setTimeout(resolve, afterMs ?? 0));
      return typeof afterMs === 'number';
    };
    const news: ClusterResponse[] = [];
    const scout = new NodeScout(book, {
      now: () => Date.now(),
      cluster: async (address) => ((await answer(address)) ? clusterOf('near', 'far') : null),
      touch: answer,
      onNews: (cluster) => news.push(cluster),
    });
    return { book, scout, asked, news };
  }

  it('measures the distance of each address, and the nearest comes first', async () => {
    const { book, scout, news } = scouting({ [OWN]: 300, 'http://far': 150, 'http://near': 5 });
    scout.start();
    await jest.advanceTimersByTimeAsync(4_000);
    expect(book.routeTo(null).ranked()).toEqual(['http://near', 'http://far', OWN]);
    expect(news).toHaveLength(1);
    scout.stop();
    expect(jest.getTimerCount()).toBe(0);
  });

  it('looks again every five seconds and measures again once a minute', async () => {
    const { scout, asked, news } = scouting({ [OWN]: 1, 'http://far': 1, 'http://near': 1 });
    scout.start();
    await jest.advanceTimersByTimeAsync(30_000);
    scout.stop();
    expect(news.length).toBeGreaterThanOrEqual(5);
    expect(asked.length).toBeLessThanOrEqual(news.length + 3 * 2);
  });

  it('looks no more often when one upload after the other begins before the last look was answered', async () => {
    const { scout, asked } = scouting({ [OWN]: 400, 'http://far': 400, 'http://near': 400 });
    for (let uploads = 0; uploads < 20; uploads++) {
      scout.start();
      await jest.advanceTimersByTimeAsync(100);
      scout.stop();
    }
    scout.start();
    await jest.advanceTimersByTimeAsync(10_000);
    asked.length = 0;
    await jest.advanceTimersByTimeAsync(20_000);
    expect(asked.length).toBeLessThanOrEqual(4);
    scout.stop();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('hears of the nodes from whichever answers', async () => {
    const { scout, news } = scouting({ [OWN]: null, 'http://far': 1, 'http://near': null });
    scout.start();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(news).toHaveLength(1);
    scout.stop();
  });

  it('asks nobody where the page was not built for a cluster', async () => {
    const { scout, asked } = scouting({ [OWN]: 1 }, false);
    scout.start();
    await jest.advanceTimersByTimeAsync(30_000);
    expect(asked).toEqual([]);
  });
});
