/** What the gateway asks of others, besides actions. Wired in main.ts. */

/** Counts what the edge does. Routes are templates (`/api/transfers/:id`), so their number is bounded. */
export interface EdgeMetrics {
  observeRequest(request: { route: string; method: string; status: number; seconds: number }): void;
  socketOpened(path: 'control' | 'chunks'): void;
  socketClosed(path: 'control' | 'chunks'): void;
}

/** Who proves to be the operator; see services/operator/operator-tokens.ts. Each throws `unavailable` when nobody can tell. */
export interface OperatorProof {
  isToken(token: string): Promise<boolean>;
  /** For the cookie; null: there is no token to sign in with. */
  seal(): Promise<string | null>;
  isSealed(seal: string): Promise<boolean>;
  /** How long a seal counts. */
  readonly sealedSeconds: number;
}

export interface Readiness {
  readonly isReady: boolean;
  /** Names of parts and whether each is up: nothing internal. */
  readonly parts: Readonly<Record<string, boolean>>;
}

/** The answers of /readyz, /version and /metrics, known only to the composition root. */
export interface Operations {
  readiness(): Promise<Readiness>;
  version(): unknown;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
}
