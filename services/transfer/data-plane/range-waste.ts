/** Half-open, of a file's bytes; to null: as far as it will go. */
export interface ByteRange {
  readonly from: number;
  readonly to: number | null;
}

/**
 * Bytes that a range has read and verified without being sent them: what it leaves of the chunks that it begins and ends
 * in. Those that are in memory cost nothing.
 */
export function wastedBytes(
  { from, to }: ByteRange,
  file: { readonly chunkSizeBytes: number; readonly sizeBytes: number | null },
  isInMemory: (index: number) => boolean,
): number {
  const { chunkSizeBytes, sizeBytes } = file;
  if (to !== null && to <= from) return 0;
  const first = Math.floor(from / chunkSizeBytes);
  const before = isInMemory(first) ? 0 : from - first * chunkSizeBytes;
  if (to === null || sizeBytes === null) return before;
  const last = Math.floor((to - 1) / chunkSizeBytes);
  const after = isInMemory(last) ? 0 : Math.min(sizeBytes, (last + 1) * chunkSizeBytes) - to;
  return before + after;
}
