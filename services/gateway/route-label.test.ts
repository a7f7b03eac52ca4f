import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { methodLabel, routeLabel } from './route-label.ts';

describe('routeLabel', () => {
  it.each([
    ['GET', '/d/abc', '/d/:shareId'],
    ['GET', '/d/abc/0/name.txt', '/d/:shareId/*'],
    ['PUT', '/secret name.txt', '/:name'],
    ['PUT', '/api/transfers/t/files/0', '/api/transfers/:id/files/:index'],
    ['DELETE', '/api/transfers/t', '/api/transfers/:id'],
    ['POST', '/api/operator/nodes/abc/drain', '/api/operator/nodes/:nodeId/drain'],
    ['GET', '/api/operator/nodes/abc/give-up', '/api/operator/nodes/:nodeId/give-up'],
    ['GET', '/peer/ping', '/peer/ping'],
    ['GET', '/peer/ping/x', '/peer/*'],
    ['GET', '/apiinternal/x', 'other'],
    ['GET', '/assets/index-1a2b.js', '/assets/*'],
  ])('%s %s is %s', (method, path, label) => {
    expect(routeLabel(method, path)).toBe(label);
  });

  it('has a template for each route of the API that the protocol names', () => {
    const protocol = readFileSync(join(__dirname, '..', '..', 'docs', 'PROTOCOL.md'), 'utf8');
    const routes = [...protocol.matchAll(/^\| `(GET|POST|PUT|PATCH|DELETE) (\/api\/[^`?\s]+)/gm)];
    expect(routes.length).toBeGreaterThan(15);
    for (const [, method, path = ''] of routes) expect(routeLabel(method, path)).toBe(path);
  });

  it('is one of a few for any path, and so cannot hold a name or grow a metric', () => {
    const labels = new Set<string>();
    fc.assert(
      fc.property(
        fc.constantFrom('GET', 'PUT', 'POST'),
        fc.oneof(
          fc.string(),
          fc.webPath(),
          fc.webPath().map((path) => `/d${path}`),
          fc.webPath().map((path) => `/api${path}`),
        ),
        (method, path) => {
          labels.add(routeLabel(method, path));
        },
      ),
      { numRuns: 10_000 },
    );
    expect(labels.size).toBeLessThan(30);
  });
});

describe('methodLabel', () => {
  it('is one of a few for any method', () => {
    expect(['GET', 'PATCH', 'get', 'PROPFIND', undefined].map(methodLabel)).toEqual([
      'GET',
      'PATCH',
      'other',
      'other',
      'other',
    ]);
  });
});
