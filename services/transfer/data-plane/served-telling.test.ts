import { beforeEach, describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { LeaseRepository } from '../ports.ts';
import { ServedTelling } from './served-telling.ts';

const FLIGHT = { streamId: 's', fileIndex: 0, leftBytes: 0, isZip: false };

/** A lease's row, and a database that may do what it is told and not answer. */
class Row implements Pick<LeaseRepository, 'record'> {
  served: Record<number, number> = {};
  isOpen = true;
  outage: 'none' | 'before' | 'after' = 'none';
  isGone = false;
  #told = 0;

  async record(_leaseId: string, change: Parameters<LeaseRepository['record']>[1]): Promise<boolean> {
    const away = new PeerLinkError('unavailable', 'no answer');
    if (this.outage === 'before') throw away;
    if (change.number > this.#told) {
      for (const { fileIndex, servedBytes } of change.served)
        this.served[fileIndex] = (this.served[fileIndex] ?? 0) + servedBytes;
    }
    this.#told = change.number;
    this.isOpen = !change.isLast;
    if (this.outage === 'after') throw away;
    return !this.isGone;
  }
}

let row: Row;
let telling: ServedTelling;
beforeEach(() => {
  row = new Row();
  telling = new ServedTelling(row, 'lease', () => FLIGHT);
});

describe('what a stream served', () => {
  it('is counted as it goes on, and to the end', async () => {
    telling.count(0, 10);
    await telling.tell();
    telling.count(0, 5);
    telling.count(2, 7);
    await telling.tell();
    await telling.tell();
    expect(row.served).toEqual({ 0: 15, 2: 7 });
    telling.count(2, 1);
    await telling.end();
    expect([row.served, row.isOpen]).toEqual([{ 0: 15, 2: 8 }, false]);
  });

  it.each(['before', 'after'] as const)('is counted once when answers are lost %s it was counted', async (outage) => {
    telling.count(0, 10);
    row.outage = outage;
    await telling.tell();
    telling.count(0, 5);
    await telling.tell();
    await telling.tell();
    row.outage = 'none';
    telling.count(1, 3);
    await telling.tell();
    expect(row.served).toEqual({ 0: 15, 1: 3 });
    row.outage = outage;
    telling.count(0, 1);
    await telling.tell();
    row.outage = 'none';
    telling.count(0, 2);
    await telling.end();
    expect([row.served, row.isOpen]).toEqual([{ 0: 18, 1: 3 }, false]);
  });

  it('is told one after the other, however slow the database is', async () => {
    let answer: () => void = () => {};
    let askedCount = 0;
    const slow: Pick<LeaseRepository, 'record'> = {
      record: async (leaseId, change) => {
        askedCount += 1;
        await new Promise<void>((resolve) => (answer = resolve));
        return row.record(leaseId, change);
      },
    };
    telling = new ServedTelling(slow, 'lease', () => FLIGHT);
    telling.count(0, 4);
    const first = telling.tell();
    void telling.tell();
    telling.count(0, 2);
    const end = telling.end();
    expect(askedCount).toBe(1);
    answer();
    await first;
    while (askedCount < 2) await new Promise((resolve) => setImmediate(resolve));
    answer();
    await end;
    expect([row.served, row.isOpen]).toEqual([{ 0: 6 }, false]);
  });

  it('is nobody’s when the lease is gone', async () => {
    row.isGone = true;
    expect(telling.isLost).toBe(false);
    await telling.tell();
    expect(telling.isLost).toBe(true);
  });
});
