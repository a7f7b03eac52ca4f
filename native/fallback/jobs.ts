/** What the fallback's worker thread can be asked for, and how it is done there. */
import { readSync, writeSync } from 'node:fs';
import { getSystemErrorMap } from 'node:util';
import { HASH_MODE, hashRoot, rootOfValues, subtreeValue, VALUE_BYTES } from './blake3.ts';
import { xorStream } from './xor.ts';

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
      /** Whether the answer brings the bytes along with their value. */
      readonly returnsBytes: boolean;
      /** How they are obfuscated once they were hashed. */
      readonly hide?: { readonly key: Uint8Array; readonly streamOffset: number };
    }
  | {
      readonly kind: 'write';
      readonly fd: number;
      readonly buffers: readonly Uint8Array[];
      readonly offset: number;
      readonly leafCounter: number;
      /** Where the value goes once the bytes are written, if it is the expected one. */
      readonly record?: { readonly fd: number; readonly offset: number; readonly expectedValue?: Uint8Array };
    };

export interface JobResult {
  readonly value: Uint8Array;
  /** The bytes a `read` job read, obfuscated where it was told to. */
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
      const value = subtreeValue(HASH_MODE, bytes, job.leafCounter);
      if (!job.returnsBytes) return { value };
      if (job.hide !== undefined) xorStream(bytes, bytes, job.hide.key, job.hide.streamOffset);
      return { value, bytes };
    }
    case 'write': {
      const bytes = joined(job.buffers);
      writeAt(job.fd, bytes, job.offset);
      const value = subtreeValue(HASH_MODE, bytes, job.leafCounter);
      const { record } = job;
      const isExpected = record?.expectedValue === undefined || Buffer.compare(record.expectedValue, value) === 0;
      if (record !== undefined && isExpected) writeAt(record.fd, value, record.offset);
      return { value };
    }
  }
}

function joined(buffers: readonly Uint8Array[]): Uint8Array {
  const only = buffers[0];
  return buffers.length === 1 && only !== undefined ? only : Buffer.concat(buffers);
}

function readAt(fd: number, offset: number, length: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length; ) {
    const at = offset + done;
    const count = inWords('read', at, () => readSync(fd, bytes, done, length - done, at));
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
    const at = offset + done;
    done += inWords('write', at, () => writeSync(fd, bytes, done, bytes.length - done, at));
  }
}

/**
 * Does a system call, again when a signal interrupted it; when it fails, the error says at which byte of the file, in the
 * words of src/shell/job.cc.
 */
function inWords(operation: string, at: number, call: () => number): number {
  for (;;) {
    try {
      return call();
    } catch (error) {
      const { code, errno } = error as NodeJS.ErrnoException;
      if (code === 'EINTR') continue;
      const [, reason] = getSystemErrorMap().get(errno ?? 0) ?? [];
      if (reason === undefined) throw error;
      throw Object.assign(new Error(`${code}: ${operation} at byte ${at}: ${reason}`), { code });
    }
  }
}
