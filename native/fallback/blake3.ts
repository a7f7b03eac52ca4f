/**
 * BLAKE3 as the paper describes it, one block after the other: the reference that the C++ kernels are tested
 * against, and what runs where there is no binary. Terms as in the paper, but its "chunk" is called a leaf here.
 */

export const BLOCK_BYTES = 64;
export const LEAF_BYTES = 1024;
export const VALUE_BYTES = 32;

// Domain flags, paper, table 3.
const LEAF_START = 1;
const LEAF_END = 2;
const PARENT = 4;
const ROOT = 8;
const KEYED_HASH = 16;
const DERIVE_KEY_CONTEXT = 32;
const DERIVE_KEY_MATERIAL = 64;

const IV = Uint32Array.of(
  0x6a09e667,
  0xbb67ae85,
  0x3c6ef372,
  0xa54ff53a,
  0x510e527f,
  0x9b05688c,
  0x1f83d9ab,
  0x5be0cd19,
);
/** How the message words are shuffled from one round to the next (paper, table 2). */
const PERMUTATION = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8] as const;
const ROUNDS = 7;

/** Key words and flags of one of the three modes. */
export interface Mode {
  readonly key: Uint32Array;
  readonly flags: number;
}

export const HASH_MODE: Mode = { key: IV, flags: 0 };

export function keyedMode(key: Uint8Array): Mode {
  return { key: wordsOf(key, 8), flags: KEYED_HASH };
}

export function deriveKeyMode(context: Uint8Array): Mode {
  const key = new Uint8Array(VALUE_BYTES);
  hashRoot({ key: IV, flags: DERIVE_KEY_CONTEXT }, context, key);
  return { key: wordsOf(key, 8), flags: DERIVE_KEY_MATERIAL };
}

function wordsOf(bytes: Uint8Array, count: number): Uint32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Uint32Array.from({ length: count }, (_, i) => view.getUint32(i * 4, true));
}

/** For each round, where its message words are: the permutation applied over and over, worked out once. */
const SCHEDULE: readonly Uint8Array[] = (() => {
  const rows = [Uint8Array.from({ length: 16 }, (_, i) => i)];
  while (rows.length < ROUNDS) {
    const last = rows[rows.length - 1] as Uint8Array;
    rows.push(Uint8Array.from(PERMUTATION, (from) => last[from] as number));
  }
  return rows;
})();

// The state of the compression function. One set for all calls: this code never runs twice at once in a thread.
const state = new Uint32Array(16);
const message = new Uint32Array(16);

function mix(a: number, b: number, c: number, d: number, x: number, y: number): void {
  const v = state as unknown as number[] & { [index: number]: number };
  v[a] = (v[a] as number) + (v[b] as number) + x;
  v[d] = rotateRight((v[d] as number) ^ (v[a] as number), 16);
  v[c] = (v[c] as number) + (v[d] as number);
  v[b] = rotateRight((v[b] as number) ^ (v[c] as number), 12);
  v[a] = (v[a] as number) + (v[b] as number) + y;
  v[d] = rotateRight((v[d] as number) ^ (v[a] as number), 8);
  v[c] = (v[c] as number) + (v[d] as number);
  v[b] = rotateRight((v[b] as number) ^ (v[c] as number), 7);
}

const rotateRight = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

/** Runs the rounds over `state`; the caller takes the feed-forward from it (paper, section 2.2). */
function compress(
  cv: Uint32Array,
  block: Uint8Array,
  blockOffset: number,
  blockBytes: number,
  counter: number,
  flags: number,
): void {
  message.fill(0);
  for (let i = 0; i < blockBytes; i++) {
    const word = i >> 2;
    message[word] = (message[word] as number) | ((block[blockOffset + i] as number) << (8 * (i & 3)));
  }
  state.set(cv.subarray(0, 8), 0);
  state.set(IV.subarray(0, 4), 8);
  state[12] = counter;
  state[13] = Math.floor(counter / 2 ** 32);
  state[14] = blockBytes;
  state[15] = flags;
  const m = message;
  for (const s of SCHEDULE) {
    mix(0, 4, 8, 12, m[s[0] as number] as number, m[s[1] as number] as number);
    mix(1, 5, 9, 13, m[s[2] as number] as number, m[s[3] as number] as number);
    mix(2, 6, 10, 14, m[s[4] as number] as number, m[s[5] as number] as number);
    mix(3, 7, 11, 15, m[s[6] as number] as number, m[s[7] as number] as number);
    mix(0, 5, 10, 15, m[s[8] as number] as number, m[s[9] as number] as number);
    mix(1, 6, 11, 12, m[s[10] as number] as number, m[s[11] as number] as number);
    mix(2, 7, 8, 13, m[s[12] as number] as number, m[s[13] as number] as number);
    mix(3, 4, 9, 14, m[s[14] as number] as number, m[s[15] as number] as number);
  }
}

/** The last compression before an output: it alone carries the root flag, and may be repeated for more output. */
interface LastNode {
  readonly cv: Uint32Array;
  readonly block: Uint8Array;
  readonly blockOffset: number;
  readonly blockBytes: number;
  readonly counter: number;
  readonly flags: number;
}

function compressToWords(node: LastNode, cv: Uint32Array): void {
  compress(node.cv, node.block, node.blockOffset, node.blockBytes, node.counter, node.flags);
  for (let i = 0; i < 8; i++) cv[i] = (state[i] as number) ^ (state[i + 8] as number);
}

function leafNode(mode: Mode, bytes: Uint8Array, start: number, end: number, counter: number): LastNode {
  const cv = Uint32Array.from(mode.key);
  let at = start;
  let flags = mode.flags | LEAF_START;
  for (; end - at > BLOCK_BYTES; at += BLOCK_BYTES) {
    compressToWords({ cv, block: bytes, blockOffset: at, blockBytes: BLOCK_BYTES, counter, flags }, cv);
    flags = mode.flags;
  }
  return { cv, block: bytes, blockOffset: at, blockBytes: end - at, counter, flags: flags | LEAF_END };
}

function parentNode(mode: Mode, left: Uint8Array, right: Uint8Array): LastNode {
  const block = new Uint8Array(BLOCK_BYTES);
  block.set(left, 0);
  block.set(right, VALUE_BYTES);
  return { cv: mode.key, block, blockOffset: 0, blockBytes: BLOCK_BYTES, counter: 0, flags: mode.flags | PARENT };
}

function nodeValue(node: LastNode): Uint8Array {
  const words = new Uint32Array(8);
  compressToWords(node, words);
  const value = new Uint8Array(VALUE_BYTES);
  writeWords(words, value);
  return value;
}

function writeWords(words: Uint32Array, out: Uint8Array): void {
  for (let i = 0; i < out.length; i++) out[i] = (words[i >> 2] as number) >>> (8 * (i & 3));
}

function writeRoot(node: LastNode, out: Uint8Array): void {
  for (let block = 0; block * BLOCK_BYTES < out.length; block++) {
    compress(node.cv, node.block, node.blockOffset, node.blockBytes, block, node.flags | ROOT);
    const words = new Uint32Array(16);
    for (let i = 0; i < 8; i++) {
      words[i] = (state[i] as number) ^ (state[i + 8] as number);
      words[i + 8] = (state[i + 8] as number) ^ (node.cv[i] as number);
    }
    writeWords(words, out.subarray(block * BLOCK_BYTES, (block + 1) * BLOCK_BYTES));
  }
}

/** Bytes of the left subtree: the largest power of two of leaves that leaves something for the right one. */
function leftBytes(bytes: number): number {
  let left = LEAF_BYTES;
  while (left * 2 < bytes) left *= 2;
  return left;
}

function treeNode(mode: Mode, bytes: Uint8Array, start: number, end: number, leafCounter: number): LastNode {
  if (end - start <= LEAF_BYTES) return leafNode(mode, bytes, start, end, leafCounter);
  const split = leftBytes(end - start);
  const left = nodeValue(treeNode(mode, bytes, start, start + split, leafCounter));
  const right = nodeValue(treeNode(mode, bytes, start + split, end, leafCounter + split / LEAF_BYTES));
  return parentNode(mode, left, right);
}

/** Fills `out` with the extended output of the root over `bytes`. */
export function hashRoot(mode: Mode, bytes: Uint8Array, out: Uint8Array): void {
  writeRoot(treeNode(mode, bytes, 0, bytes.length, 0), out);
}

/** Chaining value of a complete or last subtree whose first leaf has the index `leafCounter`. */
export function subtreeValue(mode: Mode, bytes: Uint8Array, leafCounter: number): Uint8Array {
  return nodeValue(treeNode(mode, bytes, 0, bytes.length, leafCounter));
}

function valuesNode(mode: Mode, values: Uint8Array, start: number, end: number): LastNode {
  let left = 1;
  while (left * 2 < end - start) left *= 2;
  return parentNode(mode, valuesValue(mode, values, start, start + left), valuesValue(mode, values, start + left, end));
}

function valuesValue(mode: Mode, values: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start === 1) return values.subarray(start * VALUE_BYTES, end * VALUE_BYTES);
  return nodeValue(valuesNode(mode, values, start, end));
}

/** Fills `out` with the root over at least two chaining values of equally large subtrees (the last may be smaller). */
export function rootOfValues(mode: Mode, values: Uint8Array, out: Uint8Array): void {
  writeRoot(valuesNode(mode, values, 0, values.length / VALUE_BYTES), out);
}

/** Incremental hashing: a stack of complete subtrees, at most one of each size, and the leaf that is growing. */
export class TreeHasher {
  readonly #mode: Mode;
  readonly #leaf = new Uint8Array(LEAF_BYTES);
  #leafBytes = 0;
  #leafCounter = 0;
  readonly #stack: Uint8Array[] = [];

  constructor(mode: Mode) {
    this.#mode = mode;
  }

  update(input: Uint8Array): void {
    for (let at = 0; at < input.length; ) {
      // A full leaf is closed only when more follows: until then it may be the root.
      if (this.#leafBytes === LEAF_BYTES) this.#closeLeaf();
      const taken = Math.min(LEAF_BYTES - this.#leafBytes, input.length - at);
      this.#leaf.set(input.subarray(at, at + taken), this.#leafBytes);
      this.#leafBytes += taken;
      at += taken;
    }
  }

  #closeLeaf(): void {
    let value = nodeValue(leafNode(this.#mode, this.#leaf, 0, LEAF_BYTES, this.#leafCounter));
    this.#leafCounter += 1;
    // As many subtrees are complete now as the leaf count has trailing zero bits.
    for (let count = this.#leafCounter; count % 2 === 0; count /= 2) {
      value = nodeValue(parentNode(this.#mode, this.#stack.pop() as Uint8Array, value));
    }
    this.#stack.push(value);
    this.#leafBytes = 0;
  }

  digest(out: Uint8Array): void {
    let node = leafNode(this.#mode, this.#leaf, 0, this.#leafBytes, this.#leafCounter);
    for (const left of this.#stack.toReversed()) node = parentNode(this.#mode, left, nodeValue(node));
    writeRoot(node, out);
  }
}
