import {
  DEFAULT_CHUNK_BYTES,
  LEAF_BYTES,
  MAX_CHUNK_BYTES,
  MAX_CHUNKS_PER_FILE,
  MIN_CHUNK_BYTES,
  UNKNOWN_LENGTH_CHUNK_BYTES,
} from '../contracts/limits.ts';

/**
 * A file's chunk size: the client's wish rounded down to a power of two, else 1 MiB, but never so small that the
 * file has more than 65,536 chunks. Sizes are bytes; null is an unknown length.
 */
export function chooseChunkSize(
  sizeBytes: number | null,
  wishBytes: number | undefined,
  smallestWishBytes: number,
): number {
  if (sizeBytes === null) return UNKNOWN_LENGTH_CHUNK_BYTES;
  const wish = wishBytes ?? DEFAULT_CHUNK_BYTES;
  const bounded = Math.min(Math.max(wish, smallestWishBytes, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  let chunkSizeBytes = 2 ** Math.floor(Math.log2(bounded));
  while (chunkSizeBytes < MAX_CHUNK_BYTES && sizeBytes / chunkSizeBytes > MAX_CHUNKS_PER_FILE) chunkSizeBytes *= 2;
  return chunkSizeBytes;
}

/** 0 for an empty file. */
export function chunkCount(sizeBytes: number, chunkSizeBytes: number): number {
  return Math.ceil(sizeBytes / chunkSizeBytes);
}

/** Length of chunk `index`: the chunk size, or what is left for the last one. */
export function chunkLength(index: number, sizeBytes: number | null, chunkSizeBytes: number): number {
  if (sizeBytes === null) return chunkSizeBytes;
  return Math.min(chunkSizeBytes, sizeBytes - index * chunkSizeBytes);
}

/** Leaves before chunk `index`: where its own leaf counter starts (BLAKE3 paper, section 2.4). */
export function leafCounter(index: number, chunkSizeBytes: number): number {
  return index * (chunkSizeBytes / LEAF_BYTES);
}

/** Bytes of the chunks in these half-open ranges. */
export function bytesOfRanges(
  ranges: readonly (readonly [number, number])[],
  sizeBytes: number | null,
  chunkSizeBytes: number,
): number {
  let bytes = 0;
  for (const [start, end] of ranges) {
    const to = end * chunkSizeBytes;
    bytes += (sizeBytes === null ? to : Math.min(to, sizeBytes)) - start * chunkSizeBytes;
  }
  return bytes;
}

/**
 * Which chunks a body covers: a body starts on a chunk boundary and holds whole chunks, except at the end of the
 * file. `lengthBytes` null = not said (chunked transfer coding).
 */
export type RunPlan =
  | { readonly isValid: true; readonly firstChunk: number }
  | { readonly isValid: false; readonly fault: 'bad_offset' | 'bad_run' | 'too_large'; readonly message: string };

export function planRun(
  file: { sizeBytes: number | null; chunkSizeBytes: number },
  offset: number,
  lengthBytes: number | null,
): RunPlan {
  const { sizeBytes, chunkSizeBytes } = file;
  const refuse = (fault: 'bad_offset' | 'bad_run' | 'too_large', message: string): RunPlan => ({
    isValid: false,
    fault,
    message,
  });
  if (!Number.isSafeInteger(offset) || offset < 0)
    return refuse('bad_offset', 'The offset must be a whole number of bytes, 0 or more.');
  if (offset % chunkSizeBytes !== 0) {
    return refuse(
      'bad_offset',
      `Offset ${offset} is not on a chunk boundary; chunks here are ${chunkSizeBytes} bytes.`,
    );
  }
  if (sizeBytes === null) {
    return offset === 0
      ? { isValid: true, firstChunk: 0 }
      : refuse('bad_offset', `Offset ${offset} sent, but a file of unknown length is one body from 0.`);
  }
  // An empty file is complete as it is; who sends its nothing all the same is not wrong.
  if (sizeBytes === 0 && offset === 0 && lengthBytes === 0) return { isValid: true, firstChunk: 0 };
  if (offset >= sizeBytes)
    return refuse('bad_offset', `Offset ${offset} is not inside the file of ${sizeBytes} bytes.`);
  if (lengthBytes === null) return { isValid: true, firstChunk: offset / chunkSizeBytes };
  if (!Number.isSafeInteger(lengthBytes) || lengthBytes <= 0) return refuse('bad_run', 'The body is empty.');
  const end = offset + lengthBytes;
  if (end > sizeBytes) return refuse('bad_run', `The body would end at ${end}, the file has ${sizeBytes} bytes.`);
  if (end !== sizeBytes && lengthBytes % chunkSizeBytes !== 0) {
    return refuse('bad_run', `A body of ${lengthBytes} bytes is no run of whole chunks of ${chunkSizeBytes} bytes.`);
  }
  return { isValid: true, firstChunk: offset / chunkSizeBytes };
}
