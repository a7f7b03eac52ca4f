/** Somebody as others in the same room see them. */
export interface Person {
  /** Of the session: what an offer is addressed to. */
  readonly id: string;
  readonly displayName: string;
}

/** What became of an offer to one recipient. `received`: everything is with them. */
export type GrantState = 'offered' | 'accepted' | 'received' | 'declined' | 'left' | 'expired';

/** One recipient of a direct send, as its sender sees them. */
export interface Recipient extends Person {
  readonly state: GrantState;
  /** Distinct bytes of the files that their socket took, or their page wrote. */
  readonly receivedBytes: number;
}
