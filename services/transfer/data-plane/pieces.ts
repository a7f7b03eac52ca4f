import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { ReaderMemory } from './reader-memory.ts';
import type { SharedChunks } from './shared-chunks.ts';

/** Verified bytes, in order. They are the reader's until `release`. */
export interface Piece {
  /** None in a piece that only says that bytes will come. */
  readonly bytes: readonly Uint8Array[];
  /** They are obfuscated already, as the source asked. */
  readonly isHidden?: boolean;
  /** `taken`: no socket has them any more either. */
  release(how: 'taken' | 'lost'): void;
}

export interface PieceSource {
  readonly deps: {
    readonly engine: TransferEngine;
    readonly buffers: BufferPool;
    readonly chunks: SharedChunks;
    readonly readers: ReaderMemory;
  };
  readonly transfer: RunningTransfer;
  readonly file: RunningFile;
  /** First byte. */
  readonly from: number;
  /** One past the last byte; null reads to the end, wherever that will be. */
  readonly to: number | null;
  /**
   * The key of an answer to another node, whose stream begins at `from`: pieces that nobody else has come obfuscated by it.
   */
  readonly hidingKey?: Uint8Array | undefined;
  /** The request whose answer this is, in the logs of every node that is asked for it. */
  readonly requestId?: string;
  /** Ends waiting; its reason is thrown. */
  readonly signal: AbortSignal;
  /** Ends the whole answer, whose client stands still while others wait for its buffers. Aborts `signal`. */
  readonly cut: (fault: unknown) => void;
}
