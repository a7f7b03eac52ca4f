import type { Call } from '../../define-service.ts';
import type { ApiRoutes } from './route.ts';

/** /api/stats: what the cluster carries, from any node. */
export function statsRoutes({ call }: { readonly call: Call }): ApiRoutes {
  return {
    'GET /stats': async ({ context }) => ({
      status: 200,
      body: await call('stats.cluster', {}, { requestId: context.requestId }),
    }),
  };
}
