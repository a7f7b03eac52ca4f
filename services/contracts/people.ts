/**
 * People who are online and what they send each other directly: rooms, offers, texts. HTTP bodies and the payloads of
 * the socket events in socket.ts. docs/PROTOCOL.md explains them.
 */
import type { EndReason, FileSummary, TransferState } from './http.ts';
import type { GrantState, Person } from './person.ts';

/** `local`: of the network one came from. `named`: whoever has the code. */
export type Room = { readonly kind: 'local' } | { readonly kind: 'named'; readonly code: string };

/** Answer of `people.join`, and the event `people.changed`: always the whole room. */
export interface PeopleSnapshot {
  readonly you: Person;
  /** null: this address has no room of its own (loopback, a proxy's); a named one works. */
  readonly room: Room | null;
  /** The others, by name, at most MAX_PEOPLE_PER_ROOM. */
  readonly people: readonly Person[];
}
/** One room at a time: the named one, or with null that of the network. */
export interface JoinRequest {
  readonly room: string | null;
}
/** 201 of POST /api/rooms: a code nobody else was given, for `people.join`, for the address /people/<code> and its QR. */
export interface RoomResponse {
  readonly code: string;
}

interface InboxItemBase {
  /** The same in every delivery: what the page knows it by. */
  readonly id: string;
  /** Rises by order of sending, for one recipient. */
  readonly sequence: number;
  readonly sentAt: string;
  readonly expiresAt: string;
  readonly sender: Person;
}
export interface OfferItem extends InboxItemBase {
  readonly kind: 'offer';
  readonly transferId: string;
  readonly state: GrantState;
  readonly transferState: TransferState;
  readonly endReason: EndReason | null;
  readonly fileCount: number;
  readonly totalBytes: number | null;
  /** At most the first 20. */
  readonly files: readonly Pick<FileSummary, 'index' | 'path' | 'sizeBytes'>[];
  /** Only once accepted: the bytes are at /d/<shareId>. */
  readonly shareId: string | null;
  readonly receivedBytes: number;
}
export interface TextItem extends InboxItemBase {
  readonly kind: 'text';
  /** Shown as plain text, whatever it holds. */
  readonly text: string;
}
export type InboxItem = OfferItem | TextItem;

/** GET /api/inbox, answer of `inbox.read`, and the event `inbox.changed`: always all of it, oldest first. */
export interface Inbox {
  readonly items: readonly InboxItem[];
}

/** The event `inbox.progress`: what this recipient has of its offers, told while nothing else in its inbox changes. */
export interface InboxProgress {
  readonly items: readonly Pick<OfferItem, 'id' | 'receivedBytes'>[];
}

/** POST /api/texts with an Idempotency-Key. */
export interface SendTextRequest {
  readonly to: readonly string[];
  readonly text: string;
}
/** 201 of POST /api/texts */
export interface SendTextResponse {
  readonly sentAt: string;
}

/**
 * POST /api/offers/:transferId/accept; repeatable. Also sets the cookie for /d/<shareId>. POST .../decline declines what
 * was offered and leaves what was accepted (204).
 */
export interface OfferAccepted {
  readonly shareId: string;
  /** For `Authorization: Bearer` and the cookie. */
  readonly grant: string;
  /** For `?grant=` of a download address on another origin; five minutes to start. */
  readonly addressGrant: string;
  readonly expiresAt: string;
}

/** POST /api/offers/:transferId/receipts (recipient): what the page's own writer has on disk. 204. */
export interface ReceiptsRequest {
  /** Half-open byte ranges per file index. */
  readonly received: Readonly<Record<number, readonly (readonly [number, number])[]>>;
}
