import type { PublicLimits } from '../contracts/http.ts';

/** What the gateway needs of the configuration, in its own words. */
export interface EdgeSettings {
  /** Names the session cookie, so that two PeerLinks on one host do not take each other's. */
  readonly clusterId: string;
  readonly publicUrl: string | null;
  /** Origins besides our own whose pages may use the API, compared exactly. */
  readonly corsOrigins: readonly string[];
  readonly trustedProxies: readonly string[];
  /** Of what goes out over HTTP and is no file of anybody's: the page. */
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
