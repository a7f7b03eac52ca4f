import type { IncomingMessage, ServerResponse } from 'node:http';
import type { PutRunResponse } from '../../contracts/http.ts';
import type { TrafficCounter } from '../../kernel/traffic.ts';
import type { DirectSends } from '../direct/direct-sends.ts';
import type { DirectUpkeep } from '../direct/direct-upkeep.ts';
import type { LeaseRepository } from '../ports.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferControl } from '../transfer-control.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { BufferPool } from './buffer-pool.ts';
import type { EdgePorts, RequestContext } from './data-plane.ts';
import type { MovingTransfers } from './moving-transfers.ts';
import type { Piece, PieceSource } from './pieces.ts';
import type { ReaderMemory } from './reader-memory.ts';
import type { SharedChunks } from './shared-chunks.ts';

export interface ForwardedRun {
  readonly fileIndex: number;
  readonly offset: number;
  /** null: not said. */
  readonly lengthBytes: number | null;
  /** Hex; only with a body of one chunk. */
  readonly chunkValue: string | null;
  /** The client's request, in the logs of both nodes. */
  readonly requestId?: string;
}

/** A client's body on its way to another node: a request's, or one chunk in memory that nobody else reads. */
export type RunBody =
  | { readonly req: IncomingMessage; readonly onBytes: (lengthBytes: number) => void }
  | { readonly bytes: Uint8Array };

/** The other nodes, as the data plane uses them. */
export interface PeerPorts {
  /** Whether this node is the home of the transfer. */
  isHere(transfer: RunningTransfer): boolean;
  /** Streams a client's run to the home. @throws what the home answered; unavailable when it broke in the middle */
  forwardRun(transfer: RunningTransfer, run: ForwardedRun, body: RunBody): Promise<PutRunResponse>;
  /** The bytes of a range from whichever node has them. */
  readAnywhere(source: PieceSource): AsyncGenerator<Piece, void, void>;
  /** Answers `/peer/`. */
  answer(req: IncomingMessage, res: ServerResponse, context: RequestContext): Promise<void>;
}

export interface DataPlaneDeps {
  readonly engine: TransferEngine;
  readonly control: TransferControl;
  readonly direct: Pick<DirectSends, 'assertAccepted' | 'assertRecipient'>;
  /** Counts what recipients of direct sends take. */
  readonly recipients: Pick<DirectUpkeep, 'begin'>;
  readonly leases: LeaseRepository;
  readonly edge: EdgePorts;
  readonly uploads: MovingTransfers;
  readonly downloads: MovingTransfers;
  readonly buffers: BufferPool;
  readonly chunks: SharedChunks;
  readonly readers: ReaderMemory;
  /** In a cluster: the other nodes. */
  readonly peers: PeerPorts | null;
  readonly traffic: TrafficCounter;
  /** MAX_FILE_SIZE, or what 65,536 chunks of 1 MiB hold. */
  readonly maxUnknownLengthBytes: number;
}
