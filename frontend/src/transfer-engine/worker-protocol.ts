/** What the page and the worker say to each other. */

import type { UploadEvent } from './upload-machine.ts';
import type { SessionPlan, UploadSnapshot } from './upload-session.ts';

/** What a page may tell a running upload; the rest of the events come from the worker's own requests. */
export type PageEvent = Extract<
  UploadEvent,
  { type: 'committed' | 'transfer_state' | 'network_lost' | 'network_back' | 'pause' | 'resume' | 'cancel' }
>;

export type ToWorker =
  | {
      readonly type: 'begin';
      readonly transferId: string;
      readonly uploadToken: string;
      readonly plan: SessionPlan;
      /** Handles to the files, not their bytes; null where all of a file is stored. */
      readonly files: readonly (File | null)[];
      /** Files whose fingerprint is not known yet. */
      readonly unmarkedFiles: readonly number[];
    }
  | { readonly type: 'event'; readonly transferId: string; readonly event: PageEvent };

export type FromWorker =
  | { readonly type: 'snapshot'; readonly transferId: string; readonly snapshot: UploadSnapshot }
  | {
      readonly type: 'fingerprints';
      readonly transferId: string;
      readonly marks: readonly { readonly index: number; readonly fingerprint: string }[];
    };
