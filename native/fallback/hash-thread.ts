/** Entry of the fallback's worker thread: one job in, one answer out, in order. */
import { parentPort } from 'node:worker_threads';
import { type Job, type JobResult, runJob } from './jobs.ts';

export interface JobRequest {
  readonly id: number;
  readonly job: Job;
}

export type JobAnswer =
  | { readonly id: number; readonly result: JobResult }
  | { readonly id: number; readonly error: { readonly message: string; readonly code: string | undefined } };

parentPort?.on('message', ({ id, job }: JobRequest) => {
  const done = answer(id, job);
  // What was read is moved to the asking thread, not copied once more.
  const bytes = 'result' in done ? done.result.bytes : undefined;
  parentPort?.postMessage(done, bytes === undefined ? [] : [bytes.buffer as ArrayBuffer]);
});

function answer(id: number, job: Job): JobAnswer {
  try {
    return { id, result: runJob(job) };
  } catch (error) {
    // Only text and code cross a thread reliably.
    const { message, code } = error as NodeJS.ErrnoException;
    return { id, error: { message, code } };
  }
}
