import type { ServerResponse } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { DataPlaneDeps } from '../data-plane/deps.ts';
import { PacedResponse } from '../data-plane/paced-response.ts';
import type { Piece } from '../data-plane/pieces.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { PeerAuth, PeerHead } from './peer-auth.ts';

export interface PeerReadDeps {
  readonly data: Pick<DataPlaneDeps, 'engine' | 'buffers' | 'readers'>;
  readonly auth: Pick<PeerAuth, 'obfuscationKey'>;
  readonly netIo: Pick<NetIo, 'xorCopy'>;
}

export interface PeerReadRequest {
  readonly head: PeerHead;
  readonly transferId: string;
  readonly fileIndex: number;
  readonly query: URLSearchParams;
  readonly res: ServerResponse;
}

/** Verified bytes of a file for a client of another node, as far as they are there; the next ones are waited for. */
export async function answerRead(deps: PeerReadDeps, request: PeerReadRequest): Promise<void> {
  const { head, transferId, fileIndex, query, res } = request;
  const { engine } = deps.data;
  const transfer = await engine.loadAtEpoch(transferId, head.epoch);
  const release = engine.holdAsReader(transfer);
  transfer.peerReaders += 1;
  const response = new PacedResponse(res);
  try {
    // How old its row may be is for the node to say that the reader came to.
    transfer.assertGoingOn(engine.nowMs);
    const file = transfer.file(fileIndex);
    const { from, to } = rangeOf(query, file);
    await assertHere(deps, transfer, file);
    const hidingKey = head.isObfuscated ? deps.auth.obfuscationKey(head.nonce, 'response') : undefined;
    const source = { deps: deps.data, transfer, file, from, to, hidingKey, ...response.ending };
    const writeHead = () =>
      res.writeHead(200, {
        'content-type': 'application/octet-stream',
        ...(to === null ? {} : { 'content-length': to - from }),
      });
    if (!file.isSealed) await engine.learnFile(transfer, file);
    // Who waits for what has not come yet has the head at once. Of what is there the first chunk is verified first:
    // then a refusal has a type.
    if (!file.has(Math.floor(from / file.row.chunkSizeBytes))) {
      writeHead();
      res.flushHeaders();
    }
    const hide = hidingKey === undefined ? null : hider(deps, hidingKey, file);
    for await (const piece of readPieces(source)) {
      if (!res.headersSent) writeHead();
      await response.write(hide === null ? piece : hide(piece));
      transfer.assertGoingOn(engine.nowMs);
    }
    if (!res.headersSent) writeHead();
    await response.flush();
    res.end();
  } finally {
    response.close();
    transfer.peerReaders -= 1;
    release();
  }
}

/** @throws moved, not_found */
async function assertHere(deps: PeerReadDeps, transfer: RunningTransfer, file: RunningFile): Promise<void> {
  const { engine } = deps.data;
  if (file.isSealed) {
    if (await engine.holdsAll(transfer, file)) return;
    throw new PeerLinkError('not_found', 'This node does not hold the file.');
  }
  if (transfer.row.homeNodeId === engine.nodeId) return;
  throw new PeerLinkError('moved', 'This node is not the home of an open transfer.', {
    data: { home: transfer.row.homeNodeId, epoch: transfer.row.epoch },
  });
}

/** @throws bad_request */
function rangeOf(query: URLSearchParams, file: RunningFile): { from: number; to: number | null } {
  const number = (name: string) => {
    const text = query.get(name) ?? '';
    return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN;
  };
  const from = number('from');
  const to = query.has('to') ? number('to') : file.row.sizeBytes;
  const end = Math.min(to ?? Number.POSITIVE_INFINITY, file.row.sizeBytes ?? Number.POSITIVE_INFINITY);
  if (Number.isSafeInteger(from) && (to === null || Number.isSafeInteger(to)) && from <= end && end === (to ?? end))
    return { from, to };
  throw new PeerLinkError('bad_request', 'Nodes ask for bytes of the file.');
}

/**
 * Obfuscates what did not come so from the disk, into pooled copies: buffers of a chunk that has just arrived belong to its
 * writer and other readers too.
 */
function hider(deps: PeerReadDeps, key: Uint8Array, file: RunningFile): (piece: Piece) => Piece {
  const { buffers } = deps.data;
  let position = 0;
  return (piece) => {
    if (piece.isHidden === true) {
      for (const bytes of piece.bytes) position += bytes.length;
      return piece;
    }
    const buffer = buffers.take(file.row.chunkSizeBytes);
    let filledBytes = 0;
    for (const bytes of piece.bytes) {
      deps.netIo.xorCopy(bytes, buffer.subarray(filledBytes, filledBytes + bytes.length), key, position + filledBytes);
      filledBytes += bytes.length;
    }
    position += filledBytes;
    piece.release('taken');
    return { bytes: [buffer.subarray(0, filledBytes)], release: () => buffers.give(buffer) };
  };
}
