/** How an upload of this page goes about it: the server's limits, the build's settings, and the nodes there are. */
import type { PublicLimits } from '../../../services/contracts/http.ts';
import { config } from '../config/env.ts';
import type { UploadPace } from '../transfer-engine/uploads.ts';
import { api } from './api.ts';
import { session } from './session.ts';

/** Never rejects: without an answer of the server, its defaults hold and the nodes are heard of later. */
export async function uploadPace(): Promise<UploadPace> {
  const [answer, cluster] = await Promise.all([session.ensure(), api.cluster()]);
  const limits: Pick<PublicLimits, 'ackTimeoutMs' | 'maxRetries'> = answer.ok
    ? answer.value.limits
    : { ackTimeoutMs: 10_000, maxRetries: 3 };
  return {
    window: config.uploadConcurrency,
    ackTimeoutMs: limits.ackTimeoutMs,
    maxRetries: limits.maxRetries,
    nodes: {
      settings: {
        usesCluster: config.usesCluster,
        ownAddress: config.backendUrl,
        ownOrigin: config.backendUrl || window.location.origin,
        seeds: config.clusterNodes,
      },
      cluster: cluster.ok ? cluster.value : null,
    },
  };
}
