import { chunkCount } from './manifest.ts';

/** BLAKE3 of the empty input: the digest of every empty file. */
export const EMPTY_DIGEST: Uint8Array = Uint8Array.from(
  Buffer.from('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262', 'hex'),
);

/** How the root of a file comes about (BLAKE3 paper, section 2.1). */
export type RootRule = 'empty' | 'only_chunk' | 'merge';

export function rootRule(sizeBytes: number, chunkSizeBytes: number): RootRule {
  const count = chunkCount(sizeBytes, chunkSizeBytes);
  if (count === 0) return 'empty';
  // The root flag goes into the last compression, so the one chunk's chaining value does not tell the digest.
  return count === 1 ? 'only_chunk' : 'merge';
}
