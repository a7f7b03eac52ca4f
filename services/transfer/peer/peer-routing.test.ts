import { beforeEach, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { readerParts } from '../../../test/support/reader-parts.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import { damagedChunk } from '../mending.ts';
import type { PeerReading, ReadTarget } from './peer-client.ts';
import { noAnswer } from './peer-faults.ts';
import { PeerRouting } from './peer-routing.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const geometry = { chunkSizeBytes: CHUNK, sizeBytes: 3 * CHUNK };
const BYTES = Buffer.concat([1, 2, 3].map((byte) => Buffer.alloc(CHUNK, byte)));
/** What is decided only after so long need not be waited for here. */
const GIVE_UP_MS = 500;

type Holding = 'whole' | 'absent' | 'damaged' | 'silent';

/** `node-a`, whose reader this is, and others by what they have of the one file. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly store = new MemoryChunkStore(netIo);
  readonly others = new Map<string, Holding>();
  readonly asked: string[] = [];
  isListed = true;
  /** What comes of a run that is passed on. */
  forwarded: Error = noAnswer(null);
  /** Once: happens after the first chunk, and breaks the reading. */
  breaks: (() => Promise<unknown>) | null = null;
  /** What a node finds of its own when it is asked for bytes, before it answers. */
  finds: () => Promise<unknown> = async () => {};
  readonly engine = memoryEngine({ repository: this.repository, store: this.store, nowMs: Date.now });
  readonly routing = new PeerRouting({
    engine: this.engine,
    client: {
      probe: async (nodeId) => (this.others.get(nodeId) === 'silent' ? 'silent' : 'alive'),
      promote: () => Promise.reject(noAnswer(null)),
      forwardRun: () => Promise.reject(this.forwarded),
      read: (target) => this.#read(target),
      holds: async ({ nodeId }) => {
        this.asked.push(`${nodeId}?`);
        if (this.others.get(nodeId) === 'silent') throw noAnswer(null);
        return this.others.get(nodeId) === 'whole';
      },
    },
    replica: { promote: () => Promise.reject(new Error('a sealed file needs no promotion')) },
    nodeIds: async () => {
      if (!this.isListed) throw new PeerLinkError('unavailable', 'no database');
      return ['node-a', ...this.others.keys()];
    },
    answeringNodeIds: () => ['node-a'],
    giveUpMs: GIVE_UP_MS,
  });
  id = '';

  /** A sealed file, stored here or not. */
  async seal(
    change: { homeNodeId: string; replicaNodeId: string | null },
    options: { isHere: boolean },
  ): Promise<void> {
    const { id } = (await insertTransfer(this.repository, { files: [geometry] })).transfer;
    this.id = id;
    const transfer = await this.engine.load(id);
    for (const index of [0, 1, 2]) {
      const bytes = [BYTES.subarray(index * CHUNK, (index + 1) * CHUNK)];
      await this.engine.writeChunk(transfer, transfer.file(0), { index, bytes });
    }
    await this.engine.sealWhenComplete(transfer, transfer.file(0));
    const replicaState = change.replicaNodeId === null ? 'none' : 'in_sync';
    await this.repository.cas(id, transfer.row.epoch, { ...change, replicaState });
    await this.engine.forget(transfer);
    if (!options.isHere) this.store.files.clear();
  }

  /** An open file whose home is `node-h`. */
  async open(): Promise<void> {
    const homeNodeId = 'node-h';
    this.id = (await insertTransfer(this.repository, { homeNodeId, files: [geometry] })).transfer.id;
    this.others.set(homeNodeId, 'whole');
  }

  /** @param parts where what is read is put as it comes */
  async read(parts: Buffer[] = []): Promise<Buffer> {
    const transfer = await this.engine.load(this.id);
    const end = new AbortController();
    const pieces = this.routing.readAnywhere({
      deps: { engine: this.engine, ...readerParts() },
      transfer,
      file: transfer.file(0),
      from: 0,
      to: BYTES.length,
      signal: end.signal,
      cut: () => end.abort(),
    });
    for await (const piece of pieces) {
      parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
      piece.release('taken');
    }
    return Buffer.concat(parts);
  }

  async #read({ nodeId, from, to }: ReadTarget): Promise<PeerReading> {
    this.asked.push(nodeId);
    const holding = this.others.get(nodeId) ?? 'silent';
    if (holding === 'damaged') throw damagedChunk(0);
    if (holding !== 'whole') throw noAnswer(null);
    await this.finds();
    let position = from;
    return {
      progress: null,
      break: () => {},
      next: async () => {
        const { breaks } = this;
        if (breaks !== null && position > from) {
          this.breaks = null;
          await breaks();
          throw noAnswer(null);
        }
        const bytes = BYTES.subarray(position, breaks === null ? (to ?? BYTES.length) : position + CHUNK);
        position += bytes.length;
        return bytes.length === 0 ? null : { bytes: [bytes], lengthBytes: bytes.length, release: () => {} };
      },
    };
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});

describe('a sealed file that its home has lost', () => {
  beforeEach(() => world.seal({ homeNodeId: 'node-a', replicaNodeId: 'node-r' }, { isHere: false }));

  it('is served from its replica to whoever asks the home', async () => {
    world.others.set('node-r', 'whole');
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect(world.asked).toEqual(['node-r']);
  });

  it('is served from a node that the row names no more, when the replica has it not', async () => {
    world.others.set('node-r', 'absent').set('node-x', 'whole').set('node-y', 'absent');
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect(world.asked).toEqual(['node-r', 'node-r?', 'node-x?', 'node-y?', 'node-x']);
  });

  it('is damaged when no node has it, and only then', async () => {
    world.others.set('node-r', 'damaged').set('node-x', 'absent');
    await expect(world.read()).rejects.toMatchObject({ type: 'damaged' });
  });

  it('is not called damaged while a node that may have it is silent, or nobody can say who there is', async () => {
    world.others.set('node-r', 'silent');
    await expect(world.read()).rejects.toMatchObject({ type: 'unavailable' });
    world = new World();
    await world.seal({ homeNodeId: 'node-a', replicaNodeId: null }, { isHere: false });
    world.isListed = false;
    await expect(world.read()).rejects.toMatchObject({ type: 'unavailable' });
  });
});

describe('a sealed file whose home is dead and whose replica is being filled', () => {
  it('is served from any node that holds all of it', async () => {
    await world.seal({ homeNodeId: 'node-h', replicaNodeId: 'node-n' }, { isHere: false });
    world.others.set('node-h', 'silent').set('node-n', 'absent').set('node-x', 'whole');
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect(world.asked.at(-1)).toBe('node-x');
  });

  it('is asked for once by readers that come together', async () => {
    await world.seal({ homeNodeId: 'node-h', replicaNodeId: 'node-n' }, { isHere: false });
    world.others.set('node-h', 'silent').set('node-n', 'absent').set('node-x', 'whole');
    const read = await Promise.all([world.read(), world.read(), world.read()]);
    expect(read.every((bytes) => bytes.equals(BYTES))).toBe(true);
    expect(world.asked.filter((what) => what === 'node-x?')).toHaveLength(1);
  });

  it('is nobody else’s business while one that the row names serves it', async () => {
    await world.seal({ homeNodeId: 'node-h', replicaNodeId: 'node-n' }, { isHere: false });
    world.others.set('node-h', 'whole').set('node-x', 'whole');
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect(world.asked).toEqual(['node-h']);
  });
});

describe('a run that goes to its home through another node', () => {
  const RUN = { fileIndex: 0, offset: 0, lengthBytes: CHUNK, chunkValue: null };
  const forward = async () => {
    const homeNodeId = 'node-h';
    const { id } = (await insertTransfer(world.repository, { homeNodeId, files: [geometry] })).transfer;
    const transfer = await world.engine.load(id);
    return world.routing.forwardRun(transfer, RUN, { bytes: BYTES.subarray(0, CHUNK) });
  };

  it('is refused with the reason and the list of committed chunks that the home answered', async () => {
    world.others.set('node-h', 'whole');
    for (const type of ['unavailable', 'moved', 'disk_full', 'chunk_conflict'] as const) {
      world.forwarded = new PeerLinkError(type, 'x', { data: { committed: [[0, 2]] }, retryAfterSeconds: 3 });
      await expect(forward()).rejects.toMatchObject({ type, data: { committed: [[0, 2]] }, retryAfterSeconds: 3 });
    }
  });

  it('is told to ask for the status when the home broke under it: what was committed nobody else has counted', async () => {
    world.others.set('node-h', 'silent');
    await expect(forward()).rejects.toMatchObject({ type: 'unavailable', data: undefined, retryAfterSeconds: 1 });
  });
});

describe('an open file whose home breaks under its reader', () => {
  beforeEach(() => world.open());

  it('goes on at the next byte', async () => {
    world.breaks = async () => {};
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect(world.asked).toEqual(['node-h', 'node-h']);
  });

  it('does not when committed chunks were lost meanwhile: what was read may be one of them, sent anew with other bytes', async () => {
    world.breaks = () => world.repository.cas(world.id, 1, { generation: 2 });
    await expect(world.read()).rejects.toMatchObject({ type: 'unavailable' });
    expect(world.asked).toEqual(['node-h']);
  });

  it('nor when its home finds out only now, asked to go on, that it has lost some', async () => {
    world.breaks = async () => {
      world.finds = () => world.repository.cas(world.id, 1, { generation: 2 });
    };
    const read: Buffer[] = [];
    await expect(world.read(read)).rejects.toMatchObject({ type: 'unavailable' });
    expect(Buffer.concat(read).equals(BYTES.subarray(0, CHUNK))).toBe(true);
    expect(world.asked).toEqual(['node-h', 'node-h']);
  });
});
