import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { loadNetIo } from '../../native/index.ts';
import { fuzz } from '../../test/support/fuzz.ts';
import { MemoryChunkStore, type StoreStep } from '../../test/support/memory-chunk-store.ts';
import { fileRow } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { StoredFile } from './ports.ts';
import { type ChunkArrival, type Commit, RunningFile } from './running-file.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;

const FILE = fileRow({ sizeBytes: 3 * CHUNK, chunkSizeBytes: CHUNK });

async function storedIn(store: MemoryChunkStore, file: RunningFile): Promise<StoredFile> {
  const stored = await store.create(file.row.id, file.row);
  file.values = stored.values;
  return stored;
}

const bytesOf = (variant: number) => [Buffer.alloc(CHUNK / 2, variant), Buffer.alloc(CHUNK / 2, variant + 100)];
const valueFor = (index: number, variant: number) => netIo.chunkValueSync(bytesOf(variant), index);
/** A home without a replica. */
const DIRECTLY: Commit = (_chunk, writeValue) => writeValue();

const may = { commit: DIRECTLY, isPowerSafe: false };

/** Steps that wait until they are let go, by name. */
function heldSteps() {
  const held = new Map<string, () => void>();
  const step: StoreStep = (what, _id, index) => new Promise((resolve) => void held.set(`${what} ${index}`, resolve));
  const letGo = async (name: string) => {
    while (!held.has(name)) await new Promise(setImmediate);
    held.get(name)?.();
    held.delete(name);
    await new Promise(setImmediate);
  };
  return { step, letGo, names: () => [...held.keys()] };
}

describe('the last chunk of a RunningFile', () => {
  it.each([
    [3 * CHUNK, 2 * CHUNK, false],
    [3 * CHUNK, 2 * CHUNK + 1, true],
    [3 * CHUNK, 3 * CHUNK, true],
    [2 * CHUNK + 1, 2 * CHUNK, false],
    [2 * CHUNK + 1, 2 * CHUNK + 1, true],
    [CHUNK, 0, false],
    [1, 1, true],
    [0, 0, true],
    [null, 9 * CHUNK, false],
  ])('of %s bytes is begun at %s: %s', (sizeBytes, position, isBegun) => {
    expect(new RunningFile({ ...FILE, sizeBytes }).isWithinLastChunk(position)).toBe(isBegun);
  });
});

describe('a chunk of a RunningFile', () => {
  it('is written and committed in one step where nobody else is asked, and a newer request finds it', async () => {
    const { step, letGo, names } = heldSteps();
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo, step), file);
    const alone = { ...may, commit: () => Promise.reject(new Error('asked')), isAlone: true };
    const older = file.writeChunk(stored, 0, bytesOf(1), alone);
    const same = file.writeChunk(stored, 0, bytesOf(1), alone);
    await letGo('write 0');
    expect(file.has(0)).toBe(false);
    await letGo('commit 0');
    expect(await older).toBe('committed');
    await letGo('hash 0');
    expect(await same).toBe('same');
    expect(names()).toEqual([]);
    expect(stored.values.get(0)).toEqual(valueFor(0, 1));
    // A value sent along is checked before the commit.
    const checked = expect(
      file.writeChunk(stored, 1, bytesOf(2), { ...alone, expectedValue: valueFor(1, 3) }),
    ).rejects.toMatchObject({ type: 'digest_mismatch' });
    await letGo('write 1');
    await checked;
    expect(file.has(1)).toBe(false);
  });

  it('is committed once; the same bytes again are compared, others refused', async () => {
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo), file);
    expect(await file.writeChunk(stored, 1, bytesOf(1), may)).toBe('committed');
    expect(await file.writeChunk(stored, 1, bytesOf(1), may)).toBe('same');
    await expect(file.writeChunk(stored, 1, bytesOf(2), may)).rejects.toMatchObject({
      type: 'chunk_conflict',
      data: { chunkIndex: 1 },
    });
    expect(file.committedRanges()).toEqual([[1, 2]]);
    expect(stored.values.get(1)).toEqual(new Uint8Array(valueFor(1, 1)));
    expect(file.isBusy).toBe(false);
  });

  it('with DURABILITY=power is not said to be there again before the disk has it', async () => {
    const file = new RunningFile(FILE);
    let isBroken = false;
    const sync = async () => {
      if (isBroken) throw new Error('EIO');
    };
    const stored = await storedIn(new MemoryChunkStore(netIo, undefined, sync), file);
    const power = { ...may, isPowerSafe: true };
    expect(await file.writeChunk(stored, 1, bytesOf(1), power)).toBe('committed');
    isBroken = true;
    await expect(file.writeChunk(stored, 1, bytesOf(1), power)).rejects.toThrow('EIO');
    isBroken = false;
    expect(await file.writeChunk(stored, 1, bytesOf(1), power)).toBe('same');
  });

  it('does not exist when its bytes do not have the value sent along, and can be sent again', async () => {
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo), file);
    const wrong = file.writeChunk(stored, 0, bytesOf(2), { ...may, expectedValue: valueFor(0, 1) });
    await expect(wrong).rejects.toMatchObject({ type: 'digest_mismatch' });
    expect(file.has(0)).toBe(false);
    expect(await file.writeChunk(stored, 0, bytesOf(1), { ...may, expectedValue: valueFor(0, 1) })).toBe('committed');
  });

  it('goes to the newest of three writers, after the writes of the older ones have ended', async () => {
    const { step, letGo, names } = heldSteps();
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo, step), file);
    const writers = [1, 2, 3].map((variant) => file.writeChunk(stored, 0, bytesOf(variant), may));
    const settled = Promise.allSettled(writers);
    await letGo('write 0');
    expect(names()).toEqual(['write 0']);
    await letGo('write 0');
    await letGo('write 0');
    await letGo('commit 0');
    const outcomes = (await settled).map((one) => (one.status === 'fulfilled' ? one.value : one.reason.type));
    expect(outcomes).toEqual(['superseded', 'superseded', 'committed']);
    expect(stored.values.get(0)).toEqual(new Uint8Array(valueFor(0, 3)));
  });

  it("stays the older writer's when its commit has begun; the newer one is compared", async () => {
    const { step, letGo } = heldSteps();
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo, step), file);
    const older = file.writeChunk(stored, 0, bytesOf(1), may);
    await letGo('write 0');
    const newer = file.writeChunk(stored, 0, bytesOf(2), may);
    newer.catch(() => {});
    await letGo('commit 0');
    await letGo('hash 0');
    expect(await older).toBe('committed');
    await expect(newer).rejects.toMatchObject({ type: 'chunk_conflict' });
  });

  it('is not committed when the transfer moved or ended while it was written', async () => {
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo), file);
    const commit = () => Promise.reject(new PeerLinkError('ended', 'over'));
    await expect(file.writeChunk(stored, 0, bytesOf(1), { ...may, commit })).rejects.toMatchObject({
      type: 'ended',
    });
    expect(file.has(0)).toBe(false);
    expect(file.isBusy).toBe(false);
  });

  it('wakes every waiting reader with the committed buffers themselves', async () => {
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo), file);
    const { signal } = new AbortController();
    const readers = [file.waitForChunk(2, signal), file.waitForChunk(2, signal)];
    const other = new AbortController();
    const left = file.waitForChunk(2, other.signal);
    other.abort(new Error('left'));
    await expect(left).rejects.toThrow('left');
    const bytes = bytesOf(7);
    await file.writeChunk(stored, 2, bytes, may);
    for (const arrival of await Promise.all(readers)) expect(arrival).toMatchObject({ bytes });
    expect(file.isBusy).toBe(false);
  });

  it('says that a chunk is spent when it is committed and its last reader let go', async () => {
    const file = new RunningFile(FILE);
    const stored = await storedIn(new MemoryChunkStore(netIo), file);
    const { signal } = new AbortController();
    let spentCount = 0;
    const onSpent = () => {
      spentCount += 1;
    };
    await file.writeChunk(stored, 0, bytesOf(1), { ...may, onSpent });
    expect(spentCount).toBe(1);
    await file.writeChunk(stored, 0, bytesOf(1), { ...may, onSpent });
    expect(spentCount).toBe(2);
    const readers = [file.waitForChunk(1, signal), file.waitForChunk(1, signal)];
    await file.writeChunk(stored, 1, bytesOf(2), { ...may, onSpent });
    for (const arrival of await Promise.all(readers)) {
      expect(spentCount).toBe(2);
      if (arrival !== 'beyond_end') arrival.letGo();
    }
    expect(spentCount).toBe(3);
  });

  it('tells readers that wait beyond the end when a body of unknown length ended', async () => {
    const file = new RunningFile({ ...FILE, sizeBytes: null });
    const { signal } = new AbortController();
    const inside = file.waitForChunk(1, signal);
    const beyond = [file.waitForChunk(2, signal), file.waitForChunk(900, signal)];
    file.learnSize(CHUNK + 1);
    expect(await Promise.all(beyond)).toEqual(['beyond_end', 'beyond_end']);
    file.failWaiters(new PeerLinkError('expired', 'over'));
    await expect(inside).rejects.toMatchObject({ type: 'expired' });
    expect(file.isBusy).toBe(false);
  });

  it('refuses a reader whose signal is over before it waits', async () => {
    const file = new RunningFile(FILE);
    await expect(file.waitForChunk(0, AbortSignal.abort(new Error('gone')))).rejects.toThrow('gone');
    expect(file.isBusy).toBe(false);
  });
});

interface Write {
  readonly index: number;
  readonly variant: number;
  readonly expected: 'none' | 'right' | 'wrong';
  readonly fault: 'none' | 'write' | 'commit' | 'hash' | 'ended';
}

describe('any interleaving of writers and readers', () => {
  it('commits one value a chunk, never changed, and wakes readers with its bytes', async () => {
    const write = fc.record<Write>({
      index: fc.nat({ max: 1 }),
      variant: fc.nat({ max: 1 }),
      expected: fc.constantFrom<Write['expected']>('none', 'none', 'none', 'right', 'wrong'),
      fault: fc.constantFrom<Write['fault']>('none', 'none', 'none', 'none', 'write', 'commit', 'hash', 'ended'),
    });
    const cases = fc.tuple(
      fc.array(write, { minLength: 1, maxLength: 6 }),
      fc.array(fc.nat({ max: 1 }), { maxLength: 3 }),
      fc.boolean(),
      fc.scheduler(),
    );
    await fuzz(
      'chunk claims',
      fc.asyncProperty(cases, async ([writes, readers, isPowerSafe, scheduler]) => {
        const run = new ClaimRun(writes, scheduler, isPowerSafe);
        await run.play(readers);
        run.check();
      }),
    );
  });
});

/** One generated history: writers start one after the other, the scheduler decides when each step of the store ends. */
class ClaimRun {
  readonly #file = new RunningFile(FILE);
  readonly #writes: readonly Write[];
  readonly #scheduler: fc.Scheduler;
  readonly #isPowerSafe: boolean;
  readonly #store: MemoryChunkStore;
  readonly #inFlight = new Map<number, number>();
  readonly #commits = new Map<number, number[]>();
  readonly #outcomes: string[] = [];
  readonly #arrivals: { index: number; arrival: ChunkArrival | null }[] = [];
  #startedCount = 0;
  /** Which write the steps of an index belong to: a chunk has one writer at a time. */
  readonly #writer = new Map<number, number>();

  constructor(writes: readonly Write[], scheduler: fc.Scheduler, isPowerSafe: boolean) {
    this.#writes = writes;
    this.#scheduler = scheduler;
    this.#isPowerSafe = isPowerSafe;
    this.#store = new MemoryChunkStore(netIo, (what, _id, index) => this.#step(what, index));
  }

  async play(readers: readonly number[]): Promise<void> {
    const stored = await storedIn(this.#store, this.#file);
    const ending = new AbortController();
    const waiting = readers.map(async (index) => {
      await this.#scheduler.schedule(Promise.resolve());
      if (this.#file.has(index)) return;
      const entry: { index: number; arrival: ChunkArrival | null } = { index, arrival: null };
      this.#arrivals.push(entry);
      entry.arrival = await this.#file.waitForChunk(index, ending.signal).catch(() => null);
    });
    const writing = this.#writes.map(async (write, order) => {
      await this.#scheduler.schedule(Promise.resolve());
      this.#startedCount += 1;
      this.#outcomes[order] = await this.#write(stored, write, order);
    });
    await this.#scheduler.waitFor(Promise.all(writing));
    ending.abort();
    await this.#scheduler.waitFor(Promise.all(waiting));
  }

  async #write(stored: StoredFile, write: Write, order: number): Promise<string> {
    const { index, variant, expected, fault } = write;
    const started = this.#startedCount;
    const observed = this.#observe(stored, order);
    try {
      const outcome = await this.#file.writeChunk(observed, index, bytesOf(variant), {
        expectedValue: expected === 'none' ? undefined : valueFor(index, expected === 'right' ? variant : variant + 50),
        isPowerSafe: this.#isPowerSafe,
        commit: async (_chunk, writeValue) => {
          if (fault === 'ended') throw new PeerLinkError('ended', 'over');
          await writeValue();
        },
      });
      return outcome;
    } catch (reason) {
      assert(reason instanceof PeerLinkError, String(reason));
      if (reason.type === 'superseded') assert(this.#startedCount > started, 'superseded by nobody');
      return reason.type;
    }
  }

  /** The same stored file, with the number of its writer. */
  #observe(stored: StoredFile, order: number): StoredFile {
    const noted = <T>(index: number, act: () => Promise<T>): Promise<T> => {
      this.#writer.set(index, order);
      return act();
    };
    return {
      fileId: stored.fileId,
      values: stored.values,
      writeChunk: (index, bytes) => noted(index, () => stored.writeChunk(index, bytes)),
      hashChunk: (index, bytes) => noted(index, () => stored.hashChunk(index, bytes)),
      commitChunk: (index, value) => noted(index, () => stored.commitChunk(index, value)),
      writeAndCommitChunk: (index, bytes, expected) =>
        noted(index, () => stored.writeAndCommitChunk(index, bytes, expected)),
      dropChunk: (index) => stored.dropChunk(index),
      readChunk: (index, buffer, length, hiding) => stored.readChunk(index, buffer, length, hiding),
      root: (size) => stored.root(size),
      sync: () => this.#scheduler.schedule(stored.sync()),
      close: () => stored.close(),
    };
  }

  async #step(what: 'write' | 'hash' | 'commit' | 'read', index: number): Promise<void> {
    const order = this.#writer.get(index) ?? -1;
    assert.equal(this.#inFlight.get(index) ?? 0, 0, 'two steps of one chunk at once');
    if (what === 'write') assert(!this.#file.has(index), 'a committed chunk was written');
    this.#inFlight.set(index, 1);
    await this.#scheduler.schedule(Promise.resolve(), `${what} ${index} of ${order}`);
    this.#inFlight.set(index, 0);
    if (this.#writes[order]?.fault === what) throw new PeerLinkError('disk_full', 'full');
    if (what === 'commit') this.#commits.set(index, [...(this.#commits.get(index) ?? []), order]);
  }

  check(): void {
    assert.equal(this.#file.isBusy, false, 'claims or waiters were left');
    for (const index of [0, 1]) this.#checkChunk(index);
    for (const { index, arrival } of this.#arrivals) {
      if (!this.#file.has(index)) continue;
      assert(arrival !== null && arrival !== 'beyond_end', 'a reader slept through a commit');
      const bytes = this.#store.files.get(this.#file.row.id)?.chunks.get(index);
      assert(bytes !== undefined && Buffer.concat(arrival.bytes).equals(bytes));
    }
  }

  #checkChunk(index: number): void {
    const committers = this.#commits.get(index) ?? [];
    assert(committers.length <= 1, 'a chunk was committed twice');
    const [committer] = committers;
    assert.equal(this.#file.has(index), committer !== undefined);
    const variant = committer === undefined ? undefined : this.#writes[committer]?.variant;
    if (variant !== undefined) {
      const disk = this.#store.files.get(this.#file.row.id);
      assert.deepEqual(disk?.values.get(index), new Uint8Array(valueFor(index, variant)));
      assert(disk?.chunks.get(index)?.equals(Buffer.concat(bytesOf(variant))), 'bytes and value differ');
    }
    for (const [order, write] of this.#writes.entries()) {
      if (write.index !== index) continue;
      const outcome = this.#outcomes[order];
      switch (outcome) {
        case 'committed':
          assert.equal(order, committer);
          break;
        case 'same':
          assert.equal(write.variant, variant);
          break;
        case 'chunk_conflict':
          assert(variant !== undefined && write.variant !== variant);
          break;
        case 'digest_mismatch':
          assert.equal(write.expected, 'wrong');
          break;
        case 'disk_full':
        case 'ended':
          assert.notEqual(write.fault, 'none');
          break;
        default:
          assert.equal(outcome, 'superseded');
      }
    }
  }
}
