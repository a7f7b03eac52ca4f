import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import fc from 'fast-check';
import { loadNetIo } from '../../native/index.ts';
import { fuzz } from '../../test/support/fuzz.ts';
import { MemoryChunkStore, type StoreStep } from '../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type { StateChange } from './engine-deps.ts';
import type { NewFile } from './ports.ts';
import { recoverHomes } from './recovery.ts';
import type { RunningTransfer } from './running-transfer.ts';
import type { TransferEngine } from './transfer-engine.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const START = Date.UTC(2026, 0, 1);

/** Everything that survives a process, and a process over it. */
class World {
  nowMs = START;
  readonly repository = new MemoryTransferRepository(() => this.nowMs);
  readonly store: MemoryChunkStore;
  readonly states: StateChange[] = [];
  readonly faults: unknown[] = [];
  engine: TransferEngine;

  constructor(step?: StoreStep) {
    this.store = new MemoryChunkStore(netIo, step);
    this.engine = this.#start(true);
  }

  restart(isDiskTrusted = true): void {
    this.engine = this.#start(isDiskTrusted);
  }

  #start(isDiskTrusted: boolean): TransferEngine {
    return memoryEngine({
      repository: this.repository,
      store: this.store,
      nowMs: () => this.nowMs,
      isDiskTrusted,
      publishState: (change) => void this.states.push(change),
      onFault: (_what, fault) => void this.faults.push(fault),
    });
  }

  async insert(files: readonly Partial<NewFile>[], expiresInSeconds = 3600): Promise<string> {
    const all = files.map((file) => ({ sizeBytes: 3 * CHUNK, chunkSizeBytes: CHUNK, ...file }));
    return (await insertTransfer(this.repository, { files: all, expiresInSeconds })).transfer.id;
  }
}

const bytesOf = (index: number, variant = 0, lengthBytes = CHUNK) =>
  Buffer.alloc(lengthBytes, 1 + index * 16 + variant);
const contentOf = (count: number) => Buffer.concat(Array.from({ length: count }, (_, index) => bytesOf(index)));

async function write(engine: TransferEngine, transfer: RunningTransfer, index: number, variant = 0, fileIndex = 0) {
  return engine.writeChunk(transfer, transfer.file(fileIndex), { index, bytes: [bytesOf(index, variant)] });
}

describe('a transfer at its home', () => {
  it('is sealed by its last chunk, with the BLAKE3 of its bytes, and says so once', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}, { sizeBytes: CHUNK }]));
    for (const index of [2, 0, 1]) await write(world.engine, transfer, index);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    expect(Buffer.from(transfer.file(0).row.digest ?? [])).toEqual(Buffer.from(blake3(contentOf(3))));
    expect(transfer.row.state).toBe('open');
    await write(world.engine, transfer, 0, 0, 1);
    await world.engine.sealWhenComplete(transfer, transfer.file(1));
    await world.engine.sealWhenComplete(transfer, transfer.file(1));
    expect(transfer.row.state).toBe('sealed');
    expect(world.states.map((change) => change.state)).toEqual(['sealed']);
  });

  it('is found by its share id and by its own id, each only as what it is', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}]));
    expect(await world.engine.loadShare(transfer.row.shareId)).toBe(transfer);
    await expect(world.engine.loadShare(transfer.row.id)).rejects.toMatchObject({ type: 'not_found' });
    await expect(world.engine.load(transfer.row.shareId)).rejects.toMatchObject({ type: 'not_found' });
  });

  it('is one in memory however many ask for it at once', async () => {
    const world = new World();
    const id = await world.insert([{}]);
    const all = await Promise.all([world.engine.load(id), world.engine.load(id), world.engine.load(id)]);
    expect(new Set(all).size).toBe(1);
  });

  it('lets a writer make the file that a reader looked for in vain at the same moment', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}]));
    const [use] = await Promise.all([
      world.engine.useFile(transfer, transfer.file(0), 'read'),
      write(world.engine, transfer, 0),
    ]);
    use?.release();
    expect(transfer.file(0).has(0)).toBe(true);
  });

  it('ends when the file does not have the digest its sender gave', async () => {
    const world = new World();
    const transfer = await world.engine.load(
      await world.insert([{ sizeBytes: CHUNK, expectedDigest: new Uint8Array(32) }]),
    );
    await write(world.engine, transfer, 0);
    await expect(
      world.engine.sealWhenComplete(transfer, transfer.file(0)).then(() => {
        transfer.assertReadable(world.nowMs);
      }),
    ).rejects.toMatchObject({ type: expect.stringMatching(/digest_mismatch|ended/) });
    expect(transfer.row).toMatchObject({ state: 'ended', endReason: 'digest_mismatch' });
    expect(world.store.files.size).toBe(0);
  });

  it('is sealed later when the database cannot answer at its last chunk', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{ sizeBytes: CHUNK }]));
    world.repository.isUp = false;
    await write(world.engine, transfer, 0);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    await world.engine.maintain();
    expect(transfer.row.state).toBe('open');
    world.repository.isUp = true;
    await world.engine.maintain();
    expect(transfer.row.state).toBe('sealed');
  });

  it('is sealed by the next process when this one was killed before its seal', async () => {
    const world = new World();
    const id = await world.insert([{ sizeBytes: CHUNK }]);
    world.repository.isUp = true;
    const transfer = await world.engine.load(id);
    world.repository.isUp = false;
    await write(world.engine, transfer, 0);
    world.repository.isUp = true;
    world.restart();
    await recoverHomes(world);
    expect((await world.repository.findById(id))?.transfer.state).toBe('sealed');
  });

  it('of unknown length is ended by the next process when its body broke with this one, and kept when none had begun', async () => {
    const world = new World();
    const [broken, waiting] = [await world.insert([{ sizeBytes: null }]), await world.insert([{ sizeBytes: null }])];
    await write(world.engine, await world.engine.load(broken), 0);
    world.restart();
    await recoverHomes(world);
    expect((await world.repository.findById(broken))?.transfer).toMatchObject({ state: 'ended', endReason: 'aborted' });
    expect((await world.repository.findById(waiting))?.transfer.state).toBe('open');
  });

  it('of unknown length is ended by the node that took it over, with its readers, unless it was sealed before', async () => {
    const world = new World();
    const [broken, waiting, sealed] = await Promise.all(
      [1, 2, 3].map(() => world.insert([{ sizeBytes: null }, { sizeBytes: null }])),
    );
    const ids = [broken, waiting, sealed].map(String);
    // As a replica it has what the home before had committed.
    const asReplica = { homeNodeId: 'node-b', replicaNodeId: 'node-a', replicaState: 'in_sync' } as const;
    for (const id of ids) await world.repository.cas(id, 1, asReplica);
    for (const id of [broken, sealed].map(String)) {
      const view = await world.engine.replicaTransfer(id);
      const { stored, release } = await view.useFile(0);
      await stored.writeAndCommitChunk(0, [bytesOf(0)]);
      release();
    }
    const digest = blake3(bytesOf(0));
    const seal = { transferId: String(sealed), fileIndex: 0, knownEpoch: 2, homeNodeId: 'node-b', digest };
    await world.repository.sealFile({ ...seal, sizeBytes: CHUNK });
    const asHome = { homeNodeId: 'node-a', replicaNodeId: null, replicaState: 'none' } as const;
    for (const id of ids) await world.repository.cas(id, 2, asHome);
    const reader = await world.engine.load(String(broken));
    // What a promotion knows first: the row without its files.
    for (const id of ids) {
      const found = await world.repository.findById(id);
      assert(found !== null);
      await world.engine.obey(await world.engine.load(id), found.transfer);
    }
    const reading = reader.file(0).waitForChunk(1, new AbortController().signal);
    reading.catch(() => {});
    await world.engine.maintain();
    const states = await world.repository.refresh(ids);
    expect(states.map(({ state, endReason }) => `${state} ${endReason}`)).toEqual([
      'ended aborted',
      'open null',
      'open null',
    ]);
    await expect(reading).rejects.toMatchObject({ type: 'ended' });
    expect(world.faults).toEqual([]);
  });

  it('of unknown length is not said to be whole until its seal, which comes with the database, however late', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{ sizeBytes: null }]));
    const file = transfer.file(0);
    await write(world.engine, transfer, 0);
    expect(file.isBoundHere).toBe(false);
    world.repository.isUp = false;
    const finished = world.engine.finishUnknownLength(transfer, file, CHUNK);
    await expect(finished).rejects.toMatchObject({ type: 'unavailable', retryAfterSeconds: 1 });
    expect(file.isBoundHere).toBe(true);
    // Only this process knows the size, so it must not forget it.
    world.nowMs += 20 * 60_000;
    await world.engine.maintain();
    world.repository.isUp = true;
    await world.engine.maintain();
    expect((await world.repository.findById(transfer.row.id))?.transfer.state).toBe('sealed');
    expect(file.isBoundHere).toBe(false);
    expect(transfer.isBusy).toBe(false);
  });

  it('is known for ten minutes after its last use, so that its readers need no database, and then forgotten', async () => {
    const world = new World();
    const { shareId } = (await world.engine.load(await world.insert([{}]))).row;
    world.repository.isUp = false;
    for (let minute = 0; minute < 10; minute += 1) {
      world.nowMs += 60_000 - 1;
      await world.engine.maintain();
    }
    expect((await world.engine.loadShare(shareId)).row.shareId).toBe(shareId);
    world.nowMs += 10 * 60_000 + 1;
    await world.engine.maintain();
    await expect(world.engine.loadShare(shareId)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('is read for ten minutes after its row was, however often it is asked for, while its chunks are still taken', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}], 24 * 3600));
    const { shareId, id } = transfer.row;
    const read = async () => (await world.engine.loadShare(shareId)).assertReadable(world.nowMs);
    const pass = async (minutes: number) => {
      for (let minute = 0; minute < minutes; minute += 1) {
        world.nowMs += 60_000;
        await world.engine.maintain();
        await read();
      }
    };
    await pass(15);
    world.repository.isUp = false;
    await pass(10);
    world.nowMs += 1;
    await expect(read()).rejects.toMatchObject({ type: 'unavailable' });
    expect(() => transfer.assertReadable(world.nowMs)).toThrow(expect.objectContaining({ retryAfterSeconds: 1 }));
    expect(await write(world.engine, await world.engine.load(id), 0)).toBe('committed');
    world.repository.isUp = true;
    await read();
    world.repository.isUp = false;
    await pass(10);
    world.nowMs += 1;
    world.repository.isUp = true;
    await world.repository.end(id, 'deleted');
    await expect(read()).rejects.toMatchObject({ type: 'ended' });
  });

  it('looks for its row once however many ask for it after ten minutes without', async () => {
    const world = new World();
    const { shareId } = (await world.engine.load(await world.insert([{}], 24 * 3600))).row;
    world.nowMs += 10 * 60_000 + 1;
    let lookCount = 0;
    const find = world.repository.findById.bind(world.repository);
    world.repository.findById = async (id) => {
      lookCount += 1;
      return find(id);
    };
    await Promise.all([1, 2, 3].map(() => world.engine.loadShare(shareId)));
    expect(lookCount).toBe(1);
  });

  it('has its files closed a minute after their last use, and opens them again', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}]));
    await write(world.engine, transfer, 0);
    const use = await world.engine.useFile(transfer, transfer.file(0), 'read');
    use?.release();
    const buffer = Buffer.alloc(CHUNK);
    expect(await use?.stored.readChunk(0, buffer, CHUNK)).toBe(true);
    world.nowMs += 60_001;
    await world.engine.maintain();
    await expect(use?.stored.readChunk(0, buffer, CHUNK)).rejects.toMatchObject({ type: 'unavailable' });
    const again = await world.engine.useFile(transfer, transfer.file(0), 'read');
    expect(await again?.stored.readChunk(0, buffer, CHUNK)).toBe(true);
  });

  it('learns sizes and digests that another node set', async () => {
    const world = new World();
    const id = await world.insert([{ sizeBytes: null }]);
    const transfer = await world.engine.load(id);
    const digest = new Uint8Array(32).fill(7);
    await world.repository.cas(id, 1, { homeNodeId: 'node-b' });
    const seal = { transferId: id, fileIndex: 0, knownEpoch: 2, homeNodeId: 'node-b', digest, sizeBytes: 9 };
    await world.repository.sealFile(seal);
    await world.engine.maintain();
    expect(transfer.row.state).toBe('sealed');
    expect(transfer.file(0).row).toMatchObject({ sizeBytes: 9, digest });
  });

  it('tells the database that it moves, so that it is not taken for abandoned, and only then', async () => {
    const world = new World();
    const id = await world.insert([{}]);
    const transfer = await world.engine.load(id);
    const touchedAt = async () => Number((await world.repository.findById(id))?.transfer.touchedAt);
    world.nowMs += 600_000;
    await write(world.engine, transfer, 0);
    await world.engine.maintain();
    expect(await touchedAt()).toBe(world.nowMs);
    const movedAtMs = world.nowMs;
    world.nowMs += 600_000;
    await write(world.engine, transfer, 0);
    await world.engine.maintain();
    expect(await touchedAt()).toBe(movedAtMs);
  });

  it('lets go of readers and bytes when another node ended it', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}]));
    await write(world.engine, transfer, 0);
    const waiting = transfer.file(0).waitForChunk(1, new AbortController().signal);
    waiting.catch(() => {});
    await world.repository.end(transfer.row.id, 'deleted');
    await world.engine.maintain();
    await expect(waiting).rejects.toMatchObject({ type: 'ended' });
    await expect(write(world.engine, transfer, 1)).rejects.toMatchObject({ type: 'ended' });
    expect(world.store.files.size).toBe(0);
  });

  it('of whose end it heard is over for readers and writers at once, and keeps its bytes until its row says so', async () => {
    const world = new World();
    const id = await world.insert([{}]);
    const transfer = await world.engine.load(id);
    await write(world.engine, transfer, 0);
    const waiting = transfer.file(0).waitForChunk(1, new AbortController().signal);
    waiting.catch(() => {});
    await world.repository.end(id, 'used_up');
    world.repository.isUp = false;
    world.engine.hearEnd(id, 'used_up');
    await expect(waiting).rejects.toMatchObject({ type: 'used_up' });
    await world.engine.maintain();
    const share = await world.engine.loadShare(transfer.row.shareId);
    expect(() => share.assertReadable(world.nowMs)).toThrow(expect.objectContaining({ type: 'used_up' }));
    await expect(write(world.engine, transfer, 1)).rejects.toMatchObject({ type: 'used_up' });
    expect(transfer.row.state).toBe('open');
    expect(world.store.files.size).toBe(1);
    world.repository.isUp = true;
    await world.engine.maintain();
    expect(transfer.row.state).toBe('ended');
    expect(world.store.files.size).toBe(0);
    world.engine.hearEnd('of nobody here', 'deleted');
  });

  it('of whose end it heard when all of it was there is not sealed any more, and nobody is bothered with that', async () => {
    const world = new World();
    const id = await world.insert([{ sizeBytes: CHUNK }]);
    const transfer = await world.engine.load(id);
    world.repository.isUp = false;
    await write(world.engine, transfer, 0);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    world.engine.hearEnd(id, 'deleted');
    world.faults.length = 0;
    await world.engine.maintain();
    expect(world.faults).toEqual([expect.objectContaining({ type: 'unavailable' })]);
  });

  it('tells a writer whose file was closed under it that the transfer is over', async () => {
    let holdBack: (() => void) | undefined;
    const world = new World((what) =>
      what === 'write' ? new Promise((resolve) => (holdBack = resolve)) : Promise.resolve(),
    );
    const transfer = await world.engine.load(await world.insert([{}]));
    const writing = write(world.engine, transfer, 0);
    writing.catch(() => {});
    while (holdBack === undefined) await new Promise(setImmediate);
    await world.engine.end(transfer.row.id, 'deleted');
    holdBack();
    await expect(writing).rejects.toMatchObject({ type: 'ended' });
    expect(transfer.file(0).has(0)).toBe(false);
  });

  it('keeps no file of it open that was looked at while it was removed', async () => {
    const world = new World();
    const transfer = await world.engine.load(await world.insert([{}]));
    await write(world.engine, transfer, 0);
    const { openFiles } = world.engine;
    const fileId = transfer.file(0).row.id;
    const remove = world.store.remove.bind(world.store);
    world.store.remove = async (id) => {
      const look = await openFiles.use(id, () => world.store.open(id, { chunkSizeBytes: CHUNK, sizeBytes: 3 * CHUNK }));
      look?.release();
      await remove(id);
    };
    await world.engine.end(transfer.row.id, 'deleted');
    expect(world.store.files.has(fileId)).toBe(false);
    // Nothing is kept, so what is there now is found: nothing.
    expect(await openFiles.use(fileId, async () => null)).toBeNull();
  });

  it('whose stored values no longer make its digest is not served', async () => {
    const world = new World();
    const id = await world.insert([{ sizeBytes: 2 * CHUNK }]);
    const transfer = await world.engine.load(id);
    for (const index of [0, 1]) await write(world.engine, transfer, index);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    world.store.files.get(transfer.file(0).row.id)?.values.set(1, new Uint8Array(32).fill(9));
    world.restart();
    const again = await world.engine.load(id);
    await expect(world.engine.useFile(again, again.file(0), 'read')).rejects.toMatchObject({ type: 'damaged' });
  });

  it('that another node sealed with other bytes is not served, however much of it was trusted here before', async () => {
    const world = new World();
    const id = await world.insert([{ sizeBytes: 2 * CHUNK }]);
    const transfer = await world.engine.load(id);
    const file = transfer.file(0);
    await write(world.engine, transfer, 0);
    await world.repository.cas(id, 1, { homeNodeId: 'node-b' });
    // It was on its way when this node was taken over, and was never acknowledged.
    const stored = await world.store.create(file.row.id, file.row);
    await stored.writeAndCommitChunk(1, [bytesOf(1, 1)]);
    const digest = netIo.hash(contentOf(2));
    const seal = { transferId: id, fileIndex: 0, knownEpoch: 2, homeNodeId: 'node-b', digest, sizeBytes: 2 * CHUNK };
    await world.repository.sealFile(seal);
    await world.engine.maintain();
    expect(transfer.row.state).toBe('sealed');
    expect(await world.engine.holdsAll(transfer, file)).toBe(false);
    await expect(world.engine.useFile(transfer, file, 'read')).rejects.toMatchObject({ type: 'damaged' });
  });

  it('after a reboot drops what does not verify, raises its generation once, and takes it again', async () => {
    const world = new World();
    const id = await world.insert([{}]);
    const before = await world.engine.load(id);
    for (const index of [0, 2]) await write(world.engine, before, index);
    world.store.files.get(before.file(0).row.id)?.chunks.set(2, bytesOf(7));
    world.restart(false);
    const transfer = await world.engine.load(id);
    await Promise.all([0, 1, 2].map(() => world.engine.learnFile(transfer, transfer.file(0))));
    expect(transfer.file(0).committedRanges()).toEqual([[0, 1]]);
    expect(transfer.row.generation).toBe(2);
    for (const index of [1, 2]) await write(world.engine, transfer, index);
    await world.engine.sealWhenComplete(transfer, transfer.file(0));
    expect(Buffer.from(transfer.file(0).row.digest ?? [])).toEqual(Buffer.from(blake3(contentOf(3))));
  });

  it('is forgotten after ten minutes without use, and found again with what it has', async () => {
    const world = new World();
    const id = await world.insert([{}]);
    const first = await world.engine.load(id);
    await write(world.engine, first, 1);
    const release = world.engine.hold(first);
    world.nowMs += 61_000;
    await world.engine.maintain();
    expect(await world.engine.load(id)).toBe(first);
    release();
    world.nowMs += 601_000;
    await world.engine.maintain();
    const second = await world.engine.load(id);
    expect(second).not.toBe(first);
    await world.engine.learnValues(second);
    expect(second.file(0).committedRanges()).toEqual([[1, 2]]);
  });
});

type Act =
  | { readonly kind: 'write'; readonly index: number; readonly variant: number }
  | { readonly kind: 'read'; readonly index: number }
  | { readonly kind: 'wait'; readonly index: number }
  | {
      readonly kind: 'end' | 'end elsewhere' | 'maintain' | 'restart' | 'recover' | 'expire' | 'database' | 'obey late';
    };

/** What a client may rely on, told by a model that knows only outcomes. */
class LifeRun {
  readonly #world = new World();
  readonly #committed = new Map<number, number>();
  readonly #waiting: { index: number; outcome: string | null }[] = [];
  #id = '';
  #shareId = '';
  #isOver = false;
  #sealedDigest: string | null = null;
  #lastState: 'open' | 'sealed' | 'ended' = 'open';

  async play(acts: readonly Act[]): Promise<void> {
    this.#id = await this.#world.insert([{ sizeBytes: 2 * CHUNK }], 1000);
    this.#shareId = (await this.#world.repository.findById(this.#id))?.transfer.shareId ?? '';
    for (const act of acts) {
      await this.#act(act).catch((fault: unknown) => {
        assert(fault instanceof PeerLinkError, String(fault));
        // What does not need the database must not fail with it; what needs it may only then.
        if (fault.type === 'unavailable')
          assert(!this.#world.repository.isUp, 'unavailable although the database is up');
        else assert(['ended', 'expired', 'chunk_conflict'].includes(fault.type), fault.type);
      });
      await this.#check();
    }
    await this.#end();
  }

  async #act(act: Act): Promise<void> {
    const { engine, repository } = this.#world;
    switch (act.kind) {
      case 'write':
        return this.#write(act.index, act.variant);
      case 'read':
        return this.#read(act.index);
      case 'wait':
        return this.#wait(act.index);
      case 'end':
        await engine.end(this.#id, 'deleted');
        this.#isOver = true;
        return;
      case 'end elsewhere':
        if (await repository.end(this.#id, 'deleted')) this.#isOver = true;
        return;
      case 'expire':
        this.#world.nowMs += 400_000;
        if (this.#world.nowMs - START >= 1_000_000) this.#isOver = true;
        return;
      case 'maintain':
        if (repository.isUp) await repository.endExpired({ uploadTtlSeconds: 1e6, leaseIdleSeconds: null, limit: 10 });
        await engine.maintain();
        return;
      case 'restart':
        this.#world.restart();
        for (const waiter of this.#waiting) waiter.outcome ??= 'process gone';
        return;
      case 'recover':
        await recoverHomes(this.#world);
        return;
      case 'database':
        repository.isUp = !repository.isUp;
        return;
      case 'obey late': {
        // An answer that was long on its way: an older row must change nothing.
        const transfer = await engine.load(this.#id);
        const old = { ...transfer.row, epoch: transfer.row.epoch - 1, state: 'open' as const, generation: 99 };
        return engine.obey(transfer, old);
      }
    }
  }

  async #write(index: number, variant: number): Promise<void> {
    const { engine } = this.#world;
    const transfer = await engine.load(this.#id);
    const known = this.#committed.get(index);
    try {
      const outcome = await write(engine, transfer, index, variant);
      assert.equal(outcome, known === undefined ? 'committed' : 'same');
      assert(known === undefined || known === variant, 'a committed chunk took other bytes');
      this.#committed.set(index, variant);
    } catch (fault) {
      if (fault instanceof PeerLinkError && fault.type === 'chunk_conflict')
        assert(known !== undefined && known !== variant);
      throw fault;
    }
    await engine.sealWhenComplete(transfer, transfer.file(0));
  }

  async #read(index: number): Promise<void> {
    const { engine } = this.#world;
    const transfer = await engine.loadShare(this.#shareId);
    transfer.assertReadable(this.#world.nowMs);
    const use = await engine.useFile(transfer, transfer.file(0), 'read');
    if (use === null) {
      assert.equal(this.#committed.size, 0, 'committed bytes are gone');
      return;
    }
    try {
      const variant = this.#committed.get(index);
      assert.equal(use.stored.values.has(index), variant !== undefined);
      if (variant === undefined) return;
      const buffer = Buffer.alloc(CHUNK);
      assert(await use.stored.readChunk(index, buffer, CHUNK), 'a committed chunk does not verify');
      assert(buffer.equals(bytesOf(index, variant)));
    } finally {
      use.release();
    }
  }

  async #wait(index: number): Promise<void> {
    const { engine } = this.#world;
    const transfer = await engine.loadShare(this.#shareId);
    transfer.assertReadable(this.#world.nowMs);
    await engine.learnFile(transfer, transfer.file(0));
    if (transfer.file(0).has(index)) return;
    const waiter: { index: number; outcome: string | null } = { index, outcome: null };
    this.#waiting.push(waiter);
    const done = (outcome: string) => {
      waiter.outcome ??= outcome;
    };
    transfer
      .file(0)
      .waitForChunk(index, new AbortController().signal)
      .then(
        (arrival) => {
          const bytes = arrival === 'beyond_end' ? Buffer.alloc(0) : Buffer.concat(arrival.bytes);
          const variant = (bytes[0] ?? 0) - 1 - index * 16;
          done(bytes.equals(bytesOf(index, variant)) ? `bytes ${variant}` : 'wrong bytes');
        },
        (fault: PeerLinkError) => done(fault.type),
      );
  }

  async #check(): Promise<void> {
    const wasUp = this.#world.repository.isUp;
    this.#world.repository.isUp = true;
    const found = await this.#world.repository.findById(this.#id);
    this.#world.repository.isUp = wasUp;
    assert(found !== null);
    const { transfer, files } = found;
    const order = ['open', 'sealed', 'ended'];
    assert(
      order.indexOf(transfer.state) >= order.indexOf(this.#lastState),
      `${this.#lastState} became ${transfer.state}`,
    );
    this.#lastState = transfer.state;
    assert.equal(transfer.generation, 1);
    const digest = files[0]?.digest ?? null;
    const hexDigest = digest === null ? null : Buffer.from(digest).toString('hex');
    if (this.#sealedDigest !== null) assert.equal(hexDigest, this.#sealedDigest, 'a digest changed');
    this.#sealedDigest = hexDigest;
    if (hexDigest === null) return;
    const content = Buffer.concat([0, 1].map((index) => bytesOf(index, this.#committed.get(index) ?? 99)));
    assert.equal(hexDigest, Buffer.from(netIo.hash(content)).toString('hex'), 'the digest is not of the bytes');
  }

  /** Once the database is back and a turn has passed, everybody has been told the truth. */
  async #end(): Promise<void> {
    const { repository, store } = this.#world;
    repository.isUp = true;
    await recoverHomes(this.#world);
    await repository.endExpired({ uploadTtlSeconds: 1e6, leaseIdleSeconds: null, limit: 10 });
    await this.#world.engine.maintain();
    await new Promise(setImmediate);
    await this.#check();
    const over = this.#lastState === 'ended';
    assert.equal(over, this.#isOver, 'the end was not what was asked for');
    if (!over) assert.equal(this.#lastState, this.#committed.size === 2 ? 'sealed' : 'open');
    for (const { index, outcome } of this.#waiting) {
      if (outcome === 'process gone') continue;
      const variant = this.#committed.get(index);
      if (outcome === null) assert(!over && variant === undefined, 'a reader waits for what is there or over');
      else if (outcome.startsWith('bytes')) assert.equal(outcome, `bytes ${variant}`);
      else assert(over && ['ended', 'expired'].includes(outcome), outcome);
    }
    if (over) {
      const transfer = await this.#world.engine.load(this.#id);
      await assert.rejects(write(this.#world.engine, transfer, 0), PeerLinkError);
      assert.throws(() => transfer.assertReadable(this.#world.nowMs), PeerLinkError);
    } else if (this.#committed.size > 0) {
      assert.equal(store.files.size, 1);
    }
    assert(
      this.#world.faults.every((fault) => fault instanceof PeerLinkError),
      String(this.#world.faults),
    );
  }
}

describe('the life of a transfer', () => {
  it('holds its promises through any order of writes, reads, ends, expiries, restarts and outages', async () => {
    const index = fc.nat({ max: 1 });
    const act: fc.Arbitrary<Act> = fc.oneof(
      { weight: 5, arbitrary: fc.record({ kind: fc.constant('write' as const), index, variant: fc.nat({ max: 1 }) }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('read' as const), index }) },
      { weight: 3, arbitrary: fc.record({ kind: fc.constant('wait' as const), index }) },
      {
        weight: 2,
        arbitrary: fc.record({ kind: fc.constantFrom('maintain', 'restart', 'recover', 'database', 'obey late') }),
      },
      { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('end', 'end elsewhere', 'expire') }) },
    ) as fc.Arbitrary<Act>;
    await fuzz(
      'transfer life',
      fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 12 }), async (acts) => {
        await new LifeRun().play(acts);
      }),
    );
  }, 120_000);
});
