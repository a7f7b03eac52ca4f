import { setImmediate } from 'node:timers/promises';
import { createBLAKE3 } from 'hash-wasm';
import { patternBytes } from '../../support/files.ts';

const PIECE_BYTES = 1024 * 1024;
const digests = new Map<string, Promise<string>>();

/** A file that need not lie anywhere: bytes of a seed's pattern. */
export interface PatternFile {
  readonly seed: string;
  readonly sizeBytes: number;
}

/** Bytes [from, to) of the file, in pieces of at most 1 MiB. */
export function* piecesOf(file: PatternFile, from: number, to: number): Generator<Buffer> {
  for (let at = from; at < to; at += PIECE_BYTES) {
    yield patternBytes(file.seed, at, Math.min(PIECE_BYTES, to - at));
  }
}

/** Its BLAKE3 by a library that is not ours, reckoned once for each file. */
export function digestOf(file: PatternFile): Promise<string> {
  const key = `${file.seed} ${file.sizeBytes}`;
  let digest = digests.get(key);
  if (digest === undefined) {
    digest = reckon(file);
    digests.set(key, digest);
  }
  return digest;
}

async function reckon(file: PatternFile): Promise<string> {
  const hasher = await createBLAKE3();
  for (const piece of piecesOf(file, 0, file.sizeBytes)) {
    hasher.update(piece);
    // Seconds of work for a gigabyte: clients that it held up would look as if the cluster had stood still.
    await setImmediate();
  }
  return hasher.digest('hex');
}
