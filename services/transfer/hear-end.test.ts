import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../test/support/memory-transfers.ts';
import { readerParts } from '../../test/support/reader-parts.ts';
import { insertTransfer } from '../../test/support/transfer-rows.ts';
import type { Events } from '../contracts/actions.ts';
import { piecesOf, readPieces } from './data-plane/read-pieces.ts';
import { type TransferServiceDeps, transferService } from './transfer.service.ts';

const CHUNK = 1024;
const CHUNKS = 5;

/** A node that serves a sealed file of five chunks, and whose database is away from now on. */
async function world() {
  let passedMs = 0;
  const nowMs = () => Date.now() + passedMs;
  const repository = new MemoryTransferRepository(nowMs);
  const engine = memoryEngine({ repository, nowMs });
  const files = [{ sizeBytes: CHUNKS * CHUNK, chunkSizeBytes: CHUNK }];
  const transfer = await engine.load((await insertTransfer(repository, { files })).transfer.id);
  const file = transfer.file(0);
  for (let index = 0; index < CHUNKS; index += 1)
    await engine.writeChunk(transfer, file, { index, bytes: [Buffer.alloc(CHUNK, index)] });
  await engine.sealWhenComplete(transfer, file);
  repository.isUp = false;
  const schema = transferService({
    engine,
    repository,
    uploadTtlSeconds: 7_200,
    direct: { reread: () => engine.reread(transfer) },
  } as unknown as TransferServiceDeps);
  const events = schema.events as Record<string, { handler: (ctx: unknown) => Promise<void> }>;
  const source = () => ({
    deps: { engine, ...readerParts() },
    transfer,
    file,
    from: 0,
    to: CHUNKS * CHUNK,
    signal: new AbortController().signal,
    cut: () => {},
  });
  return {
    engine,
    transfer,
    /** Whoever came to this node. */
    read: () => piecesOf({ peers: null }, source()),
    /** Whoever came to another one, which asks this. */
    readForAnother: () => readPieces(source()),
    pass: (ms: number) => {
      passedMs += ms;
    },
    hear: async (change: Pick<Events['transfer.state.changed'], 'state' | 'endReason'>) =>
      events['transfer.state.changed']?.handler({ params: { ...change, transferId: transfer.row.id, digests: [] } }),
    tell: () => transfer.assertReadable(nowMs()),
  };
}

type Pieces = ReturnType<typeof readPieces>;
async function take(reading: Pieces): Promise<void> {
  const { value } = await reading.next();
  assert(value !== undefined, 'there is no next piece');
  value.release('taken');
}

describe('a node that reaches neither the database nor the bus', () => {
  it('reads to the end for another node, which knows, and to others for ten minutes after it read the row', async () => {
    const { read, readForAnother, pass } = await world();
    const [here, there] = [read(), readForAnother()];
    for (const reading of [here, there]) await take(reading);
    pass(10 * 60_000 - 1_000);
    for (const reading of [here, there]) await take(reading);
    pass(2_000);
    await expect(here.next()).rejects.toMatchObject({ type: 'unavailable', retryAfterSeconds: 1 });
    for (let index = 2; index < CHUNKS; index += 1) await take(there);
    expect(await there.next()).toEqual({ done: true, value: undefined });
  });
});

describe('a node that reaches the bus and not the database', () => {
  it('serves nothing any more of what others say has ended, to no old reader and to no new one', async () => {
    const { read, hear, tell, transfer } = await world();
    const reading = read();
    await take(reading);
    await hear({ state: 'sealed', endReason: null });
    await take(reading);
    expect(tell).not.toThrow();
    await hear({ state: 'ended', endReason: 'deleted' });
    await expect(reading.next()).rejects.toMatchObject({ type: 'ended' });
    expect(tell).toThrow(expect.objectContaining({ type: 'ended' }));
    expect(transfer.row.state).toBe('sealed');
  });
});
