import type { OperatorTransfer } from '../contracts/operator.ts';

/** What authenticates the operator. */
export interface OperatorProofs {
  /** SHA-256 of the token; null before there was one. */
  readonly hash: Uint8Array | null;
  /** Sign-ins that were ended, `<expiry in seconds, ten digits>.<id>`: of all there were the greatest, descending. */
  readonly signedOut: readonly string[];
}

/** The columns of the row `cluster` that authenticate the operator. Throws `unavailable` when it cannot answer. */
export interface OperatorTokenStore {
  read(): Promise<OperatorProofs>;
  writeHash(hash: Uint8Array): Promise<void>;
  /** Of several nodes that start at once one is told true. */
  writeFirstHash(hash: Uint8Array): Promise<boolean>;
  /** Repeatable. @param limit so many are kept */
  addSignedOut(signIn: string, limit: number): Promise<void>;
}

/** A transfer's row as an operator is shown it. */
export type TransferRowShown = Omit<OperatorTransfer, 'committedBytes' | 'strip' | 'readerCount'>;

export interface TransferCounts {
  /** Not ended. */
  readonly transferCount: number;
  readonly singleCopyCount: number;
  /** Not ended, by their home. */
  readonly homeCounts: ReadonlyMap<string, number>;
}

/** Rows of transfers that have not ended. Throws `unavailable` when it cannot answer. */
export interface ShownTransfers {
  /** Those named, and the newest `limit` of the open and of the sealed ones. In no order. */
  list(ids: readonly string[], limit: number): Promise<readonly TransferRowShown[]>;
  count(): Promise<TransferCounts>;
}
