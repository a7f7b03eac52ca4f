import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { fileRow } from '../../../test/support/transfer-rows.ts';
import { ChunkMap } from '../chunk-map.ts';
import { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { type ChunkCopiesDeps, createChunkCopies } from './chunk-copies.ts';
import { PeerBody } from './peer-body.ts';
import type { PeerConnection } from './peer-connection.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (byte: number) => Buffer.alloc(CHUNK, byte);
const transfer = {
  row: { id: 'transfer', epoch: 3, homeNodeId: 'node-h', replicaNodeId: 'node-r' },
} as RunningTransfer;

/** Copies as a node has them that answers each question with these bytes. */
function copiesOf(answer: Buffer, givenUp: readonly string[] = []) {
  const start: ChunkCopiesDeps['client']['start'] = async () => {
    const body = new PeerBody({ resume: () => {}, abandon: () => {} }, { isBulk: true });
    body.onHead({ status: 200, isKeptAlive: true } as Parameters<PeerBody['onHead']>[0]);
    body.onBody({ bytes: answer, release: () => {} });
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
  });
}

function fileOf(chunkCount: number, digest: Uint8Array | null): RunningFile {
  return new RunningFile(fileRow({ sizeBytes: chunkCount * CHUNK, chunkSizeBytes: CHUNK, digest }));
}

describe('copies at other nodes', () => {
  it('are asked of those that the row names first, and never of this node', async () => {
    const copies = copiesOf(bytesOf(1));
    expect(await copies.holders(transfer.row, 'named')).toEqual(['node-h', 'node-r']);
    expect(await copies.holders(transfer.row, 'all')).toEqual(['node-h', 'node-r', 'node-x']);
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
