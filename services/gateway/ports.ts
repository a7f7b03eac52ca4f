/** What the gateway asks of others, besides actions. Wired in main.ts. */

/** Counts what the edge does. Routes are templates (`/api/transfers/:id`), so their number is bounded. */
export interface EdgeMetrics {
  observeRequest(request: { route: string; method: string; status: number; seconds: number }): void;
  socketOpened(path: 'control' | 'chunks'): void;
  socketClosed(path: 'control' | 'chunks'): void;
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
