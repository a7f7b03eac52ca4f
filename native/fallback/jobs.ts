/** What the fallback's worker thread can be asked for, and how it is done there. */
import { readSync, writeSync } from 'node:fs';
import { HASH_MODE, hashRoot, rootOfValues, subtreeValue, VALUE_BYTES } from './blake3.ts';

/** Buffers in it are moved to the thread with it: it has bytes of its own, whatever becomes of the caller's. */
export type Job =
  | { readonly kind: 'hash'; readonly buffers: readonly Uint8Array[] }
  | { readonly kind: 'chunk'; readonly buffers: readonly Uint8Array[]; readonly leafCounter: number }
  | { readonly kind: 'values'; readonly values: Uint8Array }
  | {
      readonly kind: 'read';
      readonly fd: number;
      readonly offset: number;
      readonly length: number;
      readonly leafCounter: number;
    }
  | {
      readonly kind: 'write';
      readonly fd: number;
      readonly buffers: readonly Uint8Array[];
      readonly offset: number;
      readonly leafCounter: number;
      /** Where the value goes once the bytes are written. */
      readonly record?: { readonly fd: number; readonly offset: number };
    };

export interface JobResult {
  readonly value: Uint8Array;
  /** The bytes a `read` job read. */
  readonly bytes?: Uint8Array;
}

export function runJob(job: Job): JobResult {
  switch (job.kind) {
    case 'hash': {
      const value = new Uint8Array(VALUE_BYTES);
      hashRoot(HASH_MODE, joined(job.buffers), value);
      return { value };
    }
    case 'chunk':
      return { value: subtreeValue(HASH_MODE, joined(job.buffers), job.leafCounter) };
    case 'values': {
      const value = new Uint8Array(VALUE_BYTES);
      rootOfValues(HASH_MODE, job.values, value);
      return { value };
    }
    case 'read': {
      const bytes = readAt(job.fd, job.offset, job.length);
      return { value: subtreeValue(HASH_MODE, bytes, job.leafCounter), bytes };
    }
    case 'write': {
      const bytes = joined(job.buffers);
      writeAt(job.fd, bytes, job.offset);
      const value = subtreeValue(HASH_MODE, bytes, job.leafCounter);
      if (job.record !== undefined) writeAt(job.record.fd, value, job.record.offset);
      return { value };
    }
  }
}

function joined(buffers: readonly Uint8Array[]): Uint8Array {
  const only = buffers[0];
  return buffers.length === 1 && only !== undefined ? only : Buffer.concat(buffers);
}

function readAt(fd: number, offset: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const count = readSync(fd, bytes, done, length - done, offset + done);
    if (count === 0) {
      const message = `read at byte ${offset}: the file ends after ${done} of ${length} bytes`;
      throw Object.assign(new Error(message), { code: 'SHORT_READ' });
    }
    done += count;
  }
  return bytes;
}

function writeAt(fd: number, bytes: Uint8Array, offset: number): void {
  for (let done = 0; done < bytes.length; ) {
    done += writeSync(fd, bytes, done, bytes.length - done, offset + done);
  }
}
