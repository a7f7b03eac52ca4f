import { describe } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { MemoryChunkStore } from '../../support/memory-chunk-store.ts';
import { describeChunkStore } from './chunk-store.suite.ts';

const CHUNK = 16_384;

/** What tests of the engine stand on does what files do. */
describe('the chunk store in memory', () => {
  // One store for all: as a disk it forgets nothing when a file of it is closed.
  const store = new MemoryChunkStore(loadNetIo({ useNative: true }));
  const chunksOf = (fileId: string): Map<number, Buffer> => {
    const file = store.files.get(fileId);
    if (file === undefined) throw new Error(`there is no ${fileId}`);
    return file.chunks;
  };
  describeChunkStore(() => ({
    open: () => store,
    damage: async (fileId, offset) => {
      const bytes = chunksOf(fileId).get(Math.floor(offset / CHUNK));
      if (bytes === undefined) throw new Error(`there is nothing at ${offset}`);
      bytes.writeUInt8(bytes.readUInt8(offset % CHUNK) ^ 0x10, offset % CHUNK);
    },
    cut: async (fileId, sizeBytes) => {
      const chunks = chunksOf(fileId);
      for (const [index, bytes] of chunks) {
        chunks.set(index, bytes.subarray(0, Math.max(0, sizeBytes - index * CHUNK)));
      }
    },
  }));
});
