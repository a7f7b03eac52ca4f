/**
 * Every Moleculer action that crosses a service, with its parameters and its answer. Small, idempotent, with a
 * time-out; file bytes never ride here. All are `public`, so that nodes may call each other's; clients reach only what the
 * gateway lists.
 */
import type {
  ChangeTransferRequest,
  ClusterResponse,
  EndReason,
  GrantResponse,
  NodeHealth,
  NodeReason,
  NodeState,
  NodeTraffic,
  OpenTransferRequest,
  OpenTransferResponse,
  OwnedTransfer,
  PublicSession,
  ShareResponse,
  StatsResponse,
  TransferListResponse,
  TransferStatusResponse,
} from './http.ts';
import type { EventCursor, GiveUpResponse, NodeSnapshot, OperatorOverview, ScrubStatus } from './operator.ts';
import type {
  Inbox,
  InboxProgress,
  OfferAccepted,
  ReceiptsRequest,
  SendTextRequest,
  SendTextResponse,
} from './people.ts';
import type { Person, Recipient } from './person.ts';

/** Who asks: a session (cookie, socket) or the bearer of a transfer's upload token; both may be given. */
export interface Caller {
  readonly sessionId: string | null;
  readonly uploadToken: string | null;
  /** Key of the client's address: IPv4, or the /64 of IPv6. */
  readonly addressKey: string;
  /** `PUBLIC_URL`, else the request's own origin when it is this machine's or allowed: links begin with it. */
  readonly publicOrigin: string;
}

export interface Actions {
  'session.create': { params: { displayName?: string }; result: { token: string; session: PublicSession } };
  /** null: unknown, expired or revoked. Extends the session. */
  'session.resolve': { params: { token: string }; result: PublicSession | null };
  /** null: unknown, expired or revoked. */
  'session.find': { params: { sessionId: string }; result: PublicSession | null };
  'session.rename': { params: { sessionId: string; displayName: string }; result: PublicSession };
  'session.revoke': { params: { sessionId: string }; result: null };
  /** Of the others, in their order, who is in a room together with this session now or was within the last 10 s. */
  'session.roommates': { params: { sessionId: string; others: readonly string[] }; result: readonly Person[] };

  'transfer.open': {
    params: { caller: Caller; request: OpenTransferRequest; idempotencyKey?: string };
    result: OpenTransferResponse;
  };
  'transfer.get': { params: { caller: Caller; transferId: string }; result: OwnedTransfer };
  'transfer.list': { params: { caller: Caller }; result: TransferListResponse };
  'transfer.status': { params: { caller: Caller; transferId: string }; result: TransferStatusResponse };
  'transfer.change': {
    params: { caller: Caller; transferId: string; change: ChangeTransferRequest };
    result: OwnedTransfer;
  };
  /** Repeatable: an ended transfer of the caller's ends again without fault. */
  'transfer.end': { params: { caller: Caller; transferId: string; reason: EndReason }; result: null };
  /** Asked of the home: attach the copy that is missing. */
  'transfer.replicate': { params: { transferId: string }; result: null };
  'transfer.share': { params: { caller: Caller; shareId: string; grant?: string }; result: ShareResponse };
  /** Asked at the home: another node instead of this replica, which is being emptied. */
  'transfer.replace': { params: { transferId: string; replicaNodeId: string }; result: null };
  /** Asked at the home by a node that the row does not name: the epoch in which its copy is not needed; null: keep it. */
  'transfer.confirm': { params: { transferId: string }; result: { epoch: number | null } };
  /**
   * Asked by the leader of each node: become home of those of these sealed transfers, whose home was given up, that are whole
   * there. Answers those that it could not look at: they must not end yet.
   */
  'transfer.rescue': { params: { transferIds: readonly string[] }; result: readonly string[] };
  'transfer.grant': { params: { caller: Caller; shareId: string; password: string }; result: GrantResponse };

  'transfer.accept': { params: { sessionId: string; transferId: string }; result: OfferAccepted };
  /** Declines what was offered, leaves what was accepted. */
  'transfer.decline': { params: { sessionId: string; transferId: string }; result: null };
  /** What the page of a recipient has written. */
  'transfer.receive': { params: { sessionId: string; transferId: string; request: ReceiptsRequest }; result: null };
  /** Of direct sends; others are not in the answer. */
  'transfer.recipients': {
    params: { transferIds: readonly string[] };
    result: readonly { readonly transferId: string; readonly recipients: readonly Recipient[] }[];
  };
  'transfer.sendText': {
    params: { sessionId: string; request: SendTextRequest; idempotencyKey?: string };
    result: SendTextResponse;
  };
  /**
   * Of several sessions, those inboxes that no longer have the fingerprint given; `progress` when only bytes came. At most
   * MAX_INBOXES_AT_ONCE whole ones: the others that changed are named, to be asked for again.
   */
  'transfer.inboxes': {
    params: { asked: readonly { readonly sessionId: string; readonly fingerprint: string }[] };
    result: readonly (Inbox & {
      readonly sessionId: string;
      readonly fingerprint: string;
      /** `items` is empty then. */
      readonly progress: InboxProgress | null;
      /** `items` is empty then too, and nothing is known but that it changed. */
      readonly isLeftOut: boolean;
    })[];
  };
  'transfer.seen': { params: { sessionId: string; sequence: number }; result: null };
  'transfer.dismiss': { params: { sessionId: string; itemId: string }; result: null };

  'cluster.nodes': { params: Record<string, never>; result: ClusterResponse };
  'cluster.place': { params: Record<string, never>; result: { nodeId: string } };
  'node.health': { params: Record<string, never>; result: NodeHealth };
  /** Empties the node it is sent to, from now until its process ends. Repeatable: says what is left. */
  'node.drain': { params: Record<string, never>; result: DrainStatus };
  'stats.node': { params: Record<string, never>; result: NodeTraffic };
  'stats.cluster': { params: Record<string, never>; result: StatsResponse };
  /** What this node knows for an overview. null: every event it knows. */
  'operator.node': { params: { eventsAfter: EventCursor | null }; result: NodeSnapshot };
  /** With `isAsked`: checks what is stored at the node it is sent to, unless it is at it. Says how far it has come. */
  'operator.scrub': { params: { isAsked: boolean }; result: ScrubStatus };
  /** Whether the node it is sent to reaches the data port of another. */
  'operator.reaches': { params: { nodeId: string }; result: boolean };
  /** Of these transfers, those of which the node it is sent to stores any bytes: for one whose transfer service does not run. */
  'operator.holds': { params: { transferIds: readonly string[] }; result: readonly string[] };
  /** Gives up on a node when it is confirmed; says in any case what that costs. @throws not_found, node_alive */
  'operator.giveUp': { params: { nodeId: string; isConfirmed: boolean }; result: GiveUpResponse };
  /** The whole cluster as this node sees it. */
  'operator.overview': { params: Record<string, never>; result: OperatorOverview };
}
export type ActionName = keyof Actions;

/** Moleculer events: past facts, hints only. The database is the truth. */
export interface Events {
  /** At most 10 a second a transfer, from its home, while somebody writes it. */
  'transfer.progressed': {
    readonly transferId: string;
    readonly generation: number;
    readonly committed: Readonly<Record<number, readonly (readonly [number, number])[]>>;
    /** Files sealed since the last event. */
    readonly digests: Readonly<Record<number, string>>;
    readonly recipients: number;
  };
  /** A transfer was sealed as a whole, or ended. */
  'transfer.state.changed': {
    readonly transferId: string;
    readonly state: 'open' | 'sealed' | 'ended';
    readonly endReason: EndReason | null;
    readonly digests: readonly (string | null)[];
  };
  /** Something was sent to these sessions, or what became of it has changed. */
  'inbox.changed': { readonly sessionIds: readonly string[] };
  /** Recipients of these direct sends answered, left, have it all (`isAnswer`), or took bytes. */
  'transfer.recipients.changed': { readonly transferIds: readonly string[]; readonly isAnswer: boolean };
  /** What a home did with its replica, or that this node took over or was fenced. For the operator: rows decide. */
  'transfer.ownership.changed': {
    readonly nodeId: string;
    readonly event: 'attached' | 'in_sync' | 'detached' | 'fenced' | 'promoted';
    readonly transferId: string;
    /** The replica it is about; null: none. */
    readonly otherNodeId: string | null;
    /** ISO 8601, by the clock of the node: with it every node makes the same id of the event. */
    readonly at: string;
  };
  /** Bytes on a node's disk no longer had their value: another copy did (`repaired`), or none that answered (`damaged`). */
  'transfer.mended': {
    readonly nodeId: string;
    readonly event: 'repaired' | 'damaged';
    readonly transferId: string;
    readonly fileIndex: number;
    readonly chunkIndex: number;
    readonly at: string;
  };
  /** The operator's token was renewed: its hash is read again. */
  'operator.token.renewed': Record<string, never>;
  'operator.signed.out': Record<string, never>;
  'session.revoked': { readonly sessionId: string };
  'session.renamed': { readonly sessionId: string; readonly displayName: string };
  /** Other people are online by this node than before: what it says of them is read where it says it. */
  'presence.changed': { readonly nodeId: string };
  'cluster.leader.changed': { readonly nodeId: string; readonly epoch: number };
  'node.state.changed': {
    readonly nodeId: string;
    readonly state: NodeState;
    /** null: it had none. */
    readonly before: NodeState | null;
    readonly reasons: readonly NodeReason[];
    readonly at: string;
  };
  /** An operator gave up on it. Told again whenever that is confirmed again, with the time of the first. */
  'node.given.up': { readonly nodeId: string; readonly at: string };
  /** Once a second from each node: all that browsers are told of it, and what placement asks besides. */
  'node.reported': {
    readonly nodeId: string;
    readonly publicUrl: string | null;
    readonly state: NodeState;
    /** 0 to 1, see PublicNode. */
    readonly load: number;
    /** One of the reasons for which it may be degraded; the others may be common to all nodes. */
    readonly isDiskLow: boolean;
  };
}
export type EventName = keyof Events;

/** What is left on a node that is being emptied. */
export interface DrainStatus {
  readonly nodeId: string;
  /** Transfers whose home is still here; null: the database does not say. */
  readonly homeCount: number | null;
  /** Those of them, and copies of absent homes, that no other node holds whole; null also: not counted yet, to be asked again. */
  readonly onlyCopyCount: number | null;
  /** There is no other node that could take anything. Nodes of earlier releases do not say. */
  readonly isAlone?: true;
}
