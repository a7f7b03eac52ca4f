import { jest } from '@jest/globals';
import fc from 'fast-check';

/** Cases that each parser and state machine is fed in every run of the suite. */
const FUZZ_CASES = 10_000;

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

const SURROGATES = { first: 0xd800, count: 0x800 };
const codePoint = fc
  .integer({ min: 0, max: 0x10ffff - SURROGATES.count })
  .map((number) => (number < SURROGATES.first ? number : number + SURROGATES.count));

/**
 * Text of any code points, and now and then what is known to break programs. As `fc.string({ unit: 'binary' })`, which
 * first makes a table of a million code points: a second of each test file.
 */
export function anyText(maxLength = 30): fc.Arbitrary<string> {
  const text = fc.array(codePoint, { maxLength }).map((points) => String.fromCodePoint(...points));
  return fc.oneof({ weight: 7, arbitrary: text }, { weight: 1, arbitrary: fc.string({ maxLength }) });
}

/** Pieces of a whole, cut at the given places (any numbers): every partition can come out, also empty pieces. */
export function cutAt(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const cuts = [0, ...places.map((place) => place % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index] ?? 0, end));
}
