import { afterEach, describe, expect, it } from '@jest/globals';
import type { Service } from 'moleculer';
import pino from 'pino';
import { createRedisLeaderHints } from '../../../services/cluster/adapters/redis-leader-hints.ts';
import { type ClusterServiceDeps, clusterService } from '../../../services/cluster/cluster.service.ts';
import { createLeadership, LONE_LEASE } from '../../../services/cluster/leadership.ts';
import type { LeaderLease } from '../../../services/cluster/ports.ts';
import { systemClock } from '../../../services/kernel/clock.ts';
import { openRedis, type RedisLink } from '../../../services/redis/redis-link.ts';
import { startRedis } from '../../support/redis.ts';
import { redisSettings } from '../../support/redis-settings.ts';
import { waitFor } from '../../support/waiting.ts';

const DEADLINE_MS = 10_000;
/** Longer than any test: whoever looks sooner was told to. */
const NEVER_MS = 600_000;
const log = pino({ level: 'silent' });
const opened: RedisLink[] = [];
const services: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const stop of services.splice(0)) await stop();
  for (const link of opened.splice(0)) link.close();
});

async function linkTo(port: number): Promise<RedisLink> {
  const link = await openRedis(redisSettings({ port, retryDelayMs: 20 }), log);
  opened.push(link);
  return link;
}

/** The conditional row of the database. */
function leaseRow() {
  let lease: LeaderLease | null = null;
  return {
    tryLead: async (nodeId: string, ttlMs: number): Promise<LeaderLease> => {
      if (lease === null || lease.holderNodeId === nodeId || lease.expiresAt.getTime() <= Date.now()) {
        const epoch = (lease?.epoch ?? 0) + (lease?.holderNodeId === nodeId ? 0 : 1);
        lease = { holderNodeId: nodeId, epoch, expiresAt: new Date(Date.now() + ttlMs) };
      }
      return lease;
    },
    leader: async () => lease,
    resign: async (nodeId: string) => {
      if (lease?.holderNodeId === nodeId) lease = { ...lease, expiresAt: new Date() };
    },
  };
}

/** A node's cluster service, which looks at the lease by itself only as often as said. */
async function startNode(id: string, port: number, row: ReturnType<typeof leaseRow>, leaseEveryMs: number) {
  const leadership = createLeadership(id, row, systemClock, LONE_LEASE);
  const schema = clusterService({
    clusterId: 'c1',
    self: { id, peerUrl: `http://${id}:1`, publicUrl: null, secretMark: 'm' },
    repository: { announce: async () => {}, listNodes: async () => [] } as unknown as ClusterServiceDeps['repository'],
    leadership,
    hints: createRedisLeaderHints(await linkTo(port), 'c1'),
    pace: { announceEveryMs: NEVER_MS, rowsEveryMs: NEVER_MS, leaseEveryMs, dutiesEveryMs: NEVER_MS },
    duties: [],
    slots: { maxConcurrentUploads: 1, maxConcurrentDownloads: 1 },
    forgetAfterSeconds: 300,
    call: () => Promise.reject(new Error('nobody is asked')),
    broadcast: () => {},
    onFault: () => {},
    log,
  });
  const step = (name: 'started' | 'stopped') => (schema[name] as (this: Service) => Promise<void>).call({} as Service);
  const events = schema.events as Record<string, { handler: (ctx: unknown) => Promise<void> }>;
  await step('started');
  services.push(() => step('stopped'));
  return {
    leads: () => leadership.isLeader(),
    knows: () => leadership.current()?.holderNodeId ?? null,
    drain: async () =>
      events['node.state.changed']?.handler({ params: { nodeId: id, state: 'draining', reasons: [], at: '' } }),
  };
}

describe('hints of the leader over Redis', () => {
  it('are heard by every node of the cluster, and by no other', async () => {
    const { port } = await startRedis();
    const [a, b, stranger] = [await linkTo(port), await linkTo(port), await linkTo(port)];
    const heard: string[] = [];
    for (const [name, link, clusterId] of [
      ['a', a, 'c1'],
      ['b', b, 'c1'],
      ['stranger', stranger, 'c2'],
    ] as const)
      createRedisLeaderHints(link, clusterId).listen(() => void heard.push(name));
    const hints = createRedisLeaderHints(a, 'c1');
    await waitFor('both hear it', DEADLINE_MS, async () => {
      hints.tell();
      await new Promise((resolve) => setTimeout(resolve, 20));
      return heard.includes('a') && heard.includes('b');
    });
    expect(heard).not.toContain('stranger');
  }, 30_000);

  it('tell the others who leads, and that the lease is free, long before they would look', async () => {
    const { port } = await startRedis();
    const row = leaseRow();
    const a = await startNode('a', port, row, 50);
    await waitFor('a leads', DEADLINE_MS, async () => a.leads());
    const others = [await startNode('b', port, row, NEVER_MS), await startNode('c', port, row, NEVER_MS)];
    await waitFor('both have looked', DEADLINE_MS, async () => others.every((node) => node.knows() === 'a'));
    await a.drain();
    // One takes it because a gave it back, the other one looks because that one took it.
    await waitFor('one leads and both know', DEADLINE_MS, async () => {
      const [first, second] = others.map((node) => node.knows());
      return others.filter((node) => node.leads()).length === 1 && first !== 'a' && first === second;
    });
    expect(a.leads()).toBe(false);
  }, 30_000);
});
