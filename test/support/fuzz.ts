import { jest } from '@jest/globals';
import fc from 'fast-check';

/** Cases that each parser and state machine is fed in every run of the suite. */
export const FUZZ_CASES = 10_000;

/** Seconds are enough; on a machine that does much else it may be more. Shrinking a failure counts too. */
const TIME_LIMIT_MS = 100_000;
jest.setTimeout(TIME_LIMIT_MS + 20_000);

/**
 * Checks a property on many generated cases and says how many and from which seed, so that a failure can be run again:
 * `PEERLINK_FUZZ_SEED=<seed>` gives the same cases.
 */
export async function fuzz<T>(
  name: string,
  property: fc.IRawProperty<T>,
  options: { readonly cases?: number } = {},
): Promise<void> {
  const given = process.env.PEERLINK_FUZZ_SEED;
  const seed = given === undefined ? Math.floor(Math.random() * 0x7fff_ffff) : Number(given);
  const numRuns = options.cases ?? FUZZ_CASES;
  process.stdout.write(`fuzz: ${name}: ${numRuns} cases, seed ${seed}\n`);
  await fc.assert(property, { seed, numRuns, interruptAfterTimeLimit: TIME_LIMIT_MS, markInterruptAsFailure: true });
}

/** Pieces of a whole, cut at the given places (any numbers): every partition can come out, also empty pieces. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index] ?? 0, end));
}
