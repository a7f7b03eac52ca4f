import type { PublicLimits } from '../../../services/contracts/http.ts';
import type { FrontendConfig } from '../config/parse-env.ts';
import type { UploadPace } from '../transfer-engine/upload-workers.ts';

const DEFAULTS: Pick<PublicLimits, 'ackTimeoutMs' | 'maxRetries'> = { ackTimeoutMs: 10_000, maxRetries: 3 };

/**
 * How an upload goes about it. Pure.
 * @param limits of the server; null: it did not answer, and its defaults hold
 * @param cluster null: the nodes are heard of later
 */
export function paceOf(
  config: FrontendConfig,
  limits: Pick<PublicLimits, 'ackTimeoutMs' | 'maxRetries'> | null,
  pageOrigin: string,
  cluster: UploadPace['nodes']['cluster'],
): UploadPace {
  const { ackTimeoutMs, maxRetries } = limits ?? DEFAULTS;
  return {
    window: config.uploadConcurrency,
    ackTimeoutMs,
    maxRetries,
    nodes: {
      settings: {
        usesCluster: config.usesCluster,
        ownAddress: config.backendUrl,
        ownOrigin: config.backendUrl || pageOrigin,
        seeds: config.clusterNodes,
      },
      cluster,
    },
  };
}
