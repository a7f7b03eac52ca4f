import { describe, expect, it } from '@jest/globals';
import type { ClusterResponse, PublicNode } from '../../../services/contracts/http.ts';
import { NodeBook } from './node-book.ts';
import { OWN } from './node-choice.ts';

const node = (id: string, changes: Partial<PublicNode> = {}): PublicNode => ({
  id,
  publicUrl: `http://${id}`,
  state: 'healthy',
  isLeader: false,
  load: 0,
  ...changes,
});
const cluster = (...nodes: PublicNode[]): ClusterResponse => ({ clusterId: 'x', epoch: 1, nodes });
const settings = { usesCluster: true, ownAddress: '', ownOrigin: 'http://page', seeds: [] };

function bookOf(found: ClusterResponse | null, changes: Partial<typeof settings> = {}) {
  let nowMs = 0;
  const book = new NodeBook(() => nowMs);
  book.configure({ ...settings, ...changes }, found);
  return {
    book,
    pass: (ms: number) => {
      nowMs += ms;
    },
  };
}

describe('NodeBook', () => {
  it('goes by the page’s own origin alone unless it was built for a cluster', () => {
    const { book } = bookOf(cluster(node('a'), node('b')), { usesCluster: false });
    const route = book.routeTo('a');
    expect(route.ranked()).toEqual([OWN]);
    expect(route.homeAddress()).toBeNull();
    expect(route.hasOthers()).toBe(true);
  });

  it('goes direct to the home, and to the new one when it has moved', () => {
    const { book } = bookOf(cluster(node('a'), node('b', { load: 0.9 })));
    const route = book.routeTo('a');
    expect(route.ranked()[0]).toBe('http://a');
    route.learnHome('b');
    expect(route.ranked()[0]).toBe('http://b');
    expect(route.homeAddress()).toBe('http://b');
  });

  it('asks a node that did not answer last, and in time as before', () => {
    const { book, pass } = bookOf(cluster(node('a'), node('b')));
    const route = book.routeTo('a');
    route.lost('http://a');
    expect(route.ranked()).toEqual([OWN, 'http://b', 'http://a']);
    expect([route.isAvoided('http://a'), route.isAvoided('http://b'), route.homeAddress()]).toEqual([
      true,
      false,
      null,
    ]);
    pass(15_000);
    expect(route.ranked()[0]).toBe('http://a');
    expect(route.isAvoided('http://a')).toBe(false);
  });

  it('avoids a node that drains as soon as it is told', () => {
    const { book } = bookOf(cluster(node('a'), node('b')));
    const route = book.routeTo('a');
    book.learn(cluster(node('a', { state: 'draining' }), node('b')));
    expect(route.isAvoided('http://a')).toBe(true);
    expect(route.homeAddress()).toBeNull();
    expect(route.ranked()).toEqual([OWN, 'http://b', 'http://a']);
  });

  it('does not go to addresses that came after it began, which its policy does not list', () => {
    const { book } = bookOf(cluster(node('a')));
    book.learn(cluster(node('a'), node('late')));
    expect(book.routeTo('late').ranked()).toEqual([OWN, 'http://a']);
    expect(book.routeTo('late').homeAddress()).toBeNull();
    expect(book.routeTo('late').hasOthers()).toBe(true);
  });

  it('measures what serves, and remembers nothing of nodes that are gone', () => {
    const { book } = bookOf(cluster(node('a'), node('b'), node('c', { state: 'draining' })));
    expect(book.measurable()).toEqual([OWN, 'http://a', 'http://b']);
    book.measured('http://b', 3);
    book.measured('http://a', 90);
    book.measured(OWN, 100);
    expect(book.measurable()).toEqual(['http://b', 'http://a', OWN]);
    book.learn(cluster(node('a')));
    book.learn(cluster(node('a'), node('b')));
    expect(book.measurable()).toEqual(['http://a', OWN, 'http://b']);
  });

  it('begins with what it was given', () => {
    const { book } = bookOf(null, { seeds: ['http://seed'] as never });
    expect(book.routeTo(null).ranked()).toEqual([OWN, 'http://seed']);
    expect(book.routeTo(null).hasOthers()).toBe(false);
  });
});
