import { afterEach, describe, expect, it } from '@jest/globals';
import { calmModel, inSync, promoted, write } from './directed.ts';
import type { Model } from './schedule.ts';

/** The rows of docs/PROTOCOL.md's table of cases in which an operator gives up on a node. */

let model: Model;
const row = () => model.rows.row('t0');

/** `t0` at home on A, with a copy in sync on B and two chunks of four. */
async function twoCopies(nodes: number): Promise<void> {
  model = calmModel(nodes, { givesUp: true });
  await inSync(model);
  for (const index of [0, 1]) expect(await write(model, index, 1)).toBe('committed');
}

async function everythingSealed(): Promise<void> {
  for (const index of [2, 3]) expect(await write(model, index, 1)).toBe('committed');
  await model.until('sealed', () => row().state === 'sealed');
}

afterEach(() => {
  model.invariants.checkNothingLost();
  for (const node of model.nodes) node.kill();
});

describe("the home's machine rebooted and its replica in sync never returns", () => {
  it('it waits for that one until it is given up, and goes on as the only copy, under a new generation', async () => {
    await twoCopies(2);
    model.node('B').kill();
    model.node('A').reboot();
    model.node('A').start();
    await model.run(90_000);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', replicaState: 'in_sync', generation: 1 });
    expect(await write(model, 2, 1)).toBe('unavailable');
    model.giveUp('B');
    await model.until('it goes on alone', () => row().generation === 2, 70_000);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: null, replicaState: 'none' });
    expect(await write(model, 2, 2)).toBe('committed');

    model.node('B').start();
    await inSync(model);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', generation: 2 });
    expect(model.rows.givenUp.size).toBe(0);
  });

  it('and when that one lives, cut off, it takes nothing over: the epoch fences it', async () => {
    await twoCopies(2);
    model.cut('A', 'B');
    model.cutFromDatabase('B');
    model.node('A').reboot();
    model.node('A').start();
    model.giveUp('B');
    await model.until('it goes on alone', () => row().generation === 2, 70_000);
    expect(await write(model, 0, 2)).toMatch(/^(committed|chunk_conflict|same)$/);
    model.heal();
    model.askToPromote('t0', 'B');
    await inSync(model);
    expect(row()).toMatchObject({ homeNodeId: 'A', replicaNodeId: 'B', generation: 2 });
  });
});

describe('the home is gone for good', () => {
  it('without a copy in sync what is open ends when it is given up', async () => {
    model = calmModel(2, { givesUp: true, replicationFactor: 1 });
    expect(await write(model, 0, 1)).toBe('committed');
    model.node('A').kill();
    await model.run(90_000);
    expect(row().state).toBe('open');
    model.giveUp('A');
    expect(row().state).toBe('ended');
    model.node('A').start();
    await model.run(2_000);
    expect(await write(model, 1, 1, 'A')).toBe('ended');
  });

  it('with one it goes on there, and nothing ends', async () => {
    await twoCopies(3);
    model.node('A').kill();
    model.giveUp('A');
    await model.until('B is home', () => row().homeNodeId === 'B', 90_000);
    // It hears of it, too.
    await model.run(50);
    expect(row()).toMatchObject({ state: 'open', generation: 1 });
    expect(await write(model, 0, 1)).toBe('same');
  });

  it('what is sealed is taken over by a node that holds it whole and that the row does not name', async () => {
    await twoCopies(3);
    await everythingSealed();
    model.node('A').kill();
    model.rows.cas('t0', row().epoch, { replicaNodeId: null, replicaState: 'none' });
    await model.run(90_000);
    expect(row().homeNodeId).toBe('A');
    model.giveUp('A');
    await model.until('B is home', () => row().homeNodeId === 'B');
    await inSync(model);
    model.node('A').start();
    await model.run(2_000);
    expect(row()).toMatchObject({ state: 'sealed', homeNodeId: 'B', replicaNodeId: 'C' });
  });

  it('what is sealed and nowhere else waits for a node that does not answer, and ends when none has it', async () => {
    model = calmModel(3, { givesUp: true, replicationFactor: 1 });
    for (const index of [0, 1]) expect(await write(model, index, 1)).toBe('committed');
    await everythingSealed();
    model.node('A').kill();
    model.node('C').kill();
    model.giveUp('A');
    await model.run(60_000);
    expect(row().state).toBe('sealed');
    model.node('C').start();
    await model.until('it ends', () => row().state === 'ended');
  });
});

describe('a home that is given up lives, cut off', () => {
  it('and commits nothing once its replica took over: what it still sends is of an epoch that is over', async () => {
    await twoCopies(3);
    model.cut('A', 'B');
    model.cut('A', 'C');
    model.cutFromDatabase('A');
    model.giveUp('A');
    expect(await promoted(model, 'B', 'C')).toBeGreaterThan(0);
    expect(await write(model, 2, 2, 'A')).toBe('unavailable');
    expect(await write(model, 2, 1, 'B')).toBe('committed');
    model.heal();
    await model.run(15_000);
    expect(await write(model, 3, 1, 'A')).toBe('moved');
    expect(model.rows.givenUp.size).toBe(0);
    expect(row().homeNodeId).toBe('B');
  });
});
