/** What the page and the worker say to each other. */

import type { ClusterResponse } from '../../../services/contracts/http.ts';
import type { NodeSettings } from './node-book.ts';
import type { UploadEvent } from './upload-events.ts';
import type { SessionPlan, UploadSnapshot } from './upload-session.ts';

/** What a page may tell a running upload; the rest of the events come from the worker's own requests. */
export type PageEvent = Extract<
  UploadEvent,
  {
    type: 'committed' | 'transfer_state' | 'accepted' | 'network_lost' | 'network_back' | 'pause' | 'resume' | 'cancel';
  }
>;

/** What the page knows of the nodes when an upload begins. */
export interface NodePlan {
  readonly settings: NodeSettings;
  /** Null when nobody said. */
  readonly cluster: ClusterResponse | null;
}

export type ToWorker =
  | {
      readonly type: 'begin';
      readonly transferId: string;
      readonly uploadToken: string;
      readonly plan: SessionPlan;
      readonly nodes: NodePlan;
      /** Handles to the files, not their bytes; null where all of a file is stored. */
      readonly files: readonly (File | null)[];
      /** Files whose fingerprint is not known yet. */
      readonly unmarkedFiles: readonly number[];
    }
  /** The nodes as they are now. */
  | { readonly type: 'cluster'; readonly cluster: ClusterResponse }
  | { readonly type: 'event'; readonly transferId: string; readonly event: PageEvent };

export type FromWorker =
  | { readonly type: 'cluster'; readonly cluster: ClusterResponse }
  | { readonly type: 'snapshot'; readonly transferId: string; readonly snapshot: UploadSnapshot }
  | {
      readonly type: 'fingerprints';
      readonly transferId: string;
      readonly marks: readonly { readonly index: number; readonly fingerprint: string }[];
    };
