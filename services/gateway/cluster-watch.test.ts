import { describe, expect, it } from '@jest/globals';
import type { ClusterResponse, PublicNode } from '../contracts/http.ts';
import { ClusterWatch, isNotableChange } from './cluster-watch.ts';

const node = (id: string, changes: Partial<PublicNode> = {}): PublicNode => ({
  id,
  publicUrl: null,
  state: 'healthy',
  isLeader: id === 'a',
  load: 0.2,
  ...changes,
});
const cluster = (nodes: readonly PublicNode[], epoch = 1): ClusterResponse => ({ clusterId: 'c', epoch, nodes });

describe('isNotableChange', () => {
  it.each<[string, ClusterResponse | null, ClusterResponse, boolean]>([
    ['the first look', null, cluster([node('a')]), true],
    ['nothing', cluster([node('a')]), cluster([node('a')]), false],
    ['a node more', cluster([node('a')]), cluster([node('a'), node('b')]), true],
    ['a node less', cluster([node('a'), node('b')]), cluster([node('a')]), true],
    ['one node for another', cluster([node('a')]), cluster([node('b')]), true],
    ['a state', cluster([node('a')]), cluster([node('a', { state: 'draining' })]), true],
    ['an address', cluster([node('a')]), cluster([node('a', { publicUrl: 'https://a.test' })]), true],
    ['the leader', cluster([node('a')]), cluster([node('a', { isLeader: false })]), true],
    ['the epoch', cluster([node('a')]), cluster([node('a')], 2), true],
    ['a little load', cluster([node('a')]), cluster([node('a', { load: 0.29 })]), false],
    ['much load', cluster([node('a')]), cluster([node('a', { load: 0.31 })]), true],
  ])('%s', (_what, before, after, isNotable) => {
    expect(isNotableChange(before, after)).toBe(isNotable);
  });
});

describe('ClusterWatch', () => {
  function watched() {
    let nowMs = 0;
    let askedCount = 0;
    let answer = cluster([node('a', { publicUrl: 'https://a.test' })]);
    const watch = new ClusterWatch(
      async () => {
        askedCount += 1;
        return answer;
      },
      () => nowMs,
    );
    return {
      watch,
      asked: () => askedCount,
      pass: (ms: number) => {
        nowMs += ms;
      },
      become: (next: ClusterResponse) => {
        answer = next;
      },
    };
  }

  it('asks four times a second, however many ask it', async () => {
    const { watch, asked, pass } = watched();
    await Promise.all(Array.from({ length: 100 }, () => watch.current()));
    for (let index = 0; index < 100; index += 1) await watch.current();
    pass(249);
    await watch.current();
    expect(asked()).toBe(1);
    pass(1);
    await watch.current();
    expect(asked()).toBe(2);
  });

  it('knows the origins of all nodes as last seen, each once', async () => {
    const { watch, pass, become } = watched();
    expect(watch.origins()).toEqual([]);
    await watch.current();
    expect(watch.origins()).toEqual(['https://a.test']);
    become(
      cluster([node('a', { publicUrl: 'https://x.test' }), node('b', { publicUrl: 'https://x.test' }), node('c')]),
    );
    pass(1_000);
    await watch.current();
    expect(watch.origins()).toEqual(['https://x.test']);
  });

  it('keeps what it knows when nobody answers', async () => {
    let isUp = true;
    const watch = new ClusterWatch(
      async () => (isUp ? cluster([node('a', { publicUrl: 'https://a.test' })]) : Promise.reject(new Error('away'))),
      () => 0,
    );
    await watch.refresh();
    isUp = false;
    await expect(watch.refresh()).rejects.toThrow('away');
    expect(watch.origins()).toEqual(['https://a.test']);
  });
});
