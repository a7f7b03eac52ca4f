import type { EndReason } from '../../contracts/http.ts';
import type { InboxItem, InboxProgress } from '../../contracts/people.ts';
import type { GrantState, Person, Recipient } from '../../contracts/person.ts';
import type { OfferOutcome } from '../../kernel/direct-counter.ts';
import type { LeaderTerm } from '../../kernel/leader-term.ts';
import type { Ranges } from '../../kernel/ranges.ts';
import type { InsertOutcome, NewFile, NewTransfer } from '../ports.ts';

/** Who is in a room together, as the session service knows it. */
export interface Roommates {
  /** Those of the others that this session may send to. */
  among(sessionId: string, others: readonly string[]): Promise<readonly Person[]>;
  /** The name that others see; null: there is no such session any more. */
  nameOf(sessionId: string): Promise<string | null>;
}

/** One message to each of some people. */
export interface Envelope {
  readonly sender: Person;
  /** With the id of the inbox item that each gets. */
  readonly recipients: readonly (Person & { readonly itemId: string })[];
}

/** Why nothing was put into anybody's inbox. */
export type Undelivered =
  /** So much that the sender sent, or that waits for a recipient, was not answered yet. */
  | { readonly outcome: 'full'; readonly isSenders: boolean }
  /** A recipient's session is over. */
  | { readonly outcome: 'gone' };

export interface NewText {
  readonly envelope: Envelope;
  readonly text: string;
  readonly ttlSeconds: number;
  readonly idempotencyKey: string | null;
  readonly requestHash: Uint8Array;
}
export interface SentText {
  readonly sentAt: Date;
  readonly requestHash: Uint8Array;
}
export type TextOutcome =
  | { readonly outcome: 'sent'; readonly sentAt: Date }
  | ({ readonly outcome: 'exists' } & SentText)
  | Undelivered;

/** A recipient's grant, and what of its transfer matters to it. */
export interface GrantRow {
  readonly state: GrantState;
  readonly shareId: string;
  readonly transferExpiresAt: Date;
  readonly isTransferOver: boolean;
  readonly endReason: EndReason | null;
}

/** What one recipient has of one file. */
export interface ReceiptReport {
  readonly transferId: string;
  readonly sessionId: string;
  readonly fileIndex: number;
  /** Bytes, half-open. */
  readonly ranges: Ranges;
  /** Its own page says so; else its socket took them. */
  readonly isWritten: boolean;
}
/** Which file of which recipient. */
export type ReceiptOf = Pick<ReceiptReport, 'transferId' | 'sessionId' | 'fileIndex'>;
export interface ReceivedState {
  readonly transferId: string;
  readonly sessionId: string;
  readonly state: GrantState;
  /** It was another one before. */
  readonly hasChanged: boolean;
}
/** What the leader found to have become of offers. */
export interface Settled {
  readonly transferIds: readonly string[];
  /** Of each recipient whose offer nobody had ended before. */
  readonly outcomes: readonly OfferOutcome[];
}

export interface InboxReading {
  readonly sessionId: string;
  /** Changes with anything in the inbox. */
  readonly fingerprint: string;
  /** Oldest first. None with `progress` or `isLeftOut`. */
  readonly items: readonly InboxItem[];
  /** Nothing else has changed than what was received; null: else. */
  readonly progress: InboxProgress | null;
  /** Changed, and one more than are read at once (MAX_INBOXES_AT_ONCE): to be asked for again. */
  readonly isLeftOut: boolean;
}

/** Rows of direct sends. Each function is one transaction; times are the database's. Throws `unavailable`. */
export interface DirectRepository {
  /** As TransferRepository.insert, with its offers. `envelope` null: only finds what the key opened before. */
  insert(
    row: NewTransfer,
    files: readonly NewFile[],
    options: { readonly maxOpen: number; readonly expiresInSeconds: number; readonly offerTtlSeconds: number },
    envelope: Envelope | null,
  ): Promise<InsertOutcome | Undelivered>;
  sendText(text: NewText): Promise<TextOutcome>;
  /** What this session sent under this key before. */
  findText(sessionId: string, idempotencyKey: string): Promise<SentText | null>;
  /** Null: this session was offered nothing of it. Repeatable; `state` is what it is afterwards. */
  accept(transferId: string, sessionId: string): Promise<(GrantRow & { readonly hasChanged: boolean }) | null>;
  /** offered -> declined, accepted -> left; `changedTo` null: neither. Null as above. */
  decline(transferId: string, sessionId: string): Promise<{ readonly changedTo: 'declined' | 'left' | null } | null>;
  grantState(transferId: string, sessionId: string): Promise<GrantState | null>;
  /** By transfer, in the order of the offer; shares are not in it. */
  recipients(transferIds: readonly string[]): Promise<ReadonlyMap<string, readonly Recipient[]>>;
  /** Merges what recipients have; those that may not read are not answered. At most one report a recipient and file. */
  receive(reports: readonly ReceiptReport[]): Promise<readonly ReceivedState[]>;
  /** Up to which byte each of these files was received without a gap from its first one on, in the order asked. */
  reached(of: readonly ReceiptOf[]): Promise<readonly number[]>;
  /** Those whose inbox no longer has the fingerprint given; one query for all. */
  inboxes(
    asked: readonly { readonly sessionId: string; readonly fingerprint: string }[],
  ): Promise<readonly InboxReading[]>;
  /** Everything up to this sequence was shown. */
  seen(sessionId: string, sequence: number): Promise<void>;
  /** Repeatable. Null: not this session's. `declined`: the transfer whose offer nobody had answered. */
  dismiss(sessionId: string, itemId: string): Promise<{ readonly declined: string | null } | null>;
  /** Ends those whose recipients all have everything, or left, or never came. Ids given: only these; else by the leader. */
  endOver(of: readonly string[] | LeaderTerm): Promise<readonly string[]>;
  /**
   * Offers that nobody answered in time expire, sessions that are over have left, and who has all of what was sealed
   * since has received it.
   */
  settle(limit: number, term: LeaderTerm): Promise<Settled>;
  /** Inbox rows that nobody is shown any more. */
  deleteOver(limit: number, term: LeaderTerm): Promise<number>;
}
