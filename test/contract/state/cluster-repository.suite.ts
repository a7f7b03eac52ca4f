import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it, jest } from '@jest/globals';
import { leading, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

/** What every ClusterRepository does, whatever it stands on. */
export function describeClusterRepository(make: () => StateHarness): void {
  const shown = (id: string) => ({ id, peerUrl: `http://${id}:5000`, publicUrl: null, state: 'healthy' as const });
  const node = (id: string, secretMark = 'a') => ({ ...shown(id), secretMark });
  const find = async (id: string) => (await make().cluster.listNodes()).find((row) => row.id === id);

  describe('the cluster', () => {
    it('makes its identity once and keeps it', async () => {
      const answers = await Promise.all(Array.from({ length: 5 }, () => make().cluster.identity()));
      expect(answers[0]?.secret).toHaveLength(32);
      expect(answers[0]?.clusterId).toMatch(/^[0-9a-f-]{36}$/);
      for (const answer of answers) expect(answer).toEqual(answers[0]);
      expect(await make().cluster.identity()).toEqual(answers[0]);
    });

    it('knows the nodes that announced themselves as they last did', async () => {
      const id = unique('node');
      await make().cluster.announce(node(id));
      await make().age('nodes', id, 100);
      const old = await find(id);
      await make().cluster.announce({ ...node(id), publicUrl: 'https://a.example', state: 'draining' });
      const now = await find(id);
      expect(now).toEqual({
        ...shown(id),
        publicUrl: 'https://a.example',
        state: 'draining',
        unseenMs: expect.any(Number),
        isGivenUp: false,
      });
      const [oldMs, nowMs] = [Number(old?.unseenMs), Number(now?.unseenMs)];
      expect(oldMs).toBeGreaterThanOrEqual(100_000);
      expect(oldMs).toBeLessThan(160_000);
      expect(nowMs).toBeGreaterThanOrEqual(0);
      expect(nowMs).toBeLessThan(60_000);
    });

    it('says how long a node was not seen by its own clock, whatever that of the node that asks', async () => {
      const id = unique('node');
      const rightNow = Date.now();
      const clock = jest.spyOn(Date, 'now').mockImplementation(() => rightNow + 3_600_000);
      try {
        await make().cluster.announce(node(id));
        expect((await find(id))?.unseenMs).toBeLessThan(60_000);
      } finally {
        clock.mockRestore();
      }
    });

    it('forgets nodes long not seen, unless a transfer still names them', async () => {
      const [fresh, gone, home, replica] = ['fresh', 'gone', 'home', 'replica'].map(unique) as [
        string,
        string,
        string,
        string,
      ];
      for (const id of [fresh, gone, home, replica]) await make().cluster.announce(node(id));
      for (const id of [gone, home, replica]) await make().age('nodes', id, 301);
      const row = newTransfer({ homeNodeId: home });
      await make().transfers.insert(row, [newFile(0)], ROOMY);
      await make().transfers.cas(row.id, 1, { replicaNodeId: replica, replicaState: 'syncing' });
      const { cluster } = make();
      const past = await leading(make(), async (term) => term);
      expect(await cluster.forgetNodes(300, past)).toBe(0);
      expect(await cluster.markGone(300, past)).toBe(0);
      expect(await leading(make(), (term) => cluster.markGone(300, term))).toBe(3);
      expect(await leading(make(), (term) => cluster.markGone(300, term))).toBe(0);
      expect((await find(home))?.state).toBe('left');
      expect((await find(fresh))?.state).toBe('healthy');
      expect(await leading(make(), (term) => cluster.forgetNodes(300, term))).toBe(1);
      expect(await Promise.all([fresh, gone, home, replica].map(find))).toMatchObject(
        [{ id: fresh }, undefined, { id: home }, { id: replica }].map((found) => found ?? undefined),
      );
      await make().transfers.end(row.id, 'deleted');
      expect(await leading(make(), (term) => cluster.forgetNodes(300, term))).toBe(2);
    });

    it('gives up on a node that was not seen for long, or left, until it announces itself', async () => {
      const { cluster, age } = make();
      const [silent, left, living] = [unique('silent'), unique('left'), unique('living')];
      for (const id of [silent, living]) await cluster.announce(node(id));
      await cluster.announce({ ...node(left), state: 'left' });
      await age('nodes', silent, 31);
      await age('nodes', left, 1);
      expect(await cluster.giveUp(living, 30)).toBeNull();
      expect(await cluster.giveUp(unique('nobody'), 30)).toBeNull();
      const since = [];
      for (const id of [silent, silent, left]) since.push(await cluster.giveUp(id, 30));
      expect(since).toEqual(Array(3).fill(expect.any(Date)));
      // Since the first time, however often.
      expect(since[1]).toEqual(since[0]);
      expect(await Promise.all([silent, left, living].map(find))).toMatchObject([
        { isGivenUp: true },
        { isGivenUp: true },
        { isGivenUp: false },
      ]);
      await cluster.announce(node(silent));
      expect((await find(silent))?.isGivenUp).toBe(false);
      // It was back: another time.
      await cluster.announce({ ...node(silent), state: 'left' });
      expect((await cluster.giveUp(silent, 30))?.getTime()).toBeGreaterThan(since[0]?.getTime() ?? Infinity);
    });

    it('does not give up again on a node that came back, when the clock is set back behind that', async () => {
      const { cluster, age } = make();
      const id = unique('back');
      await cluster.announce({ ...node(id), state: 'left' });
      await age('nodes', id, 1);
      await cluster.giveUp(id, 30);
      await cluster.announce(node(id));
      // What it says from now on is dated before the word of the operator.
      await age('nodes', id, 3_600);
      expect((await find(id))?.isGivenUp).toBe(false);
    });

    it('says with which secret each node that is there has been there, and for how long without a break', async () => {
      const { cluster, age } = make();
      const [id, left] = [unique('secret'), unique('left')];
      const held = async (wanted = id) => (await cluster.listSecrets()).find(({ nodeId }) => nodeId === wanted);
      const again = (mark?: string) => cluster.announce(node(id, mark));
      const heldAfter = async (act: () => Promise<unknown>) => {
        await delay(50);
        const before = Number((await held())?.heldMs);
        await act();
        const now = await held();
        return { mark: now?.secretMark, isKept: Number(now?.heldMs) >= before };
      };
      await again();
      expect(await held()).toEqual({ nodeId: id, secretMark: 'a', heldMs: expect.any(Number) });
      expect(await heldAfter(() => again())).toEqual({ mark: 'a', isKept: true });
      expect(await heldAfter(() => again('b'))).toEqual({ mark: 'b', isKept: false });
      expect(await heldAfter(() => age('nodes', id, 29))).toEqual({ mark: 'b', isKept: true });
      expect(await heldAfter(() => again('b'))).toEqual({ mark: 'b', isKept: true });
      const silent = async () => {
        await age('nodes', id, 31);
        expect(await held()).toBeUndefined();
        await again('b');
      };
      expect(await heldAfter(silent)).toEqual({ mark: 'b', isKept: false });
      const stopped = () => cluster.announce({ ...node(id, 'b'), state: 'left' }).then(() => again('b'));
      expect(await heldAfter(stopped)).toEqual({ mark: 'b', isKept: false });
      await cluster.announce({ ...node(left), state: 'left' });
      expect(await held(left)).toBeUndefined();
    });

    it('counts from now how long a node is silent that spoke last before the clock was set back', async () => {
      const { cluster, age } = make();
      const id = unique('ahead');
      await cluster.announce(node(id));
      await age('nodes', id, -3_600);
      await leading(make(), (term) => cluster.markGone(30, term));
      expect((await find(id))?.state).toBe('healthy');
      await age('nodes', id, 31);
      await leading(make(), (term) => cluster.markGone(30, term));
      expect((await find(id))?.state).toBe('left');
    });

    it('knows which transfers lack a copy at a home that is there', async () => {
      const { cluster, transfers, age } = make();
      const [here, left] = [unique('here'), unique('left')];
      await cluster.announce(node(here));
      await cluster.announce({ ...node(left), state: 'left' });
      const put = async (homeNodeId: string) => {
        const row = newTransfer({ homeNodeId });
        await transfers.insert(row, [newFile(0)], ROOMY);
        return row.id;
      };
      const [alone, syncing, copied, ended, away] = [
        await put(here),
        await put(here),
        await put(here),
        await put(here),
        await put(left),
      ];
      await transfers.cas(syncing, 1, { replicaNodeId: 'r', replicaState: 'syncing' });
      await transfers.cas(copied, 1, { replicaNodeId: 'r', replicaState: 'in_sync' });
      await transfers.end(ended, 'deleted');
      const found = (await cluster.singleCopies('', 1_000)).filter(({ homeNodeId }) =>
        [here, left].includes(homeNodeId),
      );
      expect(found.map(({ id }) => id)).toEqual([alone, syncing].sort());
      await cluster.announce({ ...node(here), state: 'degraded' });
      await age('transfers', alone, 7_200);
      const now = (await cluster.singleCopies('', 1_000)).filter(({ homeNodeId }) => homeNodeId === here);
      // Nobody needs a copy of what has expired.
      expect(now.map(({ id }) => id)).toEqual([syncing]);
      expect(found).not.toContainEqual({ id: away, homeNodeId: left });
      const [first] = await cluster.singleCopies('', 1);
      expect(await cluster.singleCopies(first?.id ?? '', 1_000)).not.toContainEqual(first);
    });
  });

  describe('the lead', () => {
    it('is one node’s at a time, and its epoch rises with each change of holder', async () => {
      const [a, b] = [unique('a'), unique('b')];
      const { cluster } = make();
      const first = await cluster.tryLead(a, 60_000);
      expect(first.holderNodeId).toBe(a);
      expect(await cluster.tryLead(b, 60_000)).toEqual(first);
      expect(await cluster.leader()).toEqual(first);
      const renewed = await cluster.tryLead(a, 120_000);
      expect(renewed).toMatchObject({ holderNodeId: a, epoch: first.epoch });
      expect(Number(renewed.expiresAt)).toBeGreaterThan(Number(first.expiresAt));
      await cluster.resign(b);
      expect(await cluster.leader()).toEqual(renewed);
      await cluster.resign(a);
      expect(await cluster.leader()).toBeNull();
      expect(await cluster.tryLead(b, 60_000)).toMatchObject({ holderNodeId: b, epoch: first.epoch + 1 });
      await make().age('leader_lease', '1', 61);
      expect(await cluster.leader()).toBeNull();
      expect(await cluster.tryLead(a, 60_000)).toMatchObject({ holderNodeId: a, epoch: first.epoch + 2 });
      await cluster.resign(a);
    });

    it('is not kept for an hour by one that took it before the clock was set back by an hour, and is gone since', async () => {
      const [a, b] = [unique('a'), unique('b')];
      const { cluster } = make();
      const first = await cluster.tryLead(a, 60_000);
      // As long as it may be, it is left alone.
      await make().age('leader_lease', '1', -50);
      expect(await cluster.tryLead(b, 60_000)).toMatchObject({ holderNodeId: a });
      await make().age('leader_lease', '1', -3_550);
      expect(await cluster.tryLead(b, 60_000)).toMatchObject({ holderNodeId: b, epoch: first.epoch + 1 });
      await cluster.resign(b);
      expect(await cluster.leader()).toBeNull();
    });

    it('goes to one of many that try at once', async () => {
      const nodes = Array.from({ length: 20 }, () => unique('n'));
      const answers = await Promise.all(nodes.map((id) => make().cluster.tryLead(id, 60_000)));
      expect(new Set(answers.map((lease) => `${lease.holderNodeId} ${lease.epoch}`)).size).toBe(1);
      await make().cluster.resign(String(answers[0]?.holderNodeId));
    });
  });
}
