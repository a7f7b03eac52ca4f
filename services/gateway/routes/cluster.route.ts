import type { Call } from '../../define-service.ts';
import type { ApiRoutes } from './route.ts';

/** /api/cluster: which nodes there are, for pages that choose one. */
export function clusterRoutes({ call }: { readonly call: Call }): ApiRoutes {
  return {
    'GET /cluster': async ({ context }) => ({
      status: 200,
      body: await call('cluster.nodes', {}, { requestId: context.requestId }),
    }),
  };
}
