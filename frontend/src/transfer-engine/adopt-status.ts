import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { ChunkMap, ChunkRange } from './chunk-map.ts';

/** Takes over what a server says is stored: of a sealed transfer, everything. @param mayHaveLost as of `ChunkMap.adopt` */
export function adoptStatus(map: ChunkMap, { state, files }: TransferStatusResponse, mayHaveLost: boolean): void {
  for (const file of files) {
    const wholeFile: ChunkRange[] = [[0, file.chunkCount ?? 0]];
    map.adopt(file.index, state === 'sealed' ? wholeFile : file.committed, mayHaveLost);
  }
}
