/**
 * Socket.IO events. Two paths on the same port: CONTROL_PATH for everything small, CHUNK_PATH for binary chunks.
 * Neither offers permessage-deflate (Chromium would deflate every frame). Both WebSocket only. The handshake is
 * authorised by the session cookie (same origin) or `auth.ticket` (60 s, for another node).
 */
import type { ProblemDetails } from './errors.ts';
import type {
  ChunkStatus,
  ClusterResponse,
  OpenTransferRequest,
  OpenTransferResponse,
  TransferState,
  TransferStatusResponse,
} from './http.ts';
import type { Inbox, InboxProgress, JoinRequest, PeopleSnapshot } from './people.ts';
import type { Recipient } from './person.ts';

export const CONTROL_PATH = '/socket.io';
export const CHUNK_PATH = '/chunks.io';

export type Acknowledged<T> =
  | { readonly ok: true; readonly result: T }
  | { readonly ok: false; readonly problem: ProblemDetails };
export type Acknowledge<T> = (answer: Acknowledged<T>) => void;

/** Client to server on CONTROL_PATH; every event is acknowledged. */
export interface ControlClientEvents {
  'transfer.open': (
    request: OpenTransferRequest & { readonly idempotencyKey?: string },
    done: Acknowledge<OpenTransferResponse>,
  ) => void;
  'transfer.status': (
    request: { readonly transferId: string; readonly uploadToken: string },
    done: Acknowledge<TransferStatusResponse>,
  ) => void;
  /** Follow a transfer: by upload token, or as a recipient by share id (and grant when it has a password). */
  'transfer.watch': (request: WatchRequest, done: Acknowledge<TransferSnapshot>) => void;
  'transfer.unwatch': (request: { readonly watchId: string }, done: Acknowledge<null>) => void;
  /** Be seen in a room, and see who is there; again for another room. Ends with the connection. */
  'people.join': (request: JoinRequest, done: Acknowledge<PeopleSnapshot>) => void;
  'people.leave': (request: Record<string, never>, done: Acknowledge<null>) => void;
  /** What was sent to this session directly; from then on `inbox.changed` tells what is new. */
  'inbox.read': (request: Record<string, never>, done: Acknowledge<Inbox>) => void;
  /** Everything up to this sequence was shown to the person. */
  'inbox.seen': (request: { readonly sequence: number }, done: Acknowledge<null>) => void;
  ping: (request: Record<string, never>, done: Acknowledge<{ readonly serverTimeMs: number }>) => void;
}
export type WatchRequest =
  | { readonly transferId: string; readonly uploadToken: string }
  | { readonly shareId: string; readonly grant?: string };

/** Server to client on CONTROL_PATH. */
export interface ControlServerEvents {
  /** At most 10 a second per watch; ranges committed since the last one. */
  'transfer.progress': (event: TransferProgress) => void;
  'transfer.state': (event: {
    readonly watchId: string;
    readonly state: TransferState;
    readonly endReason: string | null;
    readonly digests: readonly (string | null)[];
  }) => void;
  'cluster.changed': (event: ClusterResponse) => void;
  'people.changed': (event: PeopleSnapshot) => void;
  'inbox.changed': (event: Inbox) => void;
  'inbox.progress': (event: InboxProgress) => void;
  /** To the sender of a direct send who watches it: at once when one answers, once a second while bytes are taken. */
  'transfer.recipients': (event: { readonly watchId: string; readonly recipients: readonly Recipient[] }) => void;
}
export interface TransferSnapshot {
  readonly watchId: string;
  readonly state: TransferState;
  readonly generation: number;
  readonly files: readonly ChunkStatus[];
  /** How many read it right now; null to who watches by share id, until the first progress says. */
  readonly recipients: number | null;
}
export interface TransferProgress {
  readonly watchId: string;
  readonly generation: number;
  /** Newly committed half-open ranges per file index. */
  readonly committed: Readonly<Record<number, readonly (readonly [number, number])[]>>;
  /** Files sealed since the last one: digest, 64 hex digits, per file index. */
  readonly digests: Readonly<Record<number, string>>;
  /** Readers on their way right now. */
  readonly recipients: number;
}

/** Client to server on CHUNK_PATH. */
export interface ChunkClientEvents {
  chunk: (head: ChunkHead, bytes: Uint8Array, done: Acknowledge<ChunkStored>) => void;
}
export interface ChunkHead {
  readonly transferId: string;
  readonly uploadToken: string;
  readonly fileIndex: number;
  readonly chunkIndex: number;
  /** The chunk's chaining value, 64 hex digits; checked before commit when sent. */
  readonly chunkValue?: string;
}
export interface ChunkStored {
  readonly chunkIndex: number;
  readonly state: TransferState;
  readonly digest: string | null;
}
