import type { PublicLimits } from '../contracts/http.ts';

/** The part of the configuration that the gateway needs. */
export interface EdgeSettings {
  /** Names the session cookie, so that two PeerLinks on one host do not take each other's. */
  readonly clusterId: string;
  readonly publicUrl: string | null;
  /** Origins besides our own whose pages may use the API, compared exactly. */
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Compression of the page's own files; transferred files are never compressed. */
  readonly isCompressionEnabled: boolean;
  readonly isMetricsEnabled: boolean;
  readonly rateLimits: {
    readonly windowSeconds: number;
    readonly uploadsPerMinute: number;
    readonly downloadsPerMinute: number;
    readonly websocketMessagesPerMinute: number;
  };
  readonly limits: PublicLimits;
  /** frontend/dist */
  readonly pagesDirectory: string;
}
