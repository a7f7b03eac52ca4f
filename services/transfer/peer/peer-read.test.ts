import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { readerParts } from '../../../test/support/reader-parts.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import { waitFor } from '../../../test/support/waiting.ts';
import { ERROR_TYPES, PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import { PeerAuth } from './peer-auth.ts';
import { PeerClient } from './peer-client.ts';
import { answerRead } from './peer-read.ts';
import { PeerRouting } from './peer-routing.ts';
import { toldOf } from './told-file.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const GEOMETRY = { chunkSizeBytes: CHUNK, sizeBytes: 2 * CHUNK + 100 };
const BYTES = Buffer.concat([Buffer.alloc(CHUNK, 1), Buffer.alloc(CHUNK, 2), Buffer.alloc(100, 3)]);
const GIVE_UP_MS = 700;
const secret = Buffer.from('a secret of one test');

/** A node that answers reads of others, with its own disk and its own memory of rows. */
class Holder {
  readonly store = new MemoryChunkStore(netIo);
  readonly repository: MemoryTransferRepository;
  readonly engine;
  readonly #auth: PeerAuth;
  readonly #server: Server;
  nowMs: () => number = Date.now;

  constructor(nodeId: string, repository: MemoryTransferRepository) {
    this.repository = repository;
    this.engine = memoryEngine({ nodeId, repository, store: this.store, nowMs: () => this.nowMs() });
    this.#auth = new PeerAuth({ secret, nodeId, nowMs: Date.now });
    const data = { engine: this.engine, ...readerParts() };
    this.#server = createServer((req, res) => {
      const path = req.url ?? '';
      const head = this.#auth.verify('GET', path, req.headers);
      if (typeof head === 'string') return void res.writeHead(404).end();
      const [, transferId = '', fileIndex = '', search] = /transfers\/(\w+)\/files\/(\d+)\?(.*)$/.exec(path) ?? [];
      const query = new URLSearchParams(search);
      const request = { head, transferId, fileIndex: Number(fileIndex), query, res };
      answerRead({ data, auth: this.#auth, netIo }, request).catch((fault: unknown) => {
        const type = typeOfFault(fault);
        if (!res.headersSent) res.writeHead(ERROR_TYPES[type].status, { 'content-type': 'application/json' });
        res.end(JSON.stringify({ type: `urn:peerlink:error:${type}` }));
      });
    });
  }

  async listen(): Promise<void> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Its process is killed. */
  die(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  /** As ten minutes after the last use of it. */
  async forget(): Promise<void> {
    for (const transfer of [...this.engine.running()]) await this.engine.forget(transfer);
  }
}

/** A sealed file at home on `home`, which `replica` has too; `gateway` has its row and none of its bytes. */
class World {
  readonly repository = new MemoryTransferRepository(Date.now);
  readonly home = new Holder('node-h', this.repository);
  readonly replica = new Holder('node-r', this.repository);
  readonly gateway = memoryEngine({ nodeId: 'node-g', repository: this.repository, nowMs: Date.now });
  readonly #urls = new Map<string, string>();
  readonly client = new PeerClient({
    auth: new PeerAuth({ secret, nodeId: 'node-g', nowMs: Date.now }),
    netIo,
    isObfuscated: true,
    urlOf: async (nodeId) => this.#urls.get(nodeId) ?? null,
    countBytes: () => {},
  });
  readonly #routing = new PeerRouting({
    engine: this.gateway,
    client: this.client,
    replica: { promote: () => Promise.reject(new Error('a sealed file needs no promotion')) },
    nodeIds: () => Promise.reject(new PeerLinkError('unavailable', 'no database')),
    answeringNodeIds: () => ['node-g', 'node-r'],
    giveUpMs: GIVE_UP_MS,
  });
  id = '';
  fileId = '';

  /** @param chunkIndices of which are stored */
  async begin(chunkIndices: readonly number[] = [0, 1, 2]): Promise<void> {
    for (const holder of [this.home, this.replica]) {
      await holder.listen();
      this.#urls.set(holder.engine.nodeId, holder.url);
    }
    const inserted = await insertTransfer(this.repository, {
      homeNodeId: 'node-h',
      files: [{}, GEOMETRY],
      ownership: { replicaNodeId: 'node-r', replicaState: 'in_sync' },
    });
    this.id = inserted.transfer.id;
    this.fileId = inserted.files[1]?.id ?? '';
    const transfer = await this.home.engine.load(this.id);
    const copy = await this.replica.store.create(this.fileId, GEOMETRY);
    for (const index of chunkIndices) {
      const bytes = [BYTES.subarray(index * CHUNK, (index + 1) * CHUNK)];
      await this.home.engine.writeChunk(transfer, transfer.file(1), { index, bytes });
      await copy.writeAndCommitChunk(index, bytes);
    }
    await this.home.engine.sealWhenComplete(transfer, transfer.file(1)).catch(() => {});
    await this.gateway.load(this.id);
  }

  /** What a client of the gateway gets. */
  async read(from = 0): Promise<Buffer> {
    const transfer = await this.gateway.load(this.id);
    const parts: Buffer[] = [];
    const end = new AbortController();
    const source = { transfer, file: transfer.file(1), from, to: BYTES.length, signal: end.signal };
    for await (const piece of this.#routing.readAnywhere({
      ...source,
      deps: { engine: this.gateway, ...readerParts() },
      cut: () => end.abort(),
    })) {
      parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
      piece.release('taken');
    }
    return Buffer.concat(parts);
  }

  /** What one node answers. */
  async ask(nodeId: string, { isTold }: { isTold: boolean }): Promise<string> {
    const { row, files } = await this.gateway.load(this.id);
    const file = files[1]?.row;
    const told = isTold && file !== undefined ? toldOf(row, file) : null;
    const { signal } = new AbortController();
    const target = { nodeId, transferId: this.id, fileIndex: 1, from: 0, to: 1, epoch: row.epoch, told };
    const answer = this.client.read(target, signal).then((reading) => reading.break(new Error('known enough')));
    return answer.then(() => 'served', typeOfFault);
  }

  end(): void {
    this.client.close();
    for (const holder of [this.home, this.replica]) holder.die();
  }
}

let world: World;
beforeEach(() => {
  world = new World();
});
afterEach(() => world.end());

describe('an open file', () => {
  it('comes as it was sent: what was there, and what arrives while it is read', async () => {
    await world.begin([0]);
    // Not at a multiple of the key's length, to which the obfuscation of each piece goes on from the one before.
    const reading = world.read(5);
    const transfer = await world.home.engine.load(world.id);
    await waitFor('the reader waits for the next chunk', 5_000, () => transfer.file(1).isBusy);
    for (const index of [1, 2]) {
      const bytes = [BYTES.subarray(index * CHUNK, (index + 1) * CHUNK)];
      await world.home.engine.writeChunk(transfer, transfer.file(1), { index, bytes });
    }
    expect((await reading).equals(BYTES.subarray(5))).toBe(true);
  });
});

describe('a sealed file while the database is away', () => {
  it('is served by its home and, once that is dead, by its replica, neither of which knows its row any more', async () => {
    await world.begin();
    await world.home.forget();
    world.repository.isUp = false;
    expect((await world.read()).equals(BYTES)).toBe(true);
    world.home.die();
    expect((await world.read()).equals(BYTES)).toBe(true);
    expect([...world.replica.engine.running()]).toEqual([]);
  });

  it('is served at once where the database only says nothing', async () => {
    await world.begin();
    world.home.die();
    world.replica.repository.findById = () => new Promise<never>(() => {});
    const startMs = performance.now();
    expect(await world.ask('node-r', { isTold: true })).toBe('served');
    // Sooner than who asks all nodes gives up on one.
    expect(performance.now() - startMs).toBeLessThan(1_500);
  });

  it('is served by a holder that has an older row, unless it heard that the transfer ended', async () => {
    await world.begin();
    await world.replica.engine.load(world.id);
    const known = await world.gateway.load(world.id);
    await world.repository.cas(world.id, known.row.epoch, { replicaState: 'in_sync' });
    await world.gateway.reread(known);
    world.repository.isUp = false;
    expect(await world.ask('node-r', { isTold: true })).toBe('served');
    (await world.replica.engine.load(world.id)).hearEnd('deleted');
    expect(await world.ask('node-r', { isTold: true })).toBe('ended');
  });

  it('is served by nobody whose values do not merge to what it is told, or who lacks a chunk', async () => {
    await world.begin();
    world.home.die();
    world.repository.isUp = false;
    const values = world.replica.store.files.get(world.fileId)?.values;
    const value = values?.get(1) ?? new Uint8Array(0);
    values?.set(1, new Uint8Array(32).fill(9));
    expect(await world.ask('node-r', { isTold: true })).toBe('unavailable');
    values?.drop(1);
    expect(await world.ask('node-r', { isTold: true })).toBe('unavailable');
    await expect(world.read()).rejects.toMatchObject({ type: 'unavailable' });
    values?.set(1, value);
    expect((await world.read()).equals(BYTES)).toBe(true);
    world.replica.store.files.delete(world.fileId);
    expect(await world.ask('node-r', { isTold: true })).toBe('unavailable');
  });

  it('is served by nobody past its expiry', async () => {
    await world.begin();
    world.repository.isUp = false;
    const { row } = await world.gateway.load(world.id);
    world.replica.nowMs = () => row.expiresAt.getTime() - 1;
    expect(await world.ask('node-r', { isTold: true })).toBe('served');
    world.replica.nowMs = () => row.expiresAt.getTime();
    expect(await world.ask('node-r', { isTold: true })).toBe('expired');
  });

  it('is not served by who is told nothing; and of an open one nothing is told', async () => {
    await world.begin();
    world.repository.isUp = false;
    expect(await world.ask('node-r', { isTold: false })).toBe('unavailable');
    world.end();
    world = new World();
    await world.begin([0, 1]);
    world.repository.isUp = false;
    expect(await world.ask('node-r', { isTold: true })).toBe('unavailable');
  });
});

describe('a sealed file while the database answers', () => {
  it('is served by the row and by nothing that is told', async () => {
    await world.begin();
    await world.repository.end(world.id, 'deleted');
    for (const holder of [world.home, world.replica]) await holder.forget();
    expect(await world.ask('node-h', { isTold: true })).toBe('ended');
    expect(await world.ask('node-r', { isTold: true })).toBe('ended');
  });
});
