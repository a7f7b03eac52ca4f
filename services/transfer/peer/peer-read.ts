import type { ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { DataPlaneDeps } from '../data-plane/deps.ts';
import { PacedResponse } from '../data-plane/paced-response.ts';
import type { Piece } from '../data-plane/pieces.ts';
import { queryNumber } from '../data-plane/query-number.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { PeerAuth, PeerHead } from './peer-auth.ts';
import { toldIn, toldTransfer } from './told-file.ts';

/** A database that does not answer so soon is not waited for by who was told what the row says. */
const ROW_WITHIN_MS = 500;

export interface PeerReadDeps {
  readonly data: Pick<DataPlaneDeps, 'engine' | 'buffers' | 'chunks' | 'readers'>;
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
  const { head, query, res } = request;
  const { engine } = deps.data;
  const { transfer, file, isTold } = await whatIsAsked(engine, request);
  const release = engine.holdAsReader(transfer);
  transfer.peerReaders += 1;
  const response = new PacedResponse(res);
  try {
    // How old its row may be is for the node to say that the reader came to.
    transfer.assertGoingOn(engine.nowMs);
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
    // No engine knows the transfer, and lets go of its file after a while.
    if (isTold) await engine.openFiles.closeIfIdle(file.row.id);
  }
}

interface Asked {
  readonly transfer: RunningTransfer;
  readonly file: RunningFile;
  /** As the asking node says its row is; this one has not read it. */
  readonly isTold: boolean;
}

/**
 * By the row; or, while nobody can read that, by what the asking node says of it: "any holder: serve sealed files whose CVs
 * merge to the row's digest; any epoch, PostgreSQL not needed". @throws not_found, unavailable
 */
export async function whatIsAsked(engine: TransferEngine, request: Omit<PeerReadRequest, 'res'>): Promise<Asked> {
  const { head, transferId, fileIndex, query } = request;
  const told = toldIn(query);
  const byRow = engine
    .loadAtEpoch(transferId, head.epoch)
    .then((transfer) => ({ transfer, file: transfer.file(fileIndex), isTold: false }));
  if (told === null) return byRow;
  const found = await unlessSilent(byRow);
  if (found !== null) return found;
  for (const known of engine.running()) if (known.row.id === transferId) known.assertGoingOn(engine.nowMs);
  const transfer = toldTransfer(told, request, engine.nowMs);
  return { transfer, file: transfer.file(0), isTold: true };
}

/** Null when the database does not answer, or not soon. */
async function unlessSilent<T>(reading: Promise<T>): Promise<T | null> {
  const stop = new AbortController();
  const late = delay(ROW_WITHIN_MS, null, { signal: stop.signal }).catch(() => null);
  const found = reading.catch((fault: unknown) => {
    if (typeOfFault(fault) === 'unavailable') return null;
    throw fault;
  });
  return Promise.race([found, late]).finally(() => stop.abort());
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
  const from = queryNumber(query, 'from');
  const to = query.has('to') ? queryNumber(query, 'to') : file.row.sizeBytes;
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
