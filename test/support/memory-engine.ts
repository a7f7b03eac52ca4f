import { loadNetIo } from '../../native/index.ts';
import type { ChunkMap } from '../../services/transfer/chunk-map.ts';
import type { EngineDeps } from '../../services/transfer/engine-deps.ts';
import type { ChunkCopies } from '../../services/transfer/mending.ts';
import type { FileRow, StoredFile } from '../../services/transfer/ports.ts';
import { TransferEngine } from '../../services/transfer/transfer-engine.ts';
import { MemoryChunkStore } from './memory-chunk-store.ts';

/**
 * The engine of `node-a` without other nodes, on a disk in memory that it trusts, which tells nobody anything; a test
 * says what it has of its own, and what it watches. `nowMs` is the clock of the repository, and of durations.
 */
export function memoryEngine(deps: Partial<EngineDeps> & Pick<EngineDeps, 'repository' | 'nowMs'>): TransferEngine {
  return new TransferEngine({
    nodeId: 'node-a',
    monotonicMs: deps.nowMs,
    store: new MemoryChunkStore(loadNetIo({ useNative: true })),
    isDiskTrusted: true,
    durability: 'process',
    publishProgress: () => {},
    publishState: () => {},
    onFault: () => {},
    ...deps,
  });
}

/** Where a question for a copy ends: at the stored file, at null where there is none, or at `unavailable`. */
type OpenCopy = (nodeId: string, file: FileRow, asked: 'values' | number) => Promise<StoredFile | null>;

/** Other nodes' copies as their disks in memory have them, none of which was given up on. */
export function memoryCopies(holders: ChunkCopies['holders'], open: OpenCopy): ChunkCopies {
  return {
    holders,
    // In memory the values of a stored file are a map, which no port says.
    values: async (nodeId, _transfer, { row }) =>
      ((await open(nodeId, row, 'values'))?.values ?? null) as ChunkMap | null,
    read: async (nodeId, _transfer, { row }, index) => {
      const stored = await open(nodeId, row, index);
      if (stored?.values.has(index) !== true) return null;
      const buffer = Buffer.alloc(row.chunkSizeBytes);
      return (await stored.readChunk(index, buffer, buffer.length)) ? buffer : null;
    },
    answering: () => [],
    isGivenUp: async () => false,
  };
}
