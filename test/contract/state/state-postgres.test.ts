import { beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../../services/database/database.ts';
import { openDatabase } from '../../../services/database/open-database.ts';
import { atEnd } from '../../support/cleanup.ts';
import { startPostgres } from '../../support/postgres.ts';
import { waitFor } from '../../support/waiting.ts';
import { describeClusterRepository } from './cluster-repository.suite.ts';
import { describeDirectRepository } from './direct-repository.suite.ts';
import { describeDueWork } from './due-work.suite.ts';
import { describeLeaseRepository } from './lease-repository.suite.ts';
import { describeLostTransfers } from './lost-transfers.suite.ts';
import { describeOperatorRows } from './operator-rows.suite.ts';
import { describeSampleRepository } from './sample-repository.suite.ts';
import { describeSessionRepository } from './session-repository.suite.ts';
import { bytes, harnessOn, leading, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';
import { describeTransferRepository } from './transfer-repository.suite.ts';

const log = { info: () => undefined, warn: () => undefined };
/** Several nodes: each has its own pool of connections to one database. */
const databases: Database[] = [];
const nodes: StateHarness[] = [];
const nodeAt = (index: number): StateHarness => nodes[index % nodes.length] as StateHarness;

beforeAll(async () => {
  const server = await startPostgres();
  const url = await server.createDatabase();
  // At once: they migrate the same empty database.
  databases.push(
    ...(await Promise.all(Array.from({ length: 3 }, () => openDatabase({ url, directory: '/nowhere', log })))),
  );
  for (const database of databases) {
    atEnd(() => database.close());
    nodes.push(harnessOn(database));
  }
}, 400_000);

describe('the state on PostgreSQL', () => {
  describeDueWork(() => nodeAt(0));
  describeTransferRepository(() => nodeAt(0));
  describeLeaseRepository(() => nodeAt(0));
  describeDirectRepository(() => nodeAt(0));
  describeSessionRepository(() => nodeAt(0));
  describeClusterRepository(() => nodeAt(0));
  describeLostTransfers(() => nodeAt(0));
  describeSampleRepository(() => nodeAt(0));
  describeOperatorRows(() => nodeAt(0));

  it('says that it is up', async () => {
    expect(await Promise.all(databases.map((database) => database.isUp()))).toEqual([true, true, true]);
    expect(databases.map((database) => database.kind)).toEqual(['postgresql', 'postgresql', 'postgresql']);
  });
});

describe('many connections at once', () => {
  const atOnce = <T>(count: number, work: (node: StateHarness, index: number) => Promise<T>) =>
    Promise.all(Array.from({ length: count }, (_, index) => work(nodeAt(index), index)));
  const counted = (outcomes: readonly { outcome: string }[]) => {
    const counts: Record<string, number> = {};
    for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
    return counts;
  };
  const share = async (maxDownloads: number | null, files = [newFile(0)]) => {
    const row = newTransfer({ maxDownloads });
    await nodeAt(0).transfers.insert(row, files, ROOMY);
    return row.id;
  };
  const acquire = (node: StateHarness, transferId: string, token: number) =>
    node.leases.acquire({ transferId, tokenHash: bytes(32, token), holder: 'h', nodeId: 'n', idleMs: 600_000 });

  it('give one lease of a limit of one to one of fifty, twenty times', async () => {
    for (let round = 0; round < 20; round += 1) {
      const id = await share(1);
      const outcomes = await atOnce(50, (node, index) => acquire(node, id, index));
      expect(counted(outcomes)).toEqual({ granted: 1, slots_held: 49 });
    }
  }, 60_000);

  it('say at once that all slots are held or used up, however long the row of the share is locked', async () => {
    const [held, usedUp] = [await share(1), await share(1)];
    const granted = await Promise.all([held, usedUp].map((id) => acquire(nodeAt(0), id, 1)));
    const leaseIds = granted.map((answer) => (answer.outcome === 'granted' ? answer.leaseId : answer.outcome));
    await nodeAt(0).leases.consume(leaseIds[1] as string);
    const database = databases[1] as Database;
    const rows = Prisma.sql`SELECT id FROM transfers WHERE id IN (${held}, ${usedUp}) FOR UPDATE`;
    let isLocked = true;
    const locking = database.transaction([rows, Prisma.sql`SELECT pg_sleep(1.2)::text`]).finally(() => {
      isLocked = false;
    });
    await waitFor('the rows are locked', 1_000, async () => {
      return (await (databases[2] as Database).query(Prisma.sql`${rows} SKIP LOCKED`)).length === 0;
    });
    const outcomes = await Promise.all([held, usedUp].map((id) => acquire(nodeAt(0), id, 2)));
    expect([...outcomes.map(({ outcome }) => outcome), isLocked]).toEqual(['slots_held', 'used_up', true]);
    await locking;
    // Whose token it is has it already, and whoever comes when it lies idle gets its slot.
    expect(await acquire(nodeAt(0), held, 1)).toEqual({ outcome: 'granted', leaseId: leaseIds[0] });
    await nodeAt(0).age('leases', leaseIds[0] as string, 700);
    expect((await acquire(nodeAt(0), held, 2)).outcome).toBe('granted');
  });

  it('never let more through than the limit while leases come, go idle and are consumed', async () => {
    const id = await share(7);
    let consumed = 0;
    for (let round = 0; round < 6; round += 1) {
      const outcomes = await atOnce(30, async (node, index) => {
        const answer = await acquire(node, id, round * 30 + index);
        if (answer.outcome !== 'granted') return false;
        // Half of them fall idle; their slots come free in the next round.
        if (index % 2 === 0) await node.age('leases', answer.leaseId, 700);
        else return node.leases.consume(answer.leaseId);
        return false;
      });
      consumed += outcomes.filter(Boolean).length;
    }
    expect(consumed).toBeLessThanOrEqual(7);
    expect((await nodeAt(0).transfers.findById(id))?.transfer.downloadCount).toBe(consumed);
  }, 60_000);

  it('let one of two take up a lease', async () => {
    const id = await share(1);
    const lease = await acquire(nodeAt(0), id, 1);
    if (lease.outcome !== 'granted') throw new Error(lease.outcome);
    await nodeAt(0).leases.record(lease.leaseId, {
      streamId: 's',
      fileIndex: 0,
      leftBytes: 0,
      isZip: false,
      number: 1,
      served: [{ fileIndex: 0, servedBytes: 100 }],
      isLast: true,
    });
    await nodeAt(0).age('leases', lease.leaseId, 2);
    const takers = await atOnce(10, (node, index) =>
      node.leases.takeUp({
        transferId: id,
        holder: 'h',
        fileIndex: 0,
        fromByte: 100,
        backtrackBytes: 0,
        tokenHash: bytes(32, 100 + index),
      }),
    );
    expect(takers.filter((one) => one !== null)).toHaveLength(1);
  });

  it('let one compare-and-swap of an epoch through', async () => {
    const id = await share(null);
    for (let epoch = 1; epoch <= 20; epoch += 1) {
      const rows = await atOnce(10, (node, index) => node.transfers.cas(id, epoch, { homeNodeId: `home-${index}` }));
      expect(rows.filter((row) => row !== null)).toHaveLength(1);
    }
    expect((await nodeAt(0).transfers.findById(id))?.transfer.epoch).toBe(21);
  });

  it('insert one transfer for one Idempotency-Key', async () => {
    const owner = { sessionId: unique('s'), idempotencyKey: unique('key') };
    const outcomes = await atOnce(30, (node) => node.transfers.insert(newTransfer(owner), [newFile(0)], ROOMY));
    expect(counted(outcomes)).toEqual({ inserted: 1, exists: 29 });
    const ids = outcomes.map((one) => (one.outcome === 'too_many' ? '' : one.row.transfer.id));
    expect(new Set(ids).size).toBe(1);
  });

  it('hold the limit of open transfers exactly', async () => {
    const sessionId = unique('s');
    const outcomes = await atOnce(40, (node) =>
      node.transfers.insert(newTransfer({ sessionId }), [newFile(0)], { ...ROOMY, maxOpen: 5 }),
    );
    expect(counted(outcomes)).toEqual({ inserted: 5, too_many: 35 });
  });

  it('seal a transfer exactly once however its files race', async () => {
    const id = await share(
      null,
      Array.from({ length: 40 }, (_, index) => newFile(index)),
    );
    // Each file twice: a seal may be repeated by whoever lost the answer.
    const outcomes = await atOnce(80, (node, index) =>
      node.transfers.sealFile({
        transferId: id,
        fileIndex: index % 40,
        knownEpoch: 1,
        homeNodeId: 'home-1',
        digest: bytes(32, index % 40),
        sizeBytes: 1_000,
      }),
    );
    expect(counted(outcomes)).toEqual({ sealed: 80 });
    expect((await nodeAt(0).transfers.findById(id))?.transfer).toMatchObject({ state: 'sealed', epoch: 2 });
  });

  it('end a transfer once, and a race of end and seal leaves it ended', async () => {
    const ids = await Promise.all(Array.from({ length: 10 }, () => share(null)));
    for (const id of ids) {
      const [seal, ...ends] = await Promise.all([
        nodeAt(0).transfers.sealFile({
          transferId: id,
          fileIndex: 0,
          knownEpoch: 1,
          homeNodeId: 'home-1',
          digest: bytes(32, 1),
          sizeBytes: 1_000,
        }),
        ...[1, 2, 3].map((index) => nodeAt(index).transfers.end(id, 'deleted')),
      ]);
      expect(['sealed', 'refused']).toContain(seal?.outcome);
      expect(ends.filter(Boolean)).toHaveLength(1);
      expect((await nodeAt(0).transfers.findById(id))?.transfer.state).toBe('ended');
    }
  });

  it('raise the leader’s epoch once a change of holder, and never let two lead one epoch', async () => {
    const holders = new Map<number, Set<string>>();
    let last = 0;
    for (let round = 0; round < 20; round += 1) {
      const answers = await atOnce(9, (node, index) => node.cluster.tryLead(`leader-${index}`, 60_000));
      for (const lease of answers) {
        expect(lease.epoch).toBeGreaterThanOrEqual(last);
        holders.set(lease.epoch, (holders.get(lease.epoch) ?? new Set()).add(lease.holderNodeId));
      }
      last = Math.max(...answers.map((lease) => lease.epoch));
      await nodeAt(0).age('leader_lease', '1', 61);
    }
    for (const names of holders.values()) expect(names.size).toBe(1);
  });

  it('end a share that is used up or raise its limit, whichever is first, and never both', async () => {
    for (let round = 0; round < 8; round += 1) {
      const id = await share(1);
      const { transfers, leases, age } = nodeAt(0);
      const digest = bytes(32, 1);
      const file = { transferId: id, fileIndex: 0, sizeBytes: 1_000, digest };
      await transfers.sealFile({ ...file, knownEpoch: 1, homeNodeId: 'home-1' });
      const lease = await acquire(nodeAt(0), id, 1);
      if (lease.outcome !== 'granted') throw new Error(lease.outcome);
      await leases.consume(lease.leaseId);
      await age('leases', lease.leaseId, 600);
      const [ended, raised] = await leading(nodeAt(1), (term) =>
        Promise.all([
          nodeAt(1).transfers.endExpired({ uploadTtlSeconds: null, leaseIdleSeconds: 600, limit: 1_000, term }),
          nodeAt(2).transfers.change(id, { maxDownloads: 2 }),
        ]),
      );
      expect([ended.includes(id), raised === null]).toEqual(raised === null ? [true, true] : [false, false]);
      expect((await acquire(nodeAt(0), id, 2)).outcome).toBe(raised === null ? 'ended' : 'granted');
    }
  });

  it('delete and end rows beside each other without waiting', async () => {
    const ids = await Promise.all(Array.from({ length: 30 }, () => share(null)));
    for (const id of ids) await nodeAt(0).age('transfers', id, 3_601);
    const ended = await leading(nodeAt(0), async (term) =>
      (
        await atOnce(6, (node) =>
          node.transfers.endExpired({ uploadTtlSeconds: 9_999, leaseIdleSeconds: null, limit: 10, term }),
        )
      ).flat(),
    );
    expect(ended.length).toBeGreaterThan(0);
    expect(new Set(ended).size).toBe(ended.length);
  });
});
