import { BufferPool } from '../../services/transfer/data-plane/buffer-pool.ts';
import { ReaderMemory } from '../../services/transfer/data-plane/reader-memory.ts';
import { SharedChunks } from '../../services/transfer/data-plane/shared-chunks.ts';

/** What the downloads of a process share, as the data plane makes it. */
export function readerParts(maxBytes?: number) {
  const buffers = new BufferPool();
  return {
    buffers,
    chunks: new SharedChunks(buffers),
    readers: new ReaderMemory(() => performance.now(), maxBytes),
  };
}
