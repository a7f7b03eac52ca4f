const KNOWN_PATHS = new Set([
  '/',
  '/mine',
  '/people',
  '/cluster',
  '/share-target',
  '/healthz',
  '/readyz',
  '/metrics',
  '/version',
  '/api/session',
  '/api/session/ticket',
  '/api/transfers',
  '/api/cluster',
  '/api/stats',
  '/api/inbox',
  '/api/texts',
  '/api/rooms',
  '/api/operator/overview',
  '/api/operator/session',
  '/peer/ping',
]);

const TEMPLATES: readonly (readonly [RegExp, string])[] = [
  [/^\/api\/transfers\/[^/]+\/files\/[^/]+$/, '/api/transfers/:id/files/:index'],
  [/^\/api\/transfers\/[^/]+\/status$/, '/api/transfers/:id/status'],
  [/^\/api\/transfers\/[^/]+$/, '/api/transfers/:id'],
  [/^\/api\/shares\/[^/]+\/grant$/, '/api/shares/:shareId/grant'],
  [/^\/api\/shares\/[^/]+$/, '/api/shares/:shareId'],
  [/^\/api\/operator\/nodes\/[^/]+\/drain$/, '/api/operator/nodes/:nodeId/drain'],
  [/^\/api\/operator\/nodes\/[^/]+\/give-up$/, '/api/operator/nodes/:nodeId/give-up'],
  [/^\/api\/inbox\/[^/]+$/, '/api/inbox/:itemId'],
  [/^\/api\/offers\/[^/]+\/accept$/, '/api/offers/:transferId/accept'],
  [/^\/api\/offers\/[^/]+\/decline$/, '/api/offers/:transferId/decline'],
  [/^\/api\/offers\/[^/]+\/receipts$/, '/api/offers/:transferId/receipts'],
  [/^\/api(\/|$)/, '/api/*'],
  [/^\/d\/[^/]+\/?$/, '/d/:shareId'],
  [/^\/d\//, '/d/:shareId/*'],
  [/^\/people\/[^/]+$/, '/people/:room'],
  [/^\/peer\//, '/peer/*'],
  [/^\/assets\//, '/assets/*'],
];

/**
 * The template of a path, for logs and metrics: a share id is a right to read, a file's name is nobody's business,
 * and a label that a client can choose would grow without bound.
 */
export function routeLabel(method: string | undefined, path: string): string {
  if (method === 'PUT' && !path.startsWith('/api/') && !path.startsWith('/peer/')) return '/:name';
  if (KNOWN_PATHS.has(path)) return path;
  return TEMPLATES.find(([pattern]) => pattern.test(path))?.[1] ?? 'other';
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

export function methodLabel(method: string | undefined): string {
  return method !== undefined && METHODS.has(method) ? method : 'other';
}
