import { loadNetIo } from '../../../native/index.ts';
import { FsChunkStore } from '../../../services/transfer/adapters/fs-chunk-store.ts';
import { patternBytes } from '../../support/files.ts';

/** Commits chunks, scattered over the file, and prints each index once it is committed, until it is killed. Argument: directory. */
async function write(): Promise<void> {
  const chunkSizeBytes = 16_384;
  const store = new FsChunkStore(String(process.argv[2]), loadNetIo({ useNative: true }));
  const stored = await store.create('Ki11edfi1e', { chunkSizeBytes, sizeBytes: 4096 * chunkSizeBytes });
  for (let turn = 0; turn < 4096; turn += 1) {
    const index = (turn * 1009) % 4096;
    const value = await stored.writeChunk(index, [patternBytes('killed', index * chunkSizeBytes, chunkSizeBytes)]);
    await stored.commitChunk(index, value);
    process.stdout.write(`${index}\n`);
  }
}

void write();
