import { afterEach, describe, expect, it } from '@jest/globals';
import { calmModel, inSync, inSyncModel, outcomeOf, promoted, write } from './directed.ts';
import type { ModelProcess } from './model-node.ts';
import { chunkOf, chunkValueOf } from './model-store.ts';
import type { Model } from './schedule.ts';

/** The table of cases of docs/PROTOCOL.md, "Ownership", row by row. The invariants are looked at after each event. */

let model: Model;
const row = () => model.rows.row('t0');

function processOf(id: string): ModelProcess {
  const { process } = model.node(id);
  if (process === null) throw new Error(`${id} does not run`);
  return process;
}
const engineOf = (id: string) => processOf(id).engine;

async function homeIsB(): Promise<void> {
  await model.until('B is home', () => row().homeNodeId === 'B');
  // It hears of it, too.
  await model.run(50);
}

afterEach(() => {
  model.invariants.checkNothingLost();
  for (const node of model.nodes) node.kill();
});

describe('the home is killed', () => {
  it('and its replica in sync takes over at once; uncommitted chunks are sent again', async () => {
    model = await inSyncModel(3);
    expect(await write(model, 0, 1)).toBe('committed');
    const cutOff = model.write('t0', 0, 1, 2);
    cutOff.catch(() => {});
    await model.run(1);
    model.node('A').kill();
    expect(await promoted(model, 'B', 'C')).toBeLessThan(1_000);
    expect(await write(model, 0, 1)).toBe('same');
    expect(['committed', 'same']).toContain(await write(model, 1, 2));
  });

  it('and while its replica is being filled the transfer waits for it: nobody takes over half a copy', async () => {
    model = calmModel(3);
    model.scheduler.hold(/^cas in_sync/);
    expect(await write(model, 0, 1)).toBe('committed');
    await model.until('all but in sync', () => model.scheduler.heldLabels.length === 1);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'syncing' });
    model.node('A').kill();
    expect(model.scheduler.drop(/^cas in_sync/)).toBe(1);
    model.scheduler.release(/^cas in_sync/);
    for (let second = 0; second < 10; second += 1) {
      model.askToPromote('t0', 'C');
      await model.run(1_000);
    }
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'syncing' });
    expect(await write(model, 1, 1, 'B')).toBe('moved');
    model.node('A').start();
    expect(await write(model, 0, 1)).toBe('same');
    await inSync(model);
  });

  it('and without a replica the transfer waits for it', async () => {
    model = calmModel(2, { replicationFactor: 1 });
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.run(10_000);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaState: 'none' });
    expect(await write(model, 1, 1, 'B')).toBe('moved');
    model.node('A').start();
    expect(await write(model, 0, 1)).toBe('same');
  });
});

describe('the home is frozen and thaws later', () => {
  it('after its replica took over: it is fenced, and what it still acknowledges its replica has', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^answer stored/);
    const late = model.write('t0', 0, 0, 1);
    await model.until('the frame is answered', () => model.scheduler.heldLabels.length === 1);
    model.freeze(model.node('A'));
    expect(await promoted(model, 'B')).toBeGreaterThan(2_900);
    model.scheduler.release(/^answer stored/);
    model.thaw(model.node('A'));
    // The commit that was on its way, or the news that it came too late: the chunk is at the new home in both cases.
    expect(['committed', 'moved', 'unavailable']).toContain(await outcomeOf(model, late));
    expect(await write(model, 1, 1, 'A')).toBe('moved');
    expect(await write(model, 0, 1)).toBe('same');
    await inSync(model);
    expect(row()).toMatchObject({ homeNodeId: 'B', replicaNodeId: 'A' });
  });
});

describe('home and replica are cut from each other', () => {
  it.each([
    ['the home is first', /^cas promote/, 'A'],
    ['the replica is first', /^cas detach/, 'B'],
  ])(
    'and both reach the database: detach and promote race, one wins, the other obeys (%s)',
    async (_who, slower, winner) => {
      model = await inSyncModel();
      model.cut('A', 'B');
      model.scheduler.hold(slower);
      const writing = model.write('t0', 0, 0, 1);
      model.askToPromote('t0', 'B');
      await model.until('one was first', () => row().replicaNodeId === null);
      model.scheduler.release(slower);
      expect(await outcomeOf(model, writing)).toBe(winner === 'A' ? 'committed' : 'moved');
      expect(row().homeNodeId).toBe(winner);
      model.heal();
      await inSync(model);
      expect(['committed', 'same']).toContain(await write(model, 0, 1));
    },
  );

  it('and the home from the database too: it cannot commit, the replica takes over', async () => {
    model = await inSyncModel();
    model.cut('A', 'B');
    model.cutFromDatabase('A');
    const startMs = model.scheduler.nowMs;
    expect(await write(model, 0, 1)).toBe('unavailable');
    // Three seconds for the replica's answer, two for the database's.
    expect(model.scheduler.nowMs - startMs).toBeLessThan(5_100);
    await promoted(model, 'B');
    expect(await write(model, 0, 2, 'A')).toBe('unavailable');
    expect(await write(model, 0, 2)).toBe('committed');
    model.heal();
    await model.run(5_000);
    expect(await write(model, 0, 2, 'A')).toBe('moved');
  });

  it('and the home from the database too: it says that it cannot commit, until either answers again', async () => {
    model = await inSyncModel();
    const { home } = (await model.node('A').process?.engine.load('t0')) ?? {};
    const canCommit = () => outcomeOf(model, home?.canCommit() ?? Promise.reject(new Error('A is no home')));
    model.cut('A', 'B');
    expect(await canCommit()).toBe(true);
    model.cutFromDatabase('A');
    expect(await write(model, 0, 1)).toBe('unavailable');
    expect(await canCommit()).toBe(false);
    model.heal();
    model.cutFromDatabase('A');
    await model.run(3_000);
    expect(await canCommit()).toBe(true);
    expect(await write(model, 0, 1)).toMatch(/committed|same/);
    model.heal();
    await inSync(model);
    expect(await canCommit()).toBe(true);
  });
});

describe('the database is away', () => {
  it('from the home only: commits go on, detach and seal wait, and its replica refuses to take over', async () => {
    model = await inSyncModel();
    model.cutFromDatabase('A');
    for (const index of [0, 1, 2, 3]) expect(await write(model, index, 1)).toBe('committed');
    for (let second = 0; second < 10; second += 1) {
      model.askToPromote('t0', 'B');
      await model.run(1_000);
    }
    expect(row()).toMatchObject({ homeNodeId: 'A', state: 'open' });
    model.heal();
    await model.until('sealed', () => row().state === 'sealed');
  });

  it('from all, and the home dies meanwhile: an open transfer waits', async () => {
    model = await inSyncModel();
    for (const id of ['A', 'B']) model.cutFromDatabase(id);
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.run(10_000);
    expect(row().homeNodeId).toBe('A');
    model.heal();
    await promoted(model, 'B');
    expect(await write(model, 0, 1)).toBe('same');
  });

  it('and the replica fails: 503 within two seconds, again and again, and nothing is committed alone', async () => {
    model = await inSyncModel();
    model.cutFromDatabase('A');
    model.node('B').kill();
    for (const _turn of [1, 2]) {
      const startMs = model.scheduler.nowMs;
      expect(await write(model, 0, 1)).toBe('unavailable');
      expect(model.scheduler.nowMs - startMs).toBeLessThan(2_100);
    }
    expect(model.node('A').disk.sound('t0-0', 0)).toBeNull();
    model.heal();
    expect(await write(model, 0, 1)).toBe('committed');
    expect(row().replicaNodeId).toBeNull();
  });
});

describe('a gateway is cut off from the home only', () => {
  it('the replica says that the home is alive', async () => {
    model = await inSyncModel(3);
    model.cut('A', 'C');
    for (let second = 0; second < 8; second += 1) {
      model.askToPromote('t0', 'C');
      await model.run(1_000);
    }
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'in_sync' });
  });
});

describe('the replica fails', () => {
  it.each([
    ['killed', 100, () => model.node('B').kill()],
    ['frozen', 3_200, () => model.freeze(model.node('B'))],
    ['full', 100, () => (model.node('B').disk.isFull = true)],
    ['cut off', 3_200, () => model.cut('A', 'B')],
  ])('%s: it is detached, the chunk committed with one copy, another node attached', async (_how, withinMs, fail) => {
    model = await inSyncModel(3);
    expect(await write(model, 0, 1)).toBe('committed');
    fail();
    const startMs = model.scheduler.nowMs;
    expect(await write(model, 1, 1)).toBe('committed');
    expect(model.scheduler.nowMs - startMs).toBeLessThan(withinMs);
    await inSync(model);
    expect(row().replicaNodeId).toBe('C');
    expect(model.node('C').disk.sound('t0-0', 0)).toBe(1);
  });

  it('and returns, not in the row any more: what it has is compared when it is attached again', async () => {
    model = await inSyncModel();
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('B').kill();
    expect(await write(model, 1, 1)).toBe('committed');
    expect(row().replicaNodeId).toBeNull();
    model.node('B').start();
    await inSync(model);
    expect([0, 1].map((index) => model.node('B').disk.sound('t0-0', index))).toEqual([1, 1]);
  });

  it('and returns within the same boot before anybody missed it: it goes on', async () => {
    model = await inSyncModel();
    const { epoch } = row();
    model.node('B').kill();
    model.node('B').start();
    expect(await write(model, 0, 1)).toBe('committed');
    expect(row()).toMatchObject({ epoch, replicaNodeId: 'B', replicaState: 'in_sync' });
  });
});

describe('a machine reboots', () => {
  it("the home's: its replica takes over without a probe, and nothing is lost", async () => {
    model = await inSyncModel();
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    model.node('A').reboot();
    model.node('A').start();
    await homeIsB();
    expect(row().generation).toBe(1);
    expect(await write(model, 2, 1)).toBe('same');
  });

  it("the home's: what it lost it does not say to hold, once it is attached again", async () => {
    model = await inSyncModel();
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    const { disk } = model.node('A');
    model.node('A').reboot();
    // All values reached the medium, and the bytes of the last chunk did not.
    for (const index of [0, 1, 2]) disk.file('t0-0').values.set(index, chunkValueOf(index, [chunkOf(1)]));
    disk.file('t0-0').chunks.set(0, 1).set(1, 1).delete(2);
    model.node('A').start();
    await homeIsB();
    await inSync(model);
    expect(row()).toMatchObject({ homeNodeId: 'B', replicaNodeId: 'A', generation: 1 });
    expect([0, 1, 2].map((index) => disk.sound('t0-0', index))).toEqual([1, 1, 1]);
  });

  it("the home's, and its file is gone with its name: its replica takes over", async () => {
    model = await inSyncModel();
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    model.node('A').reboot();
    model.node('A').disk.files.clear();
    model.node('A').start();
    await homeIsB();
    expect(row().generation).toBe(1);
    expect(await write(model, 2, 1)).toBe('same');
  });

  it("the home's, which has the only copy, and its file is gone with its name: the generation rises", async () => {
    model = calmModel(2, { replicationFactor: 1 });
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    model.node('A').reboot();
    model.node('A').disk.files.clear();
    model.node('A').start();
    for (const index of [0, 1, 2, 3]) expect(await write(model, index, 1)).toBe('committed');
    expect(row().generation).toBe(2);
    await model.until('sealed', () => row().state === 'sealed');
  });

  it("the home's, and its replica in sync is away: unavailable until the replica returns", async () => {
    model = await inSyncModel();
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('B').kill();
    model.node('A').reboot();
    model.node('A').start();
    expect(await write(model, 1, 1)).toBe('unavailable');
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaState: 'in_sync', generation: 1 });
    model.node('B').start();
    await homeIsB();
    expect(await write(model, 0, 1)).toBe('same');
  });

  it("the home's, which has the only copy: the generation rises before anything is taken", async () => {
    model = calmModel(2, { replicationFactor: 1 });
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    model.node('A').reboot();
    model.node('A').start();
    for (const index of [0, 1, 2, 3]) expect(['committed', 'same']).toContain(await write(model, index, 1));
    expect(row().generation).toBe(2);
    await model.until('sealed', () => row().state === 'sealed');
  });

  it('both: the replica says first that it must be compared, so the home is the only one', async () => {
    model = await inSyncModel();
    for (const index of [0, 1]) expect(await write(model, index, 1)).toBe('committed');
    for (const id of ['A', 'B']) model.node(id).reboot();
    for (const id of ['A', 'B']) model.node(id).start();
    await model.until('the generation rises', () => row().generation === 2);
    for (const index of [0, 1, 2, 3]) expect(['committed', 'same']).toContain(await write(model, index, 1));
    await inSync(model);
  });

  it("the replica's: it takes no session and never promotes before its row says syncing", async () => {
    model = await inSyncModel();
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('B').reboot();
    model.node('A').kill();
    model.scheduler.hold(/^cas syncing of B/);
    model.node('B').start();
    for (let second = 0; second < 5; second += 1) {
      model.askToPromote('t0', 'B');
      await model.run(1_000);
    }
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaState: 'in_sync' });
    model.scheduler.release(/^cas syncing of B/);
    model.node('A').start();
    await model.until('syncing', () => row().replicaState === 'syncing');
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });
});

describe('a seal', () => {
  const fill = async () => {
    for (const index of [0, 1, 2, 3]) expect(await write(model, index, 1)).toBe('committed');
  };

  it('that is first makes a promotion obey: a sealed file stays where it is, and is read anywhere', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^cas promote/);
    model.scheduler.hold(/^seal/);
    await fill();
    model.freeze(model.node('A'));
    model.askToPromote('t0', 'B');
    await model.until('both are on their way', () => model.scheduler.heldLabels.length >= 2);
    model.scheduler.release(/^seal/);
    await model.run(10);
    model.scheduler.release(/^cas promote/);
    model.thaw(model.node('A'));
    await model.run(2_000);
    expect(row()).toMatchObject({ state: 'sealed', homeNodeId: 'A' });
  });

  it('that is second is done by the new home, with the same digest', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^seal/);
    await fill();
    model.node('A').kill();
    await promoted(model, 'B');
    model.scheduler.release(/^seal/);
    await model.until('sealed', () => row().state === 'sealed');
    expect(row().homeNodeId).toBe('B');
  });

  it('races with an ending: the ending wins, and every holder lets go of its bytes', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^seal/);
    await fill();
    model.rows.end('t0');
    model.scheduler.release(/^seal/);
    await model.run(5_000);
    expect(row().state).toBe('ended');
    expect(model.nodes.map((node) => node.disk.files.size)).toEqual([0, 0]);
  });

  it('is followed, once its home has been away for a minute, by a promotion of its replica, and by another copy', async () => {
    model = await inSyncModel(3);
    await fill();
    await model.until('sealed', () => row().state === 'sealed');
    model.node('A').kill();
    await model.run(55_000);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'in_sync' });
    await model.until('B is home', () => row().homeNodeId === 'B', 30_000);
    await inSync(model);
    expect(row().replicaNodeId).toBe('C');
    expect([0, 1, 2, 3].map((index) => model.node('C').disk.sound('t0-0', index))).toEqual([1, 1, 1, 1]);
    model.node('A').start();
    await model.run(20_000);
    expect(row()).toMatchObject({ homeNodeId: 'B', replicaNodeId: 'C', replicaState: 'in_sync' });
  });

  it('is not followed by one while its home is only cut off from the replica: others may well reach it', async () => {
    model = await inSyncModel(3);
    await fill();
    await model.until('sealed', () => row().state === 'sealed');
    model.cut('A', 'B');
    await model.run(120_000);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'in_sync' });
  });
});

describe('a holder is dead while the transfer ends', () => {
  it('and unlinks at its next sweep', async () => {
    model = await inSyncModel();
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('B').kill();
    model.rows.end('t0');
    await model.run(3_000);
    model.node('B').start();
    const process = processOf('B');
    expect(model.node('B').disk.files.size).toBe(1);
    const swept = process.sweep();
    expect((await outcomeOf(model, swept)).removedCount).toBe(1);
    expect(model.node('B').disk.files.size).toBe(0);
  });
});

describe('a copy that its row names no more', () => {
  it('is kept until as many nodes as asked for hold everything, and is unlinked then', async () => {
    model = await inSyncModel(3);
    for (const index of [0, 1, 2, 3]) expect(await write(model, index, 1)).toBe('committed');
    await model.until('sealed', () => row().state === 'sealed');
    await outcomeOf(
      model,
      engineOf('A')
        .load('t0')
        .then((transfer) => engineOf('A').handOver(transfer)),
    );
    // While another copy is made of it than this one.
    model.node('A').kill();
    model.scheduler.hold(/^cas in_sync/);
    await model.until('being filled', () => row().replicaState === 'syncing');
    model.node('A').start();
    await model.run(1_000);
    expect(row()).toMatchObject({ homeNodeId: 'B', replicaNodeId: 'C', replicaState: 'syncing' });
    const releasedCount = async () => (await outcomeOf(model, processOf('A').sweep())).releasedCount;
    expect(await releasedCount()).toBe(0);
    // Its home does not say.
    model.cut('A', 'B');
    expect(await releasedCount()).toBe(0);
    model.heal();
    model.scheduler.release(/^cas in_sync/);
    await inSync(model);
    expect(model.node('A').disk.files.size).toBe(1);
    expect(await releasedCount()).toBe(1);
    expect(model.node('A').disk.files.size).toBe(0);
  });
});

describe('an update whose answer is lost', () => {
  it.each(['attach', 'in_sync'])('(%s): is sent again until its outcome is known', async (what) => {
    model = calmModel(2);
    const answer = new RegExp(`^answer to cas ${what}`);
    model.scheduler.hold(answer);
    await model.until('it is done and nobody knows', () => model.scheduler.heldLabels.length === 1);
    expect(model.scheduler.drop(answer)).toBe(1);
    model.scheduler.release(answer);
    await inSync(model);
    expect(await write(model, 0, 1)).toBe('committed');
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });
});

describe('a drain', () => {
  it('hands the transfer to its replica, which its home asks', async () => {
    model = await inSyncModel();
    expect(await write(model, 0, 1)).toBe('committed');
    const engine = engineOf('A');
    const transfer = await engine.load('t0');
    await outcomeOf(model, engine.handOver(transfer));
    expect(row()).toMatchObject({ homeNodeId: 'B', replicaNodeId: null });
    expect(await write(model, 0, 1)).toBe('same');
    expect(await write(model, 1, 1, 'A')).toBe('moved');
  });
});
