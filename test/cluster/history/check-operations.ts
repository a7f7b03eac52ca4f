import type { ChunkRanges, Operation, PutOperation, StatusOperation } from './operations.ts';

/** What a client knows of one transfer: when it learnt that a chunk is committed. */
interface Known {
  readonly learntAtMs: Map<number, number>;
  generation: number | null;
}

/**
 * What the history shows to be wrong, one sentence each; nothing when it keeps the promises:
 * an acknowledged chunk is never lost (1), every success has its digest (2), no committed chunk is sent again or
 * changed (5). A client's knowledge counts from the end of the answer that told it.
 */
export function checkOperations(operations: readonly Operation[]): string[] {
  const faults: string[] = [];
  const known = learn(operations);
  for (const operation of operations) {
    if (operation.kind === 'sent' || operation.kind === 'received') {
      if (operation.digest !== operation.wanted) {
        faults.push(`${operation.client} ${operation.kind} ${operation.digest} instead of ${operation.wanted}`);
      }
    } else if (operation.outcome === 'chunk_conflict') {
      faults.push(`${operation.client}: a chunk it sends is said to have other bytes`);
    } else if (operation.kind === 'status') checkStatus(operation, known, faults);
    else if (operation.kind === 'put') checkPut(operation, known, faults);
  }
  return faults;
}

function keyOf(operation: { readonly client: string; readonly transferId: string }): string {
  return `${operation.client} ${operation.transferId}`;
}

function learn(operations: readonly Operation[]): Map<string, Known> {
  const known = new Map<string, Known>();
  for (const operation of operations) {
    if (operation.kind !== 'put' && operation.kind !== 'status') continue;
    const key = keyOf(operation);
    let of = known.get(key);
    if (of === undefined) {
      of = { learntAtMs: new Map(), generation: null };
      known.set(key, of);
    }
    for (const index of indexes(operation.committed)) {
      of.learntAtMs.set(index, Math.min(operation.endMs, of.learntAtMs.get(index) ?? Number.POSITIVE_INFINITY));
    }
    if (operation.kind === 'status' && operation.outcome === 'ok') of.generation ??= operation.generation;
  }
  return known;
}

function checkStatus(status: StatusOperation, known: ReadonlyMap<string, Known>, faults: string[]): void {
  const of = known.get(keyOf(status));
  if (status.outcome !== 'ok' || of === undefined) return;
  if (status.generation !== of.generation) {
    faults.push(`${status.client}: the generation rose from ${of.generation} to ${status.generation}`);
  }
  const there = new Set(indexes(status.committed));
  const lost = [...of.learntAtMs].filter(([index, atMs]) => atMs < status.beginMs && !there.has(index));
  if (lost.length > 0) {
    const list = lost.map(([index]) => index).join(', ');
    faults.push(`${status.client}: acknowledged chunks ${list} are not in the status of ${status.node}`);
  }
}

function checkPut(put: PutOperation, known: ReadonlyMap<string, Known>, faults: string[]): void {
  const learntAtMs = known.get(keyOf(put))?.learntAtMs;
  const again: number[] = [];
  for (let index = put.first; index < put.end; index += 1) {
    const atMs = learntAtMs?.get(index);
    if (atMs !== undefined && atMs < put.beginMs) again.push(index);
  }
  if (again.length > 0) faults.push(`${put.client}: committed chunks ${again.join(', ')} were sent again`);
}

function* indexes(ranges: ChunkRanges): Generator<number> {
  for (const [first, end] of ranges) for (let index = first; index < end; index += 1) yield index;
}

/** The longest time between two of `atMs` (ascending) that touches [fromMs, toMs]; the borders count as events. */
export function longestStallMs(atMs: readonly number[], fromMs: number, toMs: number): number {
  let before = fromMs;
  let longest = 0;
  for (const at of atMs) {
    if (at <= fromMs) continue;
    if (at >= toMs) break;
    longest = Math.max(longest, at - before);
    before = at;
  }
  return Math.max(longest, toMs - before);
}

/** The smallest value that `share` of the values do not exceed; 0 of none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0;
}
