/** Picking the files of an unfinished upload again, as far as it is the same for a share and for a direct send. */
import { useState } from 'react';
import type { PickedFile } from '../transfer-engine/match-files.ts';
import type { UploadView } from '../transfer-engine/upload-view.ts';
import { type ResumeOutcome, uploads } from '../transfer-engine/uploads.ts';
import { filesOf } from './kept-files.ts';
import { uploadPace } from './upload-pace.ts';

export interface PickingAgain {
  /** Reading what was picked: many files take a while. */
  readonly isComparing: boolean;
  /** What the last pick left open; null before the first. */
  readonly missing: Extract<ResumeOutcome, { readonly kind: 'missing' }> | null;
  /** Answers whether the upload goes on. */
  readonly pick: (picked: readonly PickedFile[]) => Promise<boolean>;
  /** Goes on with the handles of the earlier visit; null where they are not there or were refused. */
  readonly pickKept: (() => Promise<void>) | null;
}

export function usePickAgain({ transferId }: UploadView, onResumed?: () => void): PickingAgain {
  const [comparing, setComparing] = useState(0);
  const [missing, setMissing] = useState<PickingAgain['missing']>(null);
  const [isRefused, setIsRefused] = useState(false);
  const handles = uploads.handlesFor(transferId);

  const pick = async (picked: readonly PickedFile[]) => {
    if (picked.length === 0) return false;
    setComparing((count) => count + 1);
    setMissing(null);
    try {
      const [pace] = await Promise.all([uploadPace(), uploads.yieldToOthers()]);
      const outcome = await uploads.resumeWith(transferId, picked, pace);
      if (outcome.kind === 'resumed') onResumed?.();
      else setMissing(outcome);
      return outcome.kind === 'resumed';
    } finally {
      setComparing((count) => count - 1);
    }
  };
  const pickKept = async () => {
    const files = handles ? await filesOf(handles) : null;
    // What lies there may be another file now: the person may have a copy elsewhere.
    if (!files || !(await pick(files))) setIsRefused(true);
  };
  return { isComparing: comparing > 0, missing, pick, pickKept: handles && !isRefused ? pickKept : null };
}
