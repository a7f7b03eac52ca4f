import { afterEach, describe, expect, it } from '@jest/globals';
import { calmModel, inSync, inSyncModel, outcomeOf, promoted, write } from './directed.ts';
import { CHUNK_BYTES, chunkOf, chunkValueOf } from './model-store.ts';
import type { Model } from './schedule.ts';

/**
 * Orders of events that broke the protocol's first wording, each step forced. The invariants are looked at after each
 * event, so a test that only gets to its end has shown something already.
 */

let model: Model;
const row = () => model.rows.row('t0');
const held = (count: number) => () => model.scheduler.heldLabels.length >= count;

afterEach(() => {
  model.invariants.checkNothingLost();
  for (const node of model.nodes) node.kill();
});

describe('traces that broke the first wording', () => {
  it('1: newer bytes for a chunk, then the first frame is read late by the replica', async () => {
    model = await inSyncModel();
    // So that the late frame's number is above those of the session after it.
    expect(await write(model, 1, 1)).toBe('committed');
    // No detach can be known, so the replica stays in Q throughout.
    model.cutFromDatabase('A');
    model.scheduler.hold(/^frame t0 0\/0=1/);
    expect(await write(model, 0, 1)).toBe('unavailable');
    expect(await write(model, 0, 2)).toBe('committed');
    model.scheduler.release(/^frame t0 0\/0=1/);
    await model.run(1_000);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(2);
  });

  it('1: the same within one session: the newer bytes wait for the answer to the older ones', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^answer stored t0 0\/0=1/);
    const older = model.write('t0', 0, 0, 1);
    await model.until('the first frame is answered', held(1));
    const newer = model.write('t0', 0, 0, 2);
    await model.run(1_000);
    expect(model.scheduler.trace.some((line) => line.includes('frame t0 0/0=2'))).toBe(false);
    model.scheduler.release(/^answer stored t0 0\/0=1/);
    expect(await outcomeOf(model, older)).toBe('committed');
    expect(await outcomeOf(model, newer)).toBe('chunk_conflict');
  });

  it('1: a frame that is delivered twice, the second time after newer bytes of the same session', async () => {
    model = await inSyncModel();
    const { process } = model.node('B');
    if (process === null) throw new Error('B runs');
    const { replica, engine } = process;
    const opened = await outcomeOf(model, replica.open({ transferId: 't0', fromNodeId: 'A', epoch: row().epoch }));
    const frame = (number: number, variant: number) => ({
      epoch: row().epoch,
      session: opened.session,
      number,
      fileIndex: 0,
      chunkIndex: 0,
      value: chunkValueOf(0, [chunkOf(variant)]),
      bytes: [chunkOf(variant)],
    });
    const transfer = await engine.replicaTransfer('t0');
    expect((await outcomeOf(model, replica.store(transfer, frame(1, 1)))).kind).toBe('stored');
    expect((await outcomeOf(model, replica.store(transfer, frame(2, 2)))).kind).toBe('stored');
    expect((await outcomeOf(model, replica.store(transfer, frame(1, 1)))).kind).toBe('stale_session');
    expect((await outcomeOf(model, replica.store(transfer, frame(2, 1)))).kind).toBe('stale_session');
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(2);
    const old = { ...frame(3, 1), epoch: row().epoch - 1 };
    expect((await outcomeOf(model, replica.store(transfer, old))).kind).toBe('stale_epoch');
    const wrong = { ...frame(4, 3), bytes: [chunkOf(1)] };
    expect(await outcomeOf(model, replica.store(transfer, wrong))).toEqual({ kind: 'failed', reason: 'mismatch' });
    expect(model.node('B').disk.sound('t0-0', 0)).toBeNull();
  });

  it('2: a list of values that comes late, after a newer session began', async () => {
    model = await inSyncModel();
    model.cutFromDatabase('A');
    // The session that filled the replica goes on until it falls silent.
    model.scheduler.hold(/^frame/);
    expect(await write(model, 0, 1)).toBe('unavailable');
    model.scheduler.drop(/^frame/);
    model.scheduler.release(/^frame/);
    model.scheduler.hold(/^opened/);
    expect(await write(model, 0, 2)).toBe('unavailable');
    await model.until('a list is on its way', held(1));
    // Later ones arrive at once, and this one after them.
    model.scheduler.stopHolding();
    // The opening that nobody answers is waited for longer than the database.
    expect(await write(model, 0, 3)).toBe('unavailable');
    expect(await write(model, 0, 3)).toBe('committed');
    model.scheduler.release(/^opened/);
    expect(await write(model, 1, 1)).toBe('committed');
    expect([0, 1].map((index) => model.node('B').disk.sound('t0-0', index))).toEqual([3, 1]);
  });

  it('3: the home restarts between growing Q and the landing of its in_sync', async () => {
    model = calmModel(2);
    model.scheduler.hold(/^cas in_sync/);
    await model.until('in_sync is on its way', held(1));
    model.node('A').kill();
    model.node('A').start();
    await model.run(100);
    model.cut('A', 'B');
    model.scheduler.hold(/^cas detach/);
    const writing = model.write('t0', 0, 0, 1);
    await model.run(1_000);
    // Not alone: the update of the process before may still land, and does.
    expect(model.node('A').disk.sound('t0-0', 0)).toBeNull();
    model.scheduler.release(/^cas in_sync/);
    await model.run(3_000);
    expect(row().replicaState).toBe('in_sync');
    expect(model.node('A').disk.sound('t0-0', 0)).toBeNull();
    model.scheduler.release(/^cas detach/);
    expect(['committed', 'unavailable']).toContain(await outcomeOf(model, writing));
    model.heal();
    await inSync(model);
    expect(['committed', 'same']).toContain(await write(model, 0, 1));
  });

  it('4: a row that did not change is no proof that an update will not land', async () => {
    model = calmModel(2);
    model.scheduler.hold(/^cas in_sync/);
    await model.until('in_sync is on its way', held(1));
    model.scheduler.hold(/^frame/);
    const writing = model.write('t0', 0, 0, 1);
    // Read again and again meanwhile, at the same epoch.
    await model.run(2_500);
    expect(row().replicaState).toBe('syncing');
    expect(model.node('A').disk.sound('t0-0', 0)).toBeNull();
    model.scheduler.release(/^cas in_sync/);
    model.scheduler.release(/^frame/);
    expect(await outcomeOf(model, writing)).toBe('committed');
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });

  it('5: Q grows past a commit whose value is being written', async () => {
    model = calmModel(2);
    model.scheduler.hold(/^disk A value t0-0\/0/);
    const writing = model.write('t0', 0, 0, 1);
    await model.until('the value is being written', held(1));
    await model.run(8_000);
    expect(row()).toMatchObject({ replicaNodeId: 'B', replicaState: 'syncing' });
    model.scheduler.release(/^disk A value t0-0\/0/);
    expect(await outcomeOf(model, writing)).toBe('committed');
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });

  it('6: the new replica holds other bytes of a committed chunk, and some of one that is not', async () => {
    model = calmModel(2);
    const old = model.node('B').disk.file('t0-0');
    for (const index of [0, 1]) {
      old.chunks.set(index, 2);
      old.values.set(index, chunkValueOf(index, [chunkOf(2)]));
    }
    expect(await write(model, 0, 1)).toBe('committed');
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
    expect(await write(model, 1, 3)).toBe('committed');
    expect(model.node('B').disk.sound('t0-0', 1)).toBe(3);
    expect(CHUNK_BYTES).toBe(model.rows.files.get('t0')?.[0]?.chunkSizeBytes);
  });

  it('7: a promotion with a write of the replica in flight', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^disk B write/);
    model.write('t0', 0, 0, 1).catch(() => {});
    await model.until('the replica writes', held(1));
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.run(5_000);
    expect(row().homeNodeId).toBe('A');
    model.scheduler.release(/^disk B write/);
    await promoted(model, 'B');
    expect(['same', 'committed']).toContain(await write(model, 0, 1));
  });

  it('7: a home that learns of itself only from its row awaits its writes as replica, too', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^disk B value/);
    model.write('t0', 0, 0, 1).catch(() => {});
    await model.until('the replica writes', held(1));
    model.node('A').kill();
    // As an update of the process before would: it lands now.
    model.rows.cas('t0', row().epoch, { homeNodeId: 'B', replicaNodeId: null, replicaState: 'none' });
    const newer = model.write('t0', 0, 0, 2);
    await model.run(3_000);
    expect(model.scheduler.trace.some((line) => line.includes('acknowledged by B'))).toBe(false);
    model.scheduler.release(/^disk B value/);
    expect(['chunk_conflict', 'moved']).toContain(await outcomeOf(model, newer));
    await model.run(2_000);
    expect(await write(model, 0, 1)).toBe('same');
  });

  it.each(['bytes', 'value'])('8: the replica is killed between new bytes and their value (at its %s)', async (at) => {
    model = await inSyncModel();
    // The replica has bytes that its home, which dies, never committed.
    model.scheduler.hold(/^answer stored/);
    model.write('t0', 0, 0, 1).catch(() => {});
    await model.until('the replica has them', held(1));
    model.node('A').kill();
    model.scheduler.drop(/^answer stored/);
    model.scheduler.release(/^answer stored/);
    model.node('A').start();
    await model.run(1_500);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
    const step = at === 'bytes' ? /^disk B write/ : /^disk B value/;
    model.scheduler.hold(step);
    model.write('t0', 0, 0, 2).catch(() => {});
    await model.until('other bytes are being written', held(1));
    model.node('B').kill();
    model.node('A').kill();
    model.scheduler.drop(step);
    model.scheduler.release(step);
    model.node('B').start();
    await promoted(model, 'B');
    expect(['committed', 'same']).toContain(await write(model, 0, 2));
  });

  it("9: the replica reboots while its home's in_sync is on its way", async () => {
    model = calmModel(2);
    expect(await write(model, 0, 1)).toBe('committed');
    model.scheduler.hold(/^cas in_sync/);
    await model.until('in_sync is on its way', held(1));
    model.node('B').reboot();
    model.scheduler.hold(/^cas syncing/);
    model.node('B').start();
    await model.until('both are on their way', held(2));
    model.scheduler.release(/^cas in_sync/);
    await model.run(100);
    expect(row().replicaState).toBe('in_sync');
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.run(3_000);
    expect(row().homeNodeId).toBe('A');
    model.scheduler.release(/^cas syncing/);
    model.node('A').start();
    await model.until('it declared itself', () => row().replicaState === 'syncing');
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });

  it('9: the same when its row said syncing already', async () => {
    model = calmModel(2);
    expect(await write(model, 0, 1)).toBe('committed');
    model.scheduler.hold(/^cas in_sync/);
    await model.until('in_sync is on its way', held(1));
    model.node('B').reboot();
    model.node('B').start();
    await model.run(2_000);
    model.scheduler.release(/^cas in_sync/);
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });

  it('9: the replica reboots while its promotion is on its way', async () => {
    model = await inSyncModel();
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('committed');
    model.scheduler.hold(/^cas promote/);
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.until('the promotion is on its way', held(1));
    model.node('B').reboot();
    model.scheduler.release(/^cas promote/);
    await model.run(10);
    expect(row().homeNodeId).toBe('B');
    model.node('B').start();
    await model.run(3_000);
    model.node('A').start();
    await model.run(5_000);
    for (const index of [0, 1, 2]) expect(await write(model, index, 1)).toBe('same');
  });

  it('10: answers are lost on both sides, and neither only re-reads for ever', async () => {
    model = calmModel(2);
    const answers = /^answer to cas/;
    model.scheduler.hold(answers);
    for (let second = 0; second < 10; second += 1) {
      await model.run(1_000);
      model.scheduler.drop(answers);
    }
    model.scheduler.release(answers);
    await inSync(model);
    model.scheduler.hold(/^cas promote/);
    model.node('A').kill();
    model.askToPromote('t0', 'B');
    await model.until('it was sent', held(1));
    model.scheduler.drop(/^cas promote/);
    model.scheduler.release(/^cas promote/);
    await model.until('it is sent again', () => row().homeNodeId === 'B');
  });

  it('11: the zero rows of its own repeated detach do not fence the home', async () => {
    model = await inSyncModel();
    model.node('B').kill();
    model.scheduler.hold(/^answer to cas detach/);
    const writing = model.write('t0', 0, 0, 1);
    await model.until('it is done and nobody knows', held(1));
    expect(row().replicaNodeId).toBeNull();
    model.scheduler.drop(/^answer to cas detach/);
    model.scheduler.release(/^answer to cas detach/);
    // The first sending is given up after 1.9 s, which the chunk may wait for.
    expect(['committed', 'unavailable']).toContain(await outcomeOf(model, writing));
    await model.run(3_000);
    expect(row().homeNodeId).toBe('A');
    expect(['committed', 'same']).toContain(await write(model, 0, 1));
  });
});

describe('a fenced home', () => {
  it('awaits its own writes before it answers as a replica', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^disk A write/);
    model.write('t0', 0, 0, 1).catch(() => {});
    await model.until('it writes', held(1));
    // What it writes as a replica would be fast.
    model.scheduler.stopHolding();
    model.cut('A', 'B');
    model.rows.cas('t0', row().epoch, { homeNodeId: 'B', replicaNodeId: null, replicaState: 'none' });
    await model.run(1_500);
    model.heal();
    expect(await write(model, 0, 2)).toBe('committed');
    await model.run(2_500);
    expect(row()).toMatchObject({ homeNodeId: 'B' });
    expect(row().replicaState).not.toBe('in_sync');
    model.scheduler.release(/^disk A write/);
    await inSync(model);
    expect(model.node('A').disk.sound('t0-0', 0)).toBe(2);
  });

  it('12: a value that the home writes slowly, while its replica loses the chunk in a reboot', async () => {
    model = await inSyncModel();
    model.scheduler.hold(/^disk A value t0-0\/0/);
    const slow = model.write('t0', 0, 0, 1);
    await model.until('the value is on its way to the disk', held(1));
    model.node('B').reboot();
    model.node('B').start();
    await model.run(6_000);
    model.scheduler.release(/^disk A value t0-0\/0/);
    expect(await outcomeOf(model, slow)).toBe('committed');
    await inSync(model);
    expect(model.node('B').disk.sound('t0-0', 0)).toBe(1);
  });
});
