import { describe, expect, it } from '@jest/globals';
import { waitFor } from '../../test/support/waiting.ts';
import { type DrainPorts, NodeDrain } from './drain.ts';

function world(rounds: readonly boolean[], strandedCounts: readonly number[] = [], more: Partial<DrainPorts> = {}) {
  const done: string[] = [];
  const left = [...rounds];
  const stranded = [...strandedCounts];
  const ports: DrainPorts = {
    nodeId: 'node-a',
    isAlone: false,
    isAnyOther: async () => true,
    enterDraining: () => void done.push('draining'),
    enterLeft: () => void done.push('left'),
    handOver: async (limitMs, patienceMs) => {
      done.push(limitMs > 20_000 ? 'round' : `last ${limitMs} ${patienceMs}`);
      const isEmpty = left.shift();
      if (isEmpty === undefined) throw new Error('away');
      return isEmpty;
    },
    releaseReplicas: async () => void done.push('released'),
    countHomes: async () => ({ homeCount: left.length, singleCopyCount: left.length }),
    countStranded: async () => stranded.shift() ?? 0,
    delay: (ms) => {
      if (done.length > 1_000) throw new Error('it spins');
      done.push('pause');
      return new Promise((resolve) => setTimeout(resolve, Math.min(ms, 1)));
    },
    onFault: () => void done.push('fault'),
    ...more,
  };
  return { drain: new NodeDrain(ports), done, ports };
}

describe('a drain that an operator asked for', () => {
  it('goes on until nothing is left, however often it is asked, then asks homes for other replicas and has left', async () => {
    const { drain, done } = world([false, false, true]);
    drain.begin();
    drain.begin();
    await waitFor('the end', 10_000, () => done.includes('left'));
    expect(done).toEqual(['draining', 'round', 'pause', 'round', 'pause', 'round', 'released', 'left']);
    expect(await drain.status()).toEqual({ nodeId: 'node-a', homeCount: 0, onlyCopyCount: 0 });
  });

  it('has not left while it holds what nobody else may have, and hands over what it makes its own of that', async () => {
    const { drain, done } = world([true, false, true, true], [2, 2]);
    drain.begin();
    await waitFor('the end', 10_000, () => done.includes('left'));
    const taken = ['pause', 'round', 'pause', 'round'];
    expect(done).toEqual(['draining', 'round', 'released', ...taken, 'pause', 'round', 'left']);
  });

  it('says that there is nobody to hand anything to', async () => {
    let isAny = false;
    const { drain } = world([true], [], { isAnyOther: async () => isAny });
    expect(await drain.status()).toEqual({ nodeId: 'node-a', homeCount: 1, onlyCopyCount: 1, isAlone: true });
    isAny = true;
    expect(await drain.status()).toEqual({ nodeId: 'node-a', homeCount: 1, onlyCopyCount: 1 });
  });

  it('counts what nobody else may have among the only copies, and does not wait for it on SIGTERM', async () => {
    const { drain, done } = world([true, true, true], [3, 3]);
    expect(await drain.status()).toEqual({ nodeId: 'node-a', homeCount: 3, onlyCopyCount: 6 });
    expect(await drain.finish(5, 2)).toBe(true);
    expect(done).toEqual(['draining', 'last 5 2']);
  });

  it('goes on by itself when something came home meanwhile', async () => {
    const { drain, done } = world([true, true]);
    drain.begin();
    await waitFor('the end', 10_000, () => done.includes('left'));
    expect(done).toEqual(['draining', 'round', 'released', 'pause', 'round', 'left']);
  });

  it('goes on when the database does not say for a moment what is left', async () => {
    const answers = [() => Promise.reject(new Error('away'))];
    const { drain, done, ports } = world([true, true]);
    const nothing = { homeCount: 0, singleCopyCount: 0 };
    const patient = new NodeDrain({ ...ports, countHomes: () => answers.shift()?.() ?? Promise.resolve(nothing) });
    patient.begin();
    await waitFor('the end', 10_000, () => done.includes('left'));
    expect([done, drain.isDraining]).toEqual([['draining', 'round', 'released', 'pause', 'round', 'left'], false]);
  });

  it('has not left before every home was asked for another replica', async () => {
    const faults = [new Error('away')];
    const { drain, done } = world([true, true], [], {
      releaseReplicas: async () => {
        const fault = faults.shift();
        if (fault !== undefined) throw fault;
        done.push('released');
      },
      countHomes: async () => ({ homeCount: 0, singleCopyCount: 0 }),
    });
    drain.begin();
    await waitFor('the end', 10_000, () => done.includes('left'));
    expect(done).toEqual(['draining', 'round', 'fault', 'pause', 'round', 'released', 'left']);
  });

  it('of a node alone ends with what it has, and looks again when it is asked', async () => {
    const { drain, done } = world([true, true], [], { isAlone: true });
    for (let times = 1; times <= 2; times += 1) {
      drain.begin();
      await waitFor('the end', 10_000, () => done.filter((what) => what === 'released').length === times);
      await new Promise(setImmediate);
    }
    // After the first time something was at home here.
    await waitFor('the end', 10_000, () => done.at(-1) === 'left');
    expect(done).toEqual(['draining', 'round', 'released', 'round', 'released', 'left']);
  });

  it('survives a database that is away, and says that it does not know what is left', async () => {
    const { drain, done, ports } = world([false]);
    const blind = new NodeDrain({ ...ports, countHomes: () => Promise.reject(new Error('away')) });
    expect(await blind.status()).toEqual({ nodeId: 'node-a', homeCount: null, onlyCopyCount: null });
    drain.begin();
    await waitFor('a fault', 10_000, () => done.includes('fault'));
    await drain.finish(5, 2).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 5));
    const rounds = done.length;
    await new Promise((resolve) => setTimeout(resolve, 5));
    // SIGTERM ends the rounds: the last one is its own.
    expect(done.length).toBe(rounds);
    expect(done).toContain('last 5 2');
  });
});

describe('a count of what is left, which may walk through all that is stored', () => {
  const stuck = () => new Promise<never>(() => {});
  const homes = async () => ({ homeCount: 0, singleCopyCount: 0 });

  it('is made once for all who ask while it runs, and keeps none of them from hearing what is known', async () => {
    let walks = 0;
    const { drain, done } = world([true], [], {
      countHomes: homes,
      countStranded: () => {
        walks += 1;
        return stuck();
      },
    });
    const asked = [drain.status(5), drain.status(5)];
    drain.begin();
    await waitFor('the first round', 10_000, () => done.includes('released'));
    await new Promise(setImmediate);
    const unknown = { nodeId: 'node-a', homeCount: 0, onlyCopyCount: null };
    expect(await Promise.all([...asked, drain.status(5)])).toEqual([unknown, unknown, unknown]);
    expect(walks).toBe(1);
  });

  it('stands for the next one while that one takes too long', async () => {
    const walks = [async () => 2, stuck];
    const { drain } = world([true], [], { countHomes: homes, countStranded: () => (walks.shift() ?? stuck)() });
    expect(await drain.status()).toMatchObject({ onlyCopyCount: 2 });
    expect(await drain.status(5)).toMatchObject({ onlyCopyCount: 2 });
    expect(walks).toEqual([]);
  });

  it('is made ever more seldom while nothing but copies of an absent home is left', async () => {
    let atMs = 0;
    const walkedAtMs: number[] = [];
    const { drain } = world([], [], {
      handOver: async () => true,
      countHomes: homes,
      countStranded: async () => {
        walkedAtMs.push(atMs);
        return atMs < 90_000 ? 1 : 0;
      },
      delay: async (ms) => {
        atMs += ms;
      },
    });
    drain.begin();
    await waitFor('the end', 10_000, () => atMs >= 90_000);
    expect(walkedAtMs.map((ms) => ms / 1000)).toEqual([0, 1, 3, 7, 15, 31, 61, 91]);
  });
});

describe('a drain on SIGTERM', () => {
  it('tries once within its time and makes nobody copy what is back in a moment', async () => {
    const { drain, done } = world([false]);
    expect(await drain.finish(12_000, 6_000)).toBe(false);
    expect(done).toEqual(['draining', 'last 12000 6000']);
    expect(drain.isDraining).toBe(true);
  });
});
