import { describe, expect, it } from '@jest/globals';
import type { PublicNode } from '../../../services/contracts/http.ts';
import { isLeaving, type NodeKnowledge, OWN, rankAddresses } from './node-choice.ts';

const node = (id: string, load = 0, changes: Partial<PublicNode> = {}): PublicNode => ({
  id,
  publicUrl: `http://${id}`,
  state: 'healthy',
  isLeader: false,
  load,
  ...changes,
});

function rank(nodes: readonly PublicNode[], changes: Partial<NodeKnowledge> & { rtt?: Record<string, number> } = {}) {
  const { rtt = {}, ...rest } = changes;
  const roundTripMs = new Map(Object.entries(rtt));
  return rankAddresses({ nodes, homeNodeId: null, ownOrigin: 'http://page', seeds: [], roundTripMs, ...rest });
}

describe('rankAddresses', () => {
  const three = [node('a', 0.3), node('b', 0.1), node('c', 0.2)];
  it.each<[string, readonly string[], readonly string[]]>([
    ['the page’s own origin when nothing is known', rank([]), [OWN]],
    [
      'only that when no node has a public address',
      rank([node('a', 0, { publicUrl: null }), node('b', 0, { publicUrl: null })], { homeNodeId: 'b' }),
      [OWN],
    ],
    ['the least loaded while no distance is known', rank(three), ['http://b', OWN, 'http://c', 'http://a']],
    ['the home before all others', rank(three, { homeNodeId: 'a' }), ['http://a', 'http://b', OWN, 'http://c']],
    [
      'the home by the page’s own origin where that is its address',
      rank(three, { homeNodeId: 'a', ownOrigin: 'http://a' }),
      [OWN, 'http://b', 'http://c'],
    ],
    [
      'the nearest below twice the median load',
      rank(three, { rtt: { 'http://a': 5, 'http://b': 80, 'http://c': 40, [OWN]: 200 } }),
      ['http://a', 'http://c', 'http://b', OWN],
    ],
    [
      'of those alike in distance the least loaded',
      rank(three, { rtt: { 'http://a': 5, 'http://b': 8, 'http://c': 80, [OWN]: 300 } }),
      ['http://b', 'http://a', 'http://c', OWN],
    ],
    [
      'one at twice the median load after the farther ones',
      rank([node('a', 0.6), node('b', 0.3), node('c', 0.3)], { rtt: { 'http://a': 1, 'http://b': 50, [OWN]: 60 } }),
      ['http://b', OWN, 'http://c', 'http://a'],
    ],
    [
      'the nearest though it carries twice next to nothing',
      rank([node('a', 0.2), node('b', 0.01), node('c', 0)], {
        rtt: { 'http://a': 1, 'http://b': 50, 'http://c': 60, [OWN]: 70 },
      }),
      ['http://a', 'http://b', 'http://c', OWN],
    ],
    [
      'those that are unwell, leave or have left at the end, the home too',
      rank(
        [
          node('a', 0, { state: 'left' }),
          node('b', 0, { state: 'draining' }),
          node('c', 0, { state: 'degraded' }),
          node('d', 0.9),
        ],
        { homeNodeId: 'b' },
      ),
      [OWN, 'http://d', 'http://c', 'http://b', 'http://a'],
    ],
    [
      'its own origin last when that node drains',
      rank([node('a', 0, { state: 'draining' }), node('b', 0.9)], { ownOrigin: 'http://a' }),
      ['http://b', OWN],
    ],
    [
      'given addresses that no node has named after those known to be well',
      rank([node('a', 0.2)], { seeds: ['http://a', 'http://seed', 'http://page'] }),
      [OWN, 'http://a', 'http://seed'],
    ],
  ])('prefers %s', (_what, found, wanted) => {
    expect(found).toEqual(wanted);
  });
});

describe('isLeaving', () => {
  it.each<[PublicNode['state'], boolean]>([
    ['healthy', false],
    ['degraded', false],
    ['draining', true],
    ['left', true],
  ])('%s: %s', (state, expected) => {
    const nodes = [node('a', 0, { state })];
    expect(isLeaving('http://a', { nodes, ownOrigin: 'http://page' })).toBe(expected);
    expect(isLeaving(OWN, { nodes, ownOrigin: 'http://a' })).toBe(expected);
    expect(isLeaving(OWN, { nodes, ownOrigin: 'http://page' })).toBe(false);
  });
});
