import type { EndReason, TransferState } from '../contracts/http.ts';
import type { ChunkCopies, ChunkPlace } from './mending.ts';
import type { ChunkStore, TransferRepository, TransferRow } from './ports.ts';
import type { Progress } from './progress-feed.ts';
import type { HomeSide } from './replication/home-side.ts';
import type { HomeTransfer } from './replication/ports.ts';

/** What a TransferEngine works with. */
export interface EngineDeps {
  readonly nodeId: string;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** By which transfers end. */
  readonly nowMs: () => number;
  /** For how long ago a row was read; the process's own unless a test has another. */
  readonly monotonicMs?: () => number;
  /** False after a start with another boot id: committed chunks of open files are verified before their first use. */
  readonly isDiskTrusted: boolean;
  /** `power`: synced before each acknowledgement. `process`: sealed files are synced in the background. */
  readonly durability: 'process' | 'power';
  /** In a cluster: makes the home's side of replication for a transfer. */
  readonly createHomeSide?: (transfer: HomeTransfer) => HomeSide;
  /** In a cluster: asks the replica in sync, as its home may, to take over. @throws unavailable */
  readonly askToAdopt?: (row: TransferRow) => Promise<unknown>;
  /** In a cluster: the other nodes' copies. */
  readonly copies?: ChunkCopies;
  readonly publishMending?: (event: 'repaired' | 'damaged', chunk: ChunkPlace) => void;
  readonly publishProgress: (progress: Progress) => void;
  readonly publishState: (state: StateChange) => void;
  readonly onFault: (what: string, fault: unknown) => void;
}

export interface StateChange {
  readonly transferId: string;
  readonly state: TransferState;
  readonly endReason: EndReason | null;
  readonly digests: readonly (string | null)[];
}
