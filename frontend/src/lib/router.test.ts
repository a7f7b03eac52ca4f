import { describe, expect, it } from '@jest/globals';
import { routeOf } from './router.ts';

describe('routes', () => {
  it.each([
    ['/', { page: 'send' }],
    ['/mine/', { page: 'mine' }],
    ['/cluster', { page: 'cluster' }],
    ['/d/Rk19vJ-6Y9E', { page: 'receive', shareId: 'Rk19vJ-6Y9E' }],
    ['/d/a%20b/', { page: 'receive', shareId: 'a b' }],
    ['/d/%E0%A4%A', { page: 'unknown' }],
    ['/d/', { page: 'unknown' }],
    ['/d/a/b', { page: 'unknown' }],
    ['/people/', { page: 'people', code: null }],
    ['/people/k7qm2a', { page: 'people', code: 'k7qm2a' }],
    ['/people/a/b', { page: 'unknown' }],
    ['/people/%E0%A4%A', { page: 'unknown' }],
    ['/elsewhere', { page: 'unknown' }],
  ])('%s', (path, route) => {
    expect(routeOf(path)).toEqual(route);
  });
});
