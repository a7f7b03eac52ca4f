import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../../test/support/memory-chunk-store.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { StoredFile } from '../ports.ts';
import { storeFrame } from './store-frame.ts';

const netIo = loadNetIo({ useNative: true });
const CHUNK = 1024;
const bytesOf = (variant: number) => [Buffer.alloc(CHUNK, variant)];
const chunkValue = (variant: number) => netIo.chunkValueSync(bytesOf(variant), 0);

/** A replica's file, and what was done to it, in the order in which each step ended. */
async function replica(held: number | null) {
  const steps: string[] = [];
  let isFull = false;
  const store = new MemoryChunkStore(
    netIo,
    async (what) => {
      if (isFull) throw new PeerLinkError('disk_full', 'full');
      steps.push(what);
    },
    async () => void steps.push('sync'),
  );
  const stored: StoredFile = await store.create('file', { chunkSizeBytes: CHUNK, sizeBytes: CHUNK });
  if (held !== null) await stored.writeAndCommitChunk(0, bytesOf(held));
  const drop = stored.dropChunk.bind(stored);
  stored.dropChunk = async (index) => {
    await drop(index);
    steps.push('drop');
  };
  steps.length = 0;
  let users = 0;
  const transfer = {
    useFile: async () => {
      users += 1;
      const release = () => {
        users -= 1;
      };
      return { stored, release };
    },
  };
  const take = async (value: Uint8Array, variant: number, isPowerSafe: boolean) => {
    const answer = await storeFrame(
      transfer,
      { fileIndex: 0, chunkIndex: 0, value, bytes: bytesOf(variant) },
      isPowerSafe,
    );
    expect(users).toBe(0);
    return answer;
  };
  return { steps, stored, take, fill: () => (isFull = true) };
}

describe('a frame at the replica', () => {
  it('with DURABILITY=power is answered once bytes, then value are on the medium', async () => {
    const { steps, stored, take } = await replica(null);
    expect(await take(chunkValue(1), 1, true)).toEqual({ kind: 'stored' });
    expect(steps).toEqual(['write', 'sync', 'commit', 'sync']);
    expect(stored.values.get(0)).toEqual(new Uint8Array(chunkValue(1)));
  });

  it('that is there already is answered once it is on the medium, and is not written again', async () => {
    const { steps, take } = await replica(1);
    expect(await take(chunkValue(1), 1, true)).toEqual({ kind: 'stored' });
    expect(steps).toEqual(['sync']);
  });

  it('takes the place of other bytes whose value is gone before them, with DURABILITY=power from the medium too', async () => {
    const process = await replica(2);
    expect(await process.take(chunkValue(1), 1, false)).toEqual({ kind: 'stored' });
    expect(process.steps).toEqual(['drop', 'write', 'commit']);
    const power = await replica(2);
    expect(await power.take(chunkValue(1), 1, true)).toEqual({ kind: 'stored' });
    expect(power.steps).toEqual(['drop', 'sync', 'write', 'sync', 'commit', 'sync']);
    expect(power.stored.values.get(0)).toEqual(new Uint8Array(chunkValue(1)));
  });

  it.each([false, true])(
    'whose bytes do not have its value is refused and not there (power: %s)',
    async (isPowerSafe) => {
      const { stored, take } = await replica(null);
      expect(await take(chunkValue(1), 2, isPowerSafe)).toEqual({ kind: 'failed', reason: 'mismatch' });
      expect(stored.values.has(0)).toBe(false);
    },
  );

  it('that the disk has no room for is refused as such', async () => {
    const { take, fill } = await replica(null);
    fill();
    expect(await take(chunkValue(1), 1, false)).toEqual({ kind: 'failed', reason: 'disk_full' });
  });
});
