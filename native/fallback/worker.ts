import { extname, join } from 'node:path';
import { Worker } from 'node:worker_threads';
import type { JobAnswer, JobRequest } from './hash-thread.ts';
import type { Job, JobResult } from './jobs.ts';

interface Waiting {
  readonly resolve: (result: JobResult) => void;
  readonly reject: (error: Error) => void;
}

/**
 * Runs jobs on one worker thread, so that hashing in TypeScript (some 200 MiB/s) does not hold up the event loop.
 * The thread starts with the first job and does not keep the process alive while it has none. Should it die, the
 * jobs it had are rejected and the next one starts another.
 */
export class HashWorker {
  readonly #waiting = new Map<number, Waiting>();
  #worker: Worker | undefined;
  #nextId = 0;

  /** @param job its memory is moved to the thread: buffers must be copies that nobody else holds */
  run(job: Job): Promise<JobResult> {
    const worker = this.#worker ?? this.#start();
    const id = this.#nextId++;
    const promise = new Promise<JobResult>((resolve, reject) => this.#waiting.set(id, { resolve, reject }));
    worker.ref();
    worker.postMessage({ id, job } satisfies JobRequest, memoryOf(job));
    return promise;
  }

  #start(): Worker {
    const worker = startThread();
    worker.on('message', (answer: JobAnswer) => this.#settle(answer));
    worker.on('error', (error) => this.#lose(worker, error));
    worker.on('exit', () => this.#lose(worker, new Error('the hashing thread ended')));
    this.#worker = worker;
    return worker;
  }

  #settle(answer: JobAnswer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) this.#worker?.unref();
    if ('error' in answer) {
      waiting?.reject(Object.assign(new Error(answer.error.message), { code: answer.error.code }));
    } else {
      waiting?.resolve(answer.result);
    }
  }

  #lose(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    const lost = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const { reject } of lost) reject(error);
  }
}

function memoryOf(job: Job): ArrayBuffer[] {
  const arrays = 'buffers' in job ? job.buffers : 'values' in job ? [job.values] : [];
  return arrays.map((bytes) => bytes.buffer as ArrayBuffer);
}

/** As source (tsx, Jest) the thread needs tsx to read TypeScript; compiled, it is JavaScript like this file. */
function startThread(): Worker {
  const extension = extname(__filename);
  const path = join(__dirname, `hash-thread${extension}`);
  if (extension !== '.ts') return new Worker(path, { execArgv: [] });
  return new Worker(path, { execArgv: ['--require', require.resolve('tsx/cjs')] });
}
