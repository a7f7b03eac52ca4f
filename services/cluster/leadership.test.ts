import { describe, expect, it } from '@jest/globals';
import { ManualClock } from '../kernel/clock.ts';
import { CLUSTER_LEASE, createLeadership, type Leadership, LONE_LEASE } from './leadership.ts';
import type { LeaderLease } from './ports.ts';

const { ttlMs: LEASE_TTL_MS, renewMs: LEASE_RENEW_MS } = CLUSTER_LEASE;

/** The conditional row of the database, by the same clock. */
function leaseRow(clock: ManualClock) {
  let lease: LeaderLease | null = null;
  return {
    tryLead: async (nodeId: string, ttlMs: number): Promise<LeaderLease> => {
      const expiresAt = new Date(clock.now() + ttlMs);
      if (lease === null || lease.holderNodeId === nodeId || lease.expiresAt.getTime() <= clock.now()) {
        const epoch = (lease?.epoch ?? 0) + (lease?.holderNodeId === nodeId ? 0 : 1);
        lease = { holderNodeId: nodeId, epoch, expiresAt };
      }
      return lease;
    },
    leader: async () => (lease !== null && lease.expiresAt.getTime() > clock.now() ? lease : null),
    resign: async (nodeId: string) => {
      if (lease?.holderNodeId === nodeId) lease = { ...lease, expiresAt: new Date(clock.now()) };
    },
  };
}

describe('leadership', () => {
  it('is held by whoever took the lease, for as long as it is renewed', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const a = createLeadership('a', row, clock);
    const b = createLeadership('b', row, clock);
    expect(a.isLeader()).toBe(false);
    expect(await a.tick()).toEqual({ nodeId: 'a', epoch: 1 });
    expect(await b.tick()).toEqual({ nodeId: 'a', epoch: 1 });
    expect([a.isLeader(), b.isLeader()]).toEqual([true, false]);
    clock.advance(LEASE_RENEW_MS);
    expect(await a.tick()).toBeNull();
    expect([a.term(), b.term()]).toEqual([{ nodeId: 'a', epoch: 1 }, null]);
    clock.advance(LEASE_TTL_MS - 1_500);
    expect([a.isLeader(), b.isLeader()]).toEqual([true, false]);
  });

  it('ends before the lease does, so that no two nodes lead at once', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const a = createLeadership('a', row, clock);
    const b = createLeadership('b', row, clock);
    await a.tick();
    for (let elapsedMs = 0; elapsedMs <= LEASE_TTL_MS; elapsedMs += 100) {
      await b.tick();
      expect(a.isLeader() && b.isLeader()).toBe(false);
      clock.advance(100);
    }
    await b.tick();
    expect(b.current()).toMatchObject({ holderNodeId: 'b', epoch: 2 });
    expect([a.isLeader(), b.isLeader()]).toEqual([false, true]);
  });

  it('passes on at once when it is resigned, under a higher epoch', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const a = createLeadership('a', row, clock);
    const b = createLeadership('b', row, clock);
    await a.tick();
    await a.resign();
    expect(a.isLeader()).toBe(false);
    expect(await b.tick()).toEqual({ nodeId: 'b', epoch: 2 });
    // Who resigned is leaving: it sees who leads and takes the lead no more.
    expect(await a.tick()).toEqual({ nodeId: 'b', epoch: 2 });
    clock.advance(LEASE_TTL_MS);
    expect(await a.tick()).toBeNull();
    expect([a.isLeader(), a.current()?.epoch]).toEqual([false, 2]);
  });

  it('of somebody else is asked for when it may have run out, and at once when it was told to have changed', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    let askedCount = 0;
    const a = createLeadership('a', row, clock);
    const b = createLeadership(
      'b',
      {
        ...row,
        tryLead: (id, ttl) => {
          askedCount += 1;
          return row.tryLead(id, ttl);
        },
      },
      clock,
    );
    const seconds = async (count: number, isRenewed: boolean) => {
      for (let second = 0; second < count; second += 1) {
        clock.advance(LEASE_RENEW_MS);
        if (isRenewed) await a.tick();
        await b.tick();
      }
    };
    await a.tick();
    await b.tick();
    await seconds(60, true);
    expect(askedCount).toBeLessThanOrEqual(16);
    // Killed right after it renewed: the worst moment for the others.
    await seconds(LEASE_TTL_MS / LEASE_RENEW_MS, false);
    expect(b.term()).toEqual({ nodeId: 'b', epoch: 2 });
  });

  it('is heard of at once by a hint, also by one that comes while the row is being read', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const a = createLeadership('a', row, clock);
    const b = createLeadership('b', row, clock);
    await a.tick();
    await b.tick();
    const early = b.hear();
    await Promise.resolve();
    await Promise.resolve();
    await a.resign();
    await Promise.all([early, b.hear()]);
    expect([a.isLeader(), b.isLeader()]).toEqual([false, true]);
  });

  it('of a node alone is renewed three times a minute, and held all the while', async () => {
    const clock = new ManualClock();
    const alone = createLeadership('a', leaseRow(clock), clock, LONE_LEASE);
    for (let turn = 0; turn < 10; turn += 1) {
      await alone.tick();
      clock.advance(LONE_LEASE.renewMs);
      expect(alone.term()).toEqual({ nodeId: 'a', epoch: 1 });
    }
    expect(LONE_LEASE.renewMs).toBe(20_000);
  });

  it('asks one question at a time, and one more for all hints that come meanwhile', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    let asked = 0;
    let atOnce = 0;
    const slow = async (nodeId: string, ttlMs: number) => {
      asked += 1;
      atOnce += 1;
      expect(atOnce).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      atOnce -= 1;
      return row.tryLead(nodeId, ttlMs);
    };
    const a = createLeadership('a', { ...row, tryLead: slow }, clock);
    const first = a.tick();
    await Promise.resolve();
    await Promise.resolve();
    await Promise.all([first, a.tick(), a.tick(), a.tick()]);
    expect(asked).toBe(2);
  });

  it('is not claimed while the database does not answer', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    let isUp = true;
    const a = createLeadership(
      'a',
      { ...row, tryLead: async (id, ttl) => (isUp ? row.tryLead(id, ttl) : Promise.reject(new Error('down'))) },
      clock,
    );
    await a.tick();
    isUp = false;
    clock.advance(LEASE_TTL_MS);
    await expect(a.tick()).rejects.toThrow('down');
    expect(a.isLeader()).toBe(false);
  });

  it('is counted from before the question, and ends a second before the row says, however late the answer is', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const late = async (nodeId: string, ttlMs: number) => {
      const found = await row.tryLead(nodeId, ttlMs);
      clock.advance(LEASE_TTL_MS - 1_500);
      return found;
    };
    const a = createLeadership('a', { ...row, tryLead: late }, clock);
    await a.tick();
    expect(a.isLeader()).toBe(true);
    clock.advance(500);
    expect([a.isLeader(), a.term()]).toEqual([false, null]);
  });

  it('of somebody else is asked for again within its length, whatever this clock makes of its end', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const farAhead = { holderNodeId: 'a', epoch: 1, expiresAt: new Date(clock.now() + 3_600_000) };
    let asked = 0;
    const tryLead = async () => {
      asked += 1;
      return farAhead;
    };
    const b = createLeadership('b', { ...row, tryLead }, clock);
    await b.tick();
    clock.advance(LEASE_TTL_MS);
    await b.tick();
    expect(asked).toBe(2);
  });

  it('is asked for at the next turn when the question failed, also one that a hint had caused', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    let isAway = false;
    const tryLead = (nodeId: string, ttlMs: number) =>
      isAway ? Promise.reject(new Error('away')) : row.tryLead(nodeId, ttlMs);
    const a = createLeadership('a', row, clock);
    const b = createLeadership('b', { ...row, tryLead }, clock);
    await a.tick();
    await b.tick();
    await a.resign();
    isAway = true;
    await expect(b.hear()).rejects.toThrow('away');
    isAway = false;
    expect(await b.tick()).toEqual({ nodeId: 'b', epoch: 2 });
  });

  it('is given back also when it was being taken, after that', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    let letThrough: () => void = () => undefined;
    const slow = async (nodeId: string, ttlMs: number) => {
      await new Promise<void>((resolve) => {
        letThrough = resolve;
      });
      return row.tryLead(nodeId, ttlMs);
    };
    const a = createLeadership('a', { ...row, tryLead: slow }, clock);
    const b = createLeadership('b', row, clock);
    const taking = a.tick();
    await new Promise((resolve) => setImmediate(resolve));
    const leaving = a.resign();
    letThrough();
    await Promise.all([taking, leaving]);
    expect([a.isLeader(), await b.tick()]).toEqual([false, { nodeId: 'b', epoch: 2 }]);
  });

  it('is not held on by who resigned when the database did not hear of it', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const resign = () => Promise.reject(new Error('away'));
    const a = createLeadership('a', { ...row, resign }, clock);
    await a.tick();
    await expect(a.resign()).rejects.toThrow('away');
    await a.tick();
    expect([a.isLeader(), a.term()]).toEqual([false, null]);
  });

  it('that was lost and taken again by the same node is told as a change', async () => {
    const clock = new ManualClock();
    const row = leaseRow(clock);
    const [a, b, c] = ['a', 'b', 'c'].map((id) => createLeadership(id, row, clock)) as [
      Leadership,
      Leadership,
      Leadership,
    ];
    await a.tick();
    await c.tick();
    clock.advance(LEASE_TTL_MS);
    await b.tick();
    clock.advance(LEASE_TTL_MS);
    await a.tick();
    expect(await c.tick()).toEqual({ nodeId: 'a', epoch: 3 });
  });
});
