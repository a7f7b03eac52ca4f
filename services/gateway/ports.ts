/** What the gateway needs from others, besides actions. Wired in services/composition/compose-node.ts. */
import type { Person } from '../contracts/person.ts';

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
  /** This seal counts no more at any node; one that never did is none of our business. */
  signOut(seal: string): Promise<void>;
  /** How long a seal counts. */
  readonly sealedSeconds: number;
}

export interface Readiness {
  readonly isReady: boolean;
  /** Names of parts and whether each is up: nothing internal. */
  readonly parts: Readonly<Record<string, boolean>>;
}

/** Who is online in which room, on all nodes. Kept by the session service in every process. */
export interface People {
  /** A connection of this node is in this room from now on, and in no other. Refused, it stays where it was. */
  enter(connectionId: string, person: Person, room: string): 'entered' | 'room_full' | 'node_full';
  leave(connectionId: string): void;
  /** In no order. */
  people(room: string): readonly Person[];
  isUsed(room: string): boolean;
  /** This session is in this room, or was a moment ago. */
  wasIn(room: string, sessionId: string): boolean;
  /** Told which rooms look different, as soon as they do. */
  onChanged(listener: (rooms: Iterable<string>) => void): void;
}

/** The answers of /readyz, /version and /metrics, known only to the composition root. */
export interface Operations {
  readiness(): Promise<Readiness>;
  version(): unknown;
  metricsText(): Promise<{ readonly contentType: string; readonly body: string }>;
}
