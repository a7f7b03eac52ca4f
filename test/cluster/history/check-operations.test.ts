import { describe, expect, it } from '@jest/globals';
import { checkOperations, longestStallMs, percentile } from './check-operations.ts';
import type { DoneOperation, PutOperation, StatusOperation } from './operations.ts';

const base = { client: 'ann', node: 'node-1', transferId: 't', outcome: 'ok' } as const;

const put = (beginMs: number, first: number, end: number, more: Partial<PutOperation> = {}): PutOperation => ({
  ...base,
  kind: 'put',
  beginMs,
  endMs: beginMs + 10,
  first,
  end,
  sentBytes: 1,
  committed: [[first, end]],
  ...more,
});

const status = (
  beginMs: number,
  committed: StatusOperation['committed'],
  more: Partial<StatusOperation> = {},
): StatusOperation => ({ ...base, kind: 'status', beginMs, endMs: beginMs + 10, generation: 1, committed, ...more });

const received = (digest: string): DoneOperation => ({
  client: 'ben',
  node: 'node-2',
  kind: 'received',
  beginMs: 0,
  endMs: 1,
  outcome: 'ok',
  digest,
  wanted: 'aa',
  bytes: 1,
});

describe('checkOperations', () => {
  it('finds nothing in a history that keeps the promises', () => {
    const broken = put(20, 2, 6, { outcome: 'broken', committed: [[2, 3]] });
    expect(checkOperations([put(0, 0, 2), broken, status(40, [[0, 4]]), put(60, 4, 6), received('aa')])).toEqual([]);
  });

  it('finds an acknowledged chunk that a later status does not name', () => {
    expect(checkOperations([put(0, 0, 3), status(40, [[0, 2]])])).toEqual([
      'ann: acknowledged chunks 2 are not in the status of node-1',
    ]);
  });

  it('does not count a status that was asked before the acknowledgement came', () => {
    expect(checkOperations([put(0, 0, 3), status(5, [])])).toEqual([]);
  });

  it('does not count a status that failed', () => {
    expect(checkOperations([put(0, 0, 3), status(40, [], { outcome: 'unavailable' })])).toEqual([]);
  });

  it('finds committed chunks that are sent again, whoever told of them', () => {
    expect(checkOperations([put(0, 0, 2), put(40, 1, 3)])).toEqual(['ann: committed chunks 1 were sent again']);
    expect(checkOperations([status(0, [[5, 6]]), put(40, 5, 6)])).toEqual(['ann: committed chunks 5 were sent again']);
  });

  it('lets chunks be sent twice whose commit the client could not know', () => {
    expect(checkOperations([put(0, 0, 4, { outcome: 'broken', committed: [] }), put(40, 0, 4)])).toEqual([]);
  });

  it('keeps the transfers and clients apart', () => {
    expect(checkOperations([put(0, 0, 2), put(40, 0, 2, { transferId: 'u' })])).toEqual([]);
    expect(checkOperations([put(0, 0, 2), put(40, 0, 2, { client: 'cem' })])).toEqual([]);
  });

  it('finds changed bytes, a wrong digest and a risen generation', () => {
    expect(checkOperations([put(0, 0, 2, { outcome: 'chunk_conflict', committed: [] })])).toHaveLength(1);
    expect(checkOperations([received('bb')])).toEqual(['ben received bb instead of aa']);
    expect(checkOperations([status(0, []), status(20, [], { generation: 2 })])).toEqual([
      'ann: the generation rose from 1 to 2',
    ]);
  });
});

describe('longestStallMs', () => {
  it('is the longest time without an event, the borders counted as events', () => {
    expect(longestStallMs([1, 5, 6, 20], 0, 22)).toBe(14);
    expect(longestStallMs([], 10, 25)).toBe(15);
    expect(longestStallMs([9, 11], 10, 40)).toBe(29);
    expect(longestStallMs([12, 50], 10, 20)).toBe(8);
  });
});

describe('percentile', () => {
  it('is a value of the list that the share does not exceed', () => {
    const values = Array.from({ length: 20 }, (_, index) => index + 1).reverse();
    expect([percentile(values, 0.5), percentile(values, 0.95), percentile(values, 1)]).toEqual([10, 19, 20]);
    expect(percentile([], 0.95)).toBe(0);
  });
});
