/** JSON bodies and headers of the HTTP API: what the page, curl scripts and other nodes see. docs/PROTOCOL.md explains them. */
import type { Recipient } from './person.ts';

export type TransferKind = 'share' | 'direct';
export type TransferState = 'open' | 'sealed' | 'ended';
/**
 * `delivered`, `declined`: of direct sends, when everybody has it all, or nobody wants it. `node_lost`: an operator gave up on
 * the node that held it, and no other one had all of it.
 */
export type EndReason =
  | 'deleted'
  | 'expired'
  | 'used_up'
  | 'aborted'
  | 'digest_mismatch'
  | 'left'
  | 'delivered'
  | 'declined'
  | 'node_lost';

/** POST /api/transfers */
export interface OpenTransferRequest {
  readonly kind?: TransferKind;
  /** Of a direct send: ids of people in the sender's room, 1 to MAX_RECIPIENTS. */
  readonly to?: readonly string[];
  readonly files: readonly OpenFileRequest[];
  /** Seconds from now; default TTL_SHARE_SESSION. */
  readonly expiresInSeconds?: number;
  /** Whole-share downloads allowed; absent or null = no limit. */
  readonly maxDownloads?: number | null;
  readonly password?: string;
  /** The client's wish; the server answers with what it chose. */
  readonly chunkSizeBytes?: number;
  /** Shown to recipients instead of the session's display name. */
  readonly senderName?: string;
}
export interface OpenFileRequest {
  /** Relative path with `/`; its last part is the file's name. */
  readonly path: string;
  /** null = unknown: one sequential body, 1 MiB chunks. */
  readonly sizeBytes: number | null;
  /** 64 hex digits, checked at seal. */
  readonly digest?: string;
  /** RFC 6838 type; only a hint for the page. */
  readonly mediaType?: string;
  /** Milliseconds since 1970, for recognising the file on resume. */
  readonly lastModifiedMs?: number;
}
/** 201 of POST /api/transfers; the same again for a repeated Idempotency-Key. */
export interface OpenTransferResponse {
  readonly transfer: OwnedTransfer;
  /** Bearer token for every write; also proves ownership without a session. Shown only here. */
  readonly uploadToken: string;
}

export interface FileSummary {
  /** Position in the transfer, from 0; part of every file address. */
  readonly index: number;
  readonly path: string;
  readonly sizeBytes: number | null;
  readonly chunkSizeBytes: number;
  /** null while the length is unknown. */
  readonly chunkCount: number | null;
  readonly committedChunkCount: number;
  readonly committedBytes: number;
  /** 64 hex digits once sealed: what `b3sum` prints. */
  readonly digest: string | null;
  readonly mediaType: string | null;
  readonly lastModifiedMs: number | null;
}

export interface TransferSummary {
  readonly id: string;
  readonly shareId: string;
  readonly kind: TransferKind;
  readonly state: TransferState;
  readonly endReason: EndReason | null;
  readonly createdAt: string;
  readonly expiresAt: string;
  readonly fileCount: number;
  /** null while a file's length is unknown. */
  readonly totalBytes: number | null;
  readonly committedBytes: number;
  readonly maxDownloads: number | null;
  readonly downloadCount: number;
  readonly hasPassword: boolean;
  readonly senderName: string | null;
}

/** GET /api/transfers/:id (owner) */
export interface OwnedTransfer extends TransferSummary {
  /** Of a direct send; a share has none. */
  readonly recipients?: readonly Recipient[];
  /** Absolute. */
  readonly link: string;
  readonly maxRunBytes: number;
  readonly home: { readonly nodeId: string; readonly publicUrl: string | null };
  readonly files: readonly FileSummary[];
}
/** GET /api/transfers: newest first, at most MAX_SESSION_TRANSFERS_LISTED; `files` has at most the first 3. */
export interface TransferListResponse {
  readonly transfers: readonly (TransferSummary & { readonly link: string; readonly files: readonly FileSummary[] })[];
}

/** GET /api/transfers/:id/status (owner): which chunks are there. */
export interface TransferStatusResponse {
  readonly state: TransferState;
  /** Only where it has ended. */
  readonly endReason?: EndReason;
  readonly generation: number;
  /** Node whose disk holds it now; GET /api/cluster tells its public address. */
  readonly homeNodeId: string;
  /** How many read it right now, by what its home sends and passes on. */
  readonly recipients: number;
  readonly files: readonly ChunkStatus[];
}
export interface ChunkStatus {
  readonly index: number;
  readonly sizeBytes: number | null;
  readonly chunkSizeBytes: number;
  readonly chunkCount: number | null;
  /** Half-open ranges of committed chunk indexes, ascending: [[0, 12], [14, 15]]. */
  readonly committed: readonly (readonly [number, number])[];
  readonly digest: string | null;
}

/** 200 of PUT /api/transfers/:id/files/:index?offset=N */
export interface PutRunResponse {
  /** Chunk indexes of this body, half-open. */
  readonly committed: readonly (readonly [number, number])[];
  readonly state: TransferState;
  /** Of this file, once sealed. */
  readonly digest: string | null;
}

/** PATCH /api/transfers/:id (owner) */
export interface ChangeTransferRequest {
  readonly expiresInSeconds?: number;
  readonly maxDownloads?: number | null;
}

/** GET /api/shares/:shareId, with `Authorization: Bearer <grant>` when a password is set. */
export interface ShareResponse {
  readonly share: TransferSummary;
  /** Empty while a password is needed (then `passwordRequired`). */
  readonly files: readonly FileSummary[];
  readonly passwordRequired: boolean;
  /** Node whose disk holds it now, for who may reach nodes themselves; null while a password is needed. */
  readonly homeNodeId: string | null;
  /** null = no limit. */
  readonly remainingDownloads: number | null;
  /** Half-open committed ranges per file index, for files that still grow. */
  readonly committed: Readonly<Record<number, readonly (readonly [number, number])[]>>;
}
/** POST /api/shares/:shareId/grant; also sets the cookie for /d/<shareId>. */
export interface GrantRequest {
  readonly password: string;
}
export interface GrantResponse {
  /** For `Authorization: Bearer` and the cookie. */
  readonly grant: string;
  /** For `?grant=` of a download address on another origin; five minutes to start. */
  readonly addressGrant: string;
  /** Of `grant`. */
  readonly expiresAt: string;
}

/** A session as its owner is told of it. */
export interface PublicSession {
  readonly id: string;
  readonly displayName: string;
  /** ISO 8601. */
  readonly expiresAt: string;
}

/** POST /api/session (makes or resumes), GET /api/session */
export interface SessionResponse {
  readonly session: PublicSession;
  readonly limits: PublicLimits;
}
export interface ChangeSessionRequest {
  readonly displayName: string;
}
/** 201 of POST /api/session/ticket: `auth.ticket` of a Socket.IO handshake with another node. */
export interface TicketResponse {
  readonly ticket: string;
  readonly expiresAt: string;
}
/** What the page must know to refuse early and to pace itself. */
export interface PublicLimits {
  /** null = no limit but the protocol's. */
  readonly maxFileBytes: number | null;
  readonly maxFilesPerTransfer: number;
  readonly maxRunBytes: number;
  readonly maxConcurrentUploads: number;
  readonly maxConcurrentTransfers: number;
  readonly defaultExpirySeconds: number;
  readonly maxExpirySeconds: number;
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
}

/** GET /api/cluster */
export interface ClusterResponse {
  readonly clusterId: string;
  readonly epoch: number;
  readonly nodes: readonly PublicNode[];
}
export type NodeState = 'joining' | 'healthy' | 'degraded' | 'draining' | 'left';
/** Why a node is not healthy. Words are for whoever shows it. */
export type NodeReason =
  | { readonly what: 'slow_loop'; readonly delayMs: number }
  | { readonly what: 'low_disk'; readonly freeBytes: number }
  | { readonly what: 'no_database' | 'no_bus' | 'no_redis' | 'other_secret' };
/** How a node is, as it sees itself. */
export interface NodeHealth {
  readonly nodeId: string;
  readonly state: NodeState;
  /** Empty when healthy. */
  readonly reasons: readonly NodeReason[];
  readonly eventLoopDelayP99Ms: number;
  /** 0 to 1 since the last look. */
  readonly eventLoopUse: number;
  readonly memoryBytes: number;
  readonly diskFreeBytes: number;
  readonly diskTotalBytes: number;
  readonly isDatabaseUp: boolean;
  readonly isBusUp: boolean;
  readonly isRedisUp: boolean;
  /** False: the rest of the cluster has another CLUSTER_SECRET. Nodes of earlier releases do not say. */
  readonly isSecretShared?: boolean;
  readonly uptimeSeconds: number;
}
export interface PublicNode {
  readonly id: string;
  readonly publicUrl: string | null;
  readonly state: NodeState;
  readonly isLeader: boolean;
  /** 0 to 1: the larger of event-loop use and slots in use. */
  readonly load: number;
}

/** GET /api/stats, of any node for the whole cluster. Bytes are those of bodies. */
export interface StatsResponse {
  /** The nodes that answered within a second, by id. */
  readonly nodes: readonly NodeTraffic[];
  /** Their sums. */
  readonly total: Omit<NodeTraffic, 'nodeId'>;
  /** null while the database does not answer. */
  readonly history: TrafficHistory | null;
}
export interface NodeTraffic {
  readonly nodeId: string;
  /** Since the node's start, from and to clients. */
  readonly clientBytesIn: number;
  readonly clientBytesOut: number;
  /** Since the node's start, between nodes: counted by the one that asked. */
  readonly peerBytes: number;
  /** Of clients, over the last five seconds. */
  readonly bytesInPerSecond: number;
  readonly bytesOutPerSecond: number;
  readonly activeUploads: number;
  readonly activeDownloads: number;
  readonly openTransfers: number;
  readonly sockets: number;
}
/** The last 15 minutes, also of nodes that are gone. */
export interface TrafficHistory {
  /** End of the last sample. */
  readonly endsAt: string;
  /** Between two samples. */
  readonly stepSeconds: number;
  readonly total: TrafficSamples;
  /** By id. */
  readonly nodes: readonly ({ readonly nodeId: string } & TrafficSamples)[];
}
/** Bytes of each step, oldest first. */
export interface TrafficSamples {
  readonly clientBytesIn: readonly number[];
  readonly clientBytesOut: readonly number[];
  readonly peerBytes: readonly number[];
}

/** GET /version */
export interface VersionResponse {
  readonly version: string;
  readonly commit: string | null;
  readonly node: string;
  readonly native: {
    readonly implementation: 'native' | 'fallback';
    readonly kernel: string;
    readonly available: readonly string[];
    readonly reason?: string;
  };
  readonly storage: 'pglite' | 'postgresql';
  readonly mode: 'embedded' | 'cluster';
}

export const HEADER = {
  /** 64 lower-case hex digits: the file's BLAKE3, on the 201 of PUT / and on downloads of sealed files. */
  blake3: 'x-blake3',
  urlDelete: 'x-url-delete',
  maxDownloads: 'max-downloads',
  maxDays: 'max-days',
  idempotencyKey: 'idempotency-key',
  requestId: 'x-request-id',
  /** On every answer under /api/: the server's time, ISO 8601, by the clock that judges when something is over. */
  serverTime: 'x-server-time',
  /** Of one chunk, on a PUT whose body is one chunk: its non-root chaining value, 64 hex digits. */
  chunkValue: 'x-chunk-value',
} as const;
