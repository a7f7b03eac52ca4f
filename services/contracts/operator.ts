/**
 * What an operator is told, and may do: `/api/operator/...`, with `Authorization: Bearer <ADMIN_TOKEN>` or the cookie of
 * POST /api/operator/session. docs/PROTOCOL.md explains it. No file names, no addresses of clients.
 */
import type {
  EndReason,
  NodeHealth,
  NodeReason,
  NodeState,
  NodeTraffic,
  TrafficHistory,
  TransferKind,
  TransferState,
} from './http.ts';

/** POST /api/operator/session: 204 and an HttpOnly cookie. DELETE ends it. */
export interface OperatorSignIn {
  readonly token: string;
}

/** GET /api/operator/overview, of any node for the whole cluster; made anew when the last one is 0.65 s old. */
export interface OperatorOverview {
  /** When it was made, ISO 8601. */
  readonly at: string;
  readonly clusterId: string;
  readonly mode: 'embedded' | 'cluster';
  readonly leader: { readonly nodeId: string; readonly epoch: number } | null;
  readonly nodes: readonly OperatorNode[];
  /** Between nodes, over the last seconds; none of 0. */
  readonly flows: readonly NodeFlow[];
  /** Those that move or are open first, then the newest; at most 200. */
  readonly transfers: readonly OperatorTransfer[];
  /** Not ended. */
  readonly transferCount: number;
  /** Of them, those without a copy in sync. */
  readonly singleCopyCount: number;
  /** Newest first, at most 200. The same event has the same id at every node. */
  readonly events: readonly OperatorEvent[];
  /** null while the database does not answer. */
  readonly history: TrafficHistory | null;
}

export interface OperatorNode {
  /** As the node told it last; of one that left or does not answer, the last that was heard. */
  readonly health: NodeHealth;
  readonly publicUrl: string | null;
  readonly isLeader: boolean;
  readonly isAnswering: boolean;
  /** An operator gave up on it, and it was not seen since. */
  readonly isGivenUp: boolean;
  /** 0 to 1: the larger of event-loop use and slots in use. */
  readonly load: number;
  /** null: it did not answer within 800 ms. */
  readonly traffic: NodeTraffic | null;
  readonly version: string;
  /** Transfers whose home it is, not ended. */
  readonly homeCount: number;
}

export interface NodeFlow {
  readonly fromNodeId: string;
  readonly toNodeId: string;
  readonly bytesPerSecond: number;
}

export interface OperatorTransfer {
  readonly id: string;
  readonly kind: TransferKind;
  readonly state: TransferState;
  readonly endReason: EndReason | null;
  readonly homeNodeId: string;
  readonly replicaNodeId: string | null;
  readonly isReplicaInSync: boolean;
  readonly epoch: number;
  readonly fileCount: number;
  readonly totalBytes: number | null;
  /** null: its home did not say. */
  readonly committedBytes: number | null;
  /** Its chunks as `TransferActivity` says; null: sealed or ended, or its home did not say. */
  readonly strip: string | null;
  readonly readerCount: number;
  readonly createdAt: string;
}

export type OperatorEventKind =
  | 'joined'
  | 'gone'
  | 'state_changed'
  | 'drained'
  | 'given_up'
  | 'elected'
  | 'attached'
  | 'in_sync'
  | 'detached'
  | 'fenced'
  | 'promoted'
  | 'repaired'
  | 'damaged';
export type OperatorFact =
  | { readonly what: 'state'; readonly state: NodeState }
  | NodeReason
  | { readonly what: 'epoch'; readonly epoch: number }
  | { readonly what: 'chunk'; readonly fileIndex: number; readonly chunkIndex: number }
  /** It does not answer any more, was stopped, answers again. */
  | { readonly what: 'silent' | 'stopped' | 'back' };
export interface OperatorEvent {
  readonly id: string;
  readonly at: string;
  readonly kind: OperatorEventKind;
  readonly nodeId: string;
  /** The other node it is about: a replica. */
  readonly otherNodeId: string | null;
  readonly transferId: string | null;
  /** What else there is to say, in this order; words are for whoever shows it. */
  readonly facts: readonly OperatorFact[];
}

/** POST /api/operator/nodes/:nodeId/drain: 202. Repeatable: says what is left. */
export interface DrainResponse {
  readonly nodeId: string;
  /** null: the database does not say. */
  readonly homeCount: number | null;
  readonly onlyCopyCount: number | null;
}

/** Transfers that have not ended, by what becomes of them when a node is given up. */
export interface LossCounts {
  /** At home there. */
  readonly homeCount: number;
  /** Still being sent, and no node that is left has them in sync: they end. */
  readonly openLostCount: number;
  /** Complete, and no node that is left is known to have them in sync: each ends unless another one turns out to hold all of it. */
  readonly sealedLostCount: number;
  /** At home elsewhere, with their second copy there: it is made anew. What only that copy has is lost, see OPERATIONS.md. */
  readonly copyCount: number;
}

/** GET and POST /api/operator/nodes/:nodeId/give-up: 200. Repeatable: says what is left. */
export interface GiveUpResponse extends LossCounts {
  readonly nodeId: string;
  readonly isGivenUp: boolean;
}

/** What a node tells another that makes an overview: `operator.node`. */
export interface NodeSnapshot {
  readonly health: NodeHealth;
  readonly publicUrl: string | null;
  /** 0 to 1, see OperatorNode. */
  readonly load: number;
  /** null: its stats service is not up. */
  readonly traffic: NodeTraffic | null;
  readonly version: string;
  /** To and from other nodes, counted by this one, which asked them. */
  readonly flows: readonly NodeFlow[];
  /** What is open at home here, or read by clients of this node; at most MAX_OPERATOR_TRANSFERS. */
  readonly transfers: readonly TransferActivity[];
  /** Those heard since `eventsAfter` of the question. */
  readonly events: readonly OperatorEvent[];
  /** For the next question's `eventsAfter`. */
  readonly eventsUntil: EventCursor;
  /** What this node heard last of nodes that do not answer it. */
  readonly silent: readonly LastSnapshot[];
}
export interface TransferActivity {
  readonly id: string;
  /** null: it is not at home here. */
  readonly committedBytes: number | null;
  /** A digit for each stretch of its chunks, at most OPERATOR_STRIP_CELLS: 0 none committed, 9 all. null: as above, or sealed. */
  readonly strip: string | null;
  /** Clients of this node that read it. */
  readonly readerCount: number;
}
/** A place in a node's list of events; of another run of its process it means nothing, and all are told. */
export interface EventCursor {
  readonly runId: string;
  readonly count: number;
}
/** What a node that does not answer said when it last did. */
export interface LastSnapshot {
  readonly health: NodeHealth;
  readonly publicUrl: string | null;
  readonly version: string;
  /** Milliseconds since 1970, by the clock of the node that heard it. */
  readonly heardAtMs: number;
}

/** How far a node's check of what is stored there has come; counts are of this pass, or of the last one. */
export interface ScrubStatus {
  readonly nodeId: string;
  readonly isRunning: boolean;
  readonly checkedChunks: number;
  /** Mended from another copy. */
  readonly repairedChunks: number;
  /** No copy that answered could mend them. */
  readonly damagedChunks: number;
}
