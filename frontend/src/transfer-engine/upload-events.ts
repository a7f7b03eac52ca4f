/** What is told to an upload's machine, and what it wants done. */
import type { PutRunResponse, TransferState, TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { ChunkRange, PlannedRun } from './chunk-map.ts';
import type { Fault } from './fault.ts';

export type UploadEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'run_moved'; readonly runId: number; readonly sentBytes: number }
  | { readonly type: 'run_answered'; readonly runId: number; readonly answer: PutRunResponse }
  | { readonly type: 'run_failed'; readonly runId: number; readonly fault: Fault }
  /** `hasMoved`: another node than the one that runs went to so far answered it. */
  | { readonly type: 'status'; readonly answer: TransferStatusResponse; readonly hasMoved?: boolean }
  | { readonly type: 'status_failed'; readonly fault: Fault }
  /** Heard over the socket: sooner than the run's own answer. */
  | { readonly type: 'committed'; readonly fileIndex: number; readonly ranges: readonly ChunkRange[] }
  | { readonly type: 'transfer_state'; readonly state: TransferState }
  /** A recipient of a direct send wants it. */
  | { readonly type: 'accepted' }
  /** Another node answered where the present one did not. */
  | { readonly type: 'moved' }
  | { readonly type: 'network_lost' }
  | { readonly type: 'network_back' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'cancel' };

export type UploadEffect =
  | { readonly type: 'send'; readonly runId: number; readonly run: PlannedRun }
  | { readonly type: 'abort'; readonly runId: number }
  | { readonly type: 'ask_status' }
  /** Nothing moved for PROBE_AFTER_MS: see whether another node answers. */
  | { readonly type: 'probe' };
