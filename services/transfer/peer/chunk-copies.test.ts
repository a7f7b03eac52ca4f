import type { ServerResponse } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../../test/support/memory-chunk-store.ts';
import { memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { fileRow, insertTransfer } from '../../../test/support/transfer-rows.ts';
import { ChunkMap } from '../chunk-map.ts';
import { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { answerCopy, type ChunkCopiesDeps, createChunkCopies } from './chunk-copies.ts';
import type { PeerHead } from './peer-auth.ts';
import { PeerBody } from './peer-body.ts';
import type { PeerConnection } from './peer-connection.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (byte: number) => Buffer.alloc(CHUNK, byte);
const transfer = {
  row: { id: 'transfer', epoch: 3, homeNodeId: 'node-h', replicaNodeId: 'node-r', expiresAt: new Date() },
} as RunningTransfer;

/** Copies as a node has them that answers each question with these bytes. */
function copiesOf(answer: Buffer | ((path: string) => Promise<Buffer>), givenUp: readonly string[] = []) {
  const start: ChunkCopiesDeps['client']['start'] = async ({ path }) => {
    const bytes = typeof answer === 'function' ? await answer(path) : answer;
    const body = new PeerBody({ resume: () => {}, abandon: () => {} }, { isBulk: true });
    body.onHead({ status: 200, isKeptAlive: true } as Parameters<PeerBody['onHead']>[0]);
    body.onBody({ bytes, release: () => {} });
    body.onEnd();
    return { connection: {} as PeerConnection, body, nonce: '', finish: () => {} };
  };
  return createChunkCopies({
    nodeId: 'node-a',
    client: { start },
    auth: { obfuscationKey: () => Buffer.alloc(256) },
    netIo,
    isObfuscated: false,
    countBytes: () => {},
    nodeIds: async () => ['node-x', 'node-a', 'node-r'],
    givenUpNodeIds: async () => givenUp,
    answeringNodeIds: () => ['node-a', 'node-r'],
  });
}

function fileOf(chunkCount: number, digest: Uint8Array | null): RunningFile {
  return new RunningFile(fileRow({ sizeBytes: chunkCount * CHUNK, chunkSizeBytes: CHUNK, digest }));
}

/** A sealed file of two chunks of which this node read the row before, and a holder that did not and cannot: the database is away. */
async function whileDatabaseIsAway(sizeBytes: number | null = 2 * CHUNK) {
  const repository = new MemoryTransferRepository(Date.now);
  const digest = netIo.hash(Buffer.concat([bytesOf(1), bytesOf(2)]));
  const sealed = { sizeBytes: 2 * CHUNK, chunkSizeBytes: CHUNK, digest };
  const file = sizeBytes === null ? { ...sealed, sizeBytes, digest: null } : sealed;
  const { transfer: row, files } = await insertTransfer(repository, { files: [file] });
  const here = await memoryEngine({ nodeId: 'node-a', repository, nowMs: Date.now }).load(row.id);
  const store = new MemoryChunkStore(netIo);
  const stored = await store.create(files[0]?.id ?? '', { chunkSizeBytes: CHUNK, sizeBytes });
  for (const index of [0, 1]) await stored.writeAndCommitChunk(index, [bytesOf(index + 1)]);
  const engine = memoryEngine({ nodeId: 'node-r', repository, store, nowMs: Date.now });
  repository.isUp = false;
  const copies = copiesOf(async (path) => {
    const [, transferId = '', fileIndex = '', search] = /transfers\/(\w+)\/copies\/(\d+)\??(.*)$/.exec(path) ?? [];
    const head = { nodeId: 'node-a', epoch: row.epoch, lengthBytes: null, nonce: '', isObfuscated: false } as PeerHead;
    const said: Buffer[] = [];
    const res = { writeHead: () => res, end: (bytes?: Buffer) => said.push(bytes ?? Buffer.alloc(0)) };
    const deps = { data: { engine }, auth: { obfuscationKey: () => Buffer.alloc(256) }, netIo };
    const asked = { head, transferId, fileIndex: Number(fileIndex), query: new URLSearchParams(search) };
    await answerCopy(deps, { ...asked, res: res as unknown as ServerResponse });
    return Buffer.concat(said);
  });
  return { copies, here, file: here.file(0), engine, store };
}

describe('copies at a node that never read the row, while the database is away', () => {
  it('of a sealed file are given by what the asking node says of it, chunks and values, and nothing is kept of that', async () => {
    const { copies, here, file, engine } = await whileDatabaseIsAway();
    expect(await copies.read('node-r', here, file, 1)).toEqual(bytesOf(2));
    expect((await copies.values('node-r', here, file))?.count).toBe(2);
    expect([...engine.running()]).toEqual([]);
  });

  it('of an open file are not: only rows say what it is', async () => {
    const { copies, here, file } = await whileDatabaseIsAway(null);
    await expect(copies.read('node-r', here, file, 1)).rejects.toMatchObject({ type: 'unavailable' });
  });
});

describe('copies at other nodes', () => {
  it('are asked of those that the row names first, and never of this node', async () => {
    const copies = copiesOf(bytesOf(1));
    expect(await copies.holders(transfer.row, 'named')).toEqual(['node-h', 'node-r']);
    expect(await copies.holders(transfer.row, 'all')).toEqual(['node-h', 'node-r', 'node-x']);
    expect(copies.answering()).toEqual(['node-r']);
  });

  it('are asked of no node that an operator gave up on, also where the row names it', async () => {
    const copies = copiesOf(bytesOf(1), ['node-r']);
    expect(await copies.holders(transfer.row, 'all')).toEqual(['node-h', 'node-x']);
    expect([await copies.isGivenUp('node-r'), await copies.isGivenUp('node-x')]).toEqual([true, false]);
  });

  it("of a sealed file's only chunk have the digest, whatever value the other node has for them", async () => {
    const sealed = fileOf(1, netIo.hash(bytesOf(1)));
    expect(await copiesOf(bytesOf(1)).read('node-x', transfer, sealed, 0)).toEqual(bytesOf(1));
    expect(await copiesOf(bytesOf(2)).read('node-x', transfer, sealed, 0)).toBeNull();
    // While it grows there is no digest yet, and the home's value decides.
    expect(await copiesOf(bytesOf(2)).read('node-x', transfer, fileOf(1, null), 0)).toEqual(bytesOf(2));
  });

  it('of a sealed file are listed only when the list merges to the digest', async () => {
    const values = new ChunkMap();
    for (const index of [0, 1]) values.set(index, netIo.chunkValueSync([bytesOf(index + 1)], index));
    const digest = netIo.hash(Buffer.concat([bytesOf(1), bytesOf(2)]));
    const list = Buffer.from(values.all());
    expect((await copiesOf(list).values('node-x', transfer, fileOf(2, digest)))?.count).toBe(2);
    list.fill(7, 32, 64);
    expect(await copiesOf(list).values('node-x', transfer, fileOf(2, digest))).toBeNull();
  });
});
