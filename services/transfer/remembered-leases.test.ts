import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import { LEASE_IDLE_MS, MAX_REMEMBERED_LEASES } from '../contracts/limits.ts';
import type { DownloadLease, LeaseRepository } from './ports.ts';
import { RememberedLeases } from './remembered-leases.ts';

const TOKEN = Buffer.alloc(32, 1);
const OTHER_TOKEN = Buffer.alloc(32, 2);
const FLIGHT = { streamId: 'stream', fileIndex: 0, leftBytes: 600, isZip: false };
const planOf = (plannedBytes = 600, fileIndex = 0) => [{ fileIndex, sizeBytes: 1000, plannedBytes }];
const ASKED = { transferId: 't', tokenHash: TOKEN, holder: 'here', nodeId: 'node', idleMs: LEASE_IDLE_MS };

/** A database that can be away, and a clock. */
function world(servedBytes: Record<number, number> = { 0: 500 }) {
  let nowMs = 0;
  let isAway = false;
  let isGone = false;
  let count = 0;
  const lease = (id = 'lease'): DownloadLease => ({
    id,
    transferId: 't',
    holder: 'here',
    state: 'active',
    servedBytes,
  });
  const answer = async <T>(value: T): Promise<T> => {
    if (isAway) throw new PeerLinkError('unavailable', 'The database does not answer.');
    return value;
  };
  const database: LeaseRepository = {
    acquire: () => {
      count += 1;
      return answer({ outcome: 'granted', leaseId: `lease-${count}` });
    },
    findByToken: (_id, hash) => answer(isGone || !TOKEN.equals(hash) ? null : lease()),
    takeUp: () => answer(lease()),
    begin: () => answer(isGone ? 'gone' : 'begun'),
    record: () => answer(true),
    consume: () => answer(true),
  };
  return {
    leases: new RememberedLeases(database, () => nowMs),
    pass: (ms: number) => {
      nowMs += ms;
    },
    away: (value: boolean) => {
      isAway = value;
    },
    gone: () => {
      isGone = true;
    },
  };
}
const UNAVAILABLE = { type: 'unavailable' };

describe('a lease while the database is away', () => {
  it('lets a stream begin when it was known, up to what the database would allow, and again after it is back', async () => {
    const { leases, away } = world();
    expect((await leases.findByToken('t', TOKEN))?.id).toBe('lease');
    away(true);
    expect((await leases.findByToken('t', TOKEN))?.id).toBe('lease');
    expect(await leases.begin('lease', FLIGHT, planOf())).toBe('begun');
    expect(await leases.begin('lease', FLIGHT, planOf())).toBe('begun');
    // 500 were served before, 1,200 lent since: the next 600 would be more than 2,000.
    expect(await leases.begin('lease', FLIGHT, planOf())).toBe('held');
    expect(await leases.begin('lease', FLIGHT, planOf(1501))).toBe('too_much');
    expect(await leases.begin('lease', FLIGHT, planOf(300))).toBe('begun');
    expect(await leases.begin('lease', FLIGHT, planOf(600, 1))).toBe('begun');
    expect(await leases.begin('lease', FLIGHT, [])).toBe('begun');
    away(false);
    expect(await leases.begin('lease', FLIGHT, planOf())).toBe('begun');
    away(true);
    expect(await leases.begin('lease', FLIGHT, planOf())).toBe('begun');
  });

  it('lets no zip begin of which one file would be too much, and counts all its files', async () => {
    const { leases, away } = world({ 1: 1200 });
    await leases.findByToken('t', TOKEN);
    away(true);
    const zip = { ...FLIGHT, isZip: true };
    expect(await leases.begin('lease', zip, [...planOf(1000), ...planOf(1000, 1)])).toBe('too_much');
    expect(await leases.begin('lease', zip, [...planOf(1000), ...planOf(1000, 2)])).toBe('begun');
    expect(await leases.begin('lease', FLIGHT, planOf(801, 1))).toBe('too_much');
    expect(await leases.begin('lease', FLIGHT, planOf(1001))).toBe('held');
    expect(await leases.begin('lease', FLIGHT, planOf(1001, 2))).toBe('held');
    expect(await leases.begin('lease', FLIGHT, planOf(1000, 2))).toBe('begun');
  });

  it('is nothing when it was not known here, was known too long ago, or had gone', async () => {
    const { leases, away, pass, gone } = world();
    away(true);
    await expect(leases.findByToken('t', TOKEN)).rejects.toMatchObject(UNAVAILABLE);
    await expect(leases.begin('lease', FLIGHT, planOf())).rejects.toMatchObject(UNAVAILABLE);
    away(false);
    await leases.findByToken('t', TOKEN);
    away(true);
    pass(LEASE_IDLE_MS);
    await expect(leases.findByToken('t', TOKEN)).rejects.toMatchObject(UNAVAILABLE);
    await expect(leases.begin('lease', FLIGHT, planOf())).rejects.toMatchObject(UNAVAILABLE);
    away(false);
    await leases.findByToken('t', TOKEN);
    gone();
    expect(await leases.findByToken('t', TOKEN)).toBeNull();
    away(true);
    await expect(leases.begin('lease', FLIGHT, planOf())).rejects.toMatchObject(UNAVAILABLE);
  });

  it('is neither given nor consumed, and goes by its newest token only', async () => {
    const { leases, away } = world();
    expect(await leases.acquire(ASKED)).toEqual({ outcome: 'granted', leaseId: 'lease-1' });
    await leases.takeUp({ ...ASKED, fileIndex: 0, fromByte: 500, backtrackBytes: 0 });
    await leases.takeUp({ ...ASKED, tokenHash: OTHER_TOKEN, fileIndex: 0, fromByte: 500, backtrackBytes: 0 });
    away(true);
    await expect(leases.findByToken('t', TOKEN)).rejects.toMatchObject(UNAVAILABLE);
    expect((await leases.findByToken('t', OTHER_TOKEN))?.id).toBe('lease');
    await expect(leases.acquire(ASKED)).rejects.toMatchObject(UNAVAILABLE);
    await expect(leases.takeUp({ ...ASKED, fileIndex: 0, fromByte: 5, backtrackBytes: 0 })).rejects.toMatchObject(
      UNAVAILABLE,
    );
    await expect(leases.consume('lease')).rejects.toMatchObject(UNAVAILABLE);
    await expect(leases.record('lease', { ...FLIGHT, number: 1, served: [], isLast: true })).rejects.toMatchObject(
      UNAVAILABLE,
    );
  });

  it(`is remembered for the ${MAX_REMEMBERED_LEASES} latest`, async () => {
    const { leases, away } = world();
    const hashOf = (index: number) => Buffer.from(String(index));
    for (let index = 0; index <= MAX_REMEMBERED_LEASES; index += 1)
      await leases.acquire({ ...ASKED, tokenHash: hashOf(index) });
    away(true);
    await expect(leases.findByToken('t', hashOf(0))).rejects.toMatchObject(UNAVAILABLE);
    expect(await leases.findByToken('t', hashOf(1))).not.toBeNull();
    expect(await leases.findByToken('t', hashOf(MAX_REMEMBERED_LEASES))).not.toBeNull();
  });
});
