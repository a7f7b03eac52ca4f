import type { ClusterWatch } from '../cluster-watch.ts';
import type { ApiRoutes } from './route.ts';

/** /api/cluster: which nodes there are, for pages that choose one. */
export function clusterRoutes({ cluster }: { readonly cluster: Pick<ClusterWatch, 'current'> }): ApiRoutes {
  return {
    'GET /cluster': async () => ({ status: 200, body: await cluster.current() }),
  };
}
