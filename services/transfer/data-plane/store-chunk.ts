import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_SOCKET_CHUNK_BYTES, MIB } from '../../contracts/limits.ts';
import type { ChunkHead, ChunkStored } from '../../contracts/socket.ts';
import type { RunningFile } from '../running-file.ts';
import { hex } from '../summaries.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { chunkValueOf } from './put-body.ts';
import { isServedHere } from './read-pieces.ts';
import { SpentBuffers } from './spent-buffers.ts';

/** "Socket.IO binary event with acknowledgement: one chunk of up to 1 MiB, else `use_http`." */
export async function storeChunk(
  deps: DataPlaneDeps,
  head: ChunkHead,
  bytes: Uint8Array,
  { requestId }: RequestContext,
): Promise<ChunkStored> {
  const { engine, control, uploads, traffic } = deps;
  const owner = { sessionId: null, uploadToken: head.uploadToken };
  let transfer = await control.owned(owner, head.transferId);
  if (!transfer.isAccepted) {
    await deps.direct.assertAccepted(transfer);
    transfer = await control.owned(owner, head.transferId);
  }
  const file = transfer.file(head.fileIndex);
  if (isServedHere(deps, transfer)) transfer.assertWritable(engine.nodeId, engine.nowMs);
  assertWholeChunk(file, head, bytes.length);
  const expected = head.chunkValue === undefined ? undefined : chunkValueOf(head.chunkValue);
  const release = engine.hold(transfer);
  try {
    const stream = await uploads.enter(transfer.row.id);
    try {
      stream.moved(bytes.length);
      traffic.add('in', bytes.length);
      if (deps.peers !== null && !isServedHere(deps, transfer)) {
        const run = {
          fileIndex: head.fileIndex,
          offset: head.chunkIndex * file.row.chunkSizeBytes,
          lengthBytes: bytes.length,
          chunkValue: head.chunkValue ?? null,
          requestId,
        };
        const stored = await deps.peers.forwardRun(transfer, run, { bytes: Buffer.from(bytes) });
        return { chunkIndex: head.chunkIndex, state: stored.state, digest: stored.digest };
      }
      // An event's memory is known to the collector late, too: see SpentBuffers.
      const buffers = new SpentBuffers();
      buffers.take(bytes, 1);
      const chunk = { index: head.chunkIndex, bytes: [bytes] };
      await engine.writeChunk(transfer, file, chunk, expected, () => buffers.giveBack(chunk.bytes));
      await engine.sealWhenComplete(transfer, file);
    } finally {
      stream.leave();
    }
  } finally {
    release();
  }
  return { chunkIndex: head.chunkIndex, state: transfer.row.state, digest: hex(file.row.digest) };
}

/** @throws use_http, bad_offset, bad_run */
function assertWholeChunk(file: RunningFile, head: ChunkHead, lengthBytes: number): void {
  if (file.row.sizeBytes === null || file.row.chunkSizeBytes > MAX_SOCKET_CHUNK_BYTES) {
    throw new PeerLinkError(
      'use_http',
      `Chunks of this file do not fit an event of ${MAX_SOCKET_CHUNK_BYTES / MIB} MiB; PUT them.`,
    );
  }
  if (!Number.isSafeInteger(head.chunkIndex) || head.chunkIndex < 0 || head.chunkIndex >= (file.chunkCount ?? 0)) {
    throw new PeerLinkError('bad_offset', `Chunk ${head.chunkIndex} is not in the file of ${file.chunkCount} chunks.`);
  }
  const wantedBytes = file.chunkLength(head.chunkIndex);
  if (lengthBytes !== wantedBytes) {
    throw new PeerLinkError('bad_run', `Chunk ${head.chunkIndex} has ${wantedBytes} bytes, ${lengthBytes} were sent.`);
  }
}
