import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import { HEADER, type PutRunResponse } from '../../contracts/http.ts';
import { rangesOf } from '../../kernel/ranges.ts';
import { planRun } from '../manifest.ts';
import { RunSplitter } from '../run-splitter.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { hex } from '../summaries.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps, ForwardedRun, PeerPorts } from './deps.ts';
import { isServedHere } from './read-pieces.ts';
import { receiveBody } from './receive-body.ts';

/** `PUT /api/transfers/:id/files/:index?offset=N`: a run of whole chunks. Answers what was committed. */
export async function putRun(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  target: { transferId: string; fileIndex: number; offset: number },
): Promise<void> {
  const uploadToken = bearerOf(req);
  if (uploadToken === null) {
    throw new PeerLinkError('bad_token', 'Send the upload token as "Authorization: Bearer ...".');
  }
  let transfer = await deps.control.owned({ sessionId: null, uploadToken }, target.transferId);
  if (!transfer.isAccepted) {
    await deps.direct.assertAccepted(transfer);
    transfer = await deps.control.owned({ sessionId: null, uploadToken }, target.transferId);
  }
  // From here to `storeBody`, which holds the transfer, nothing is awaited: it cannot be dropped from memory between.
  const file = transfer.file(target.fileIndex);
  if (isServedHere(deps, transfer)) transfer.assertWritable(deps.engine.nodeId, deps.engine.nowMs);
  else transfer.assertGoingOn(deps.engine.nowMs);
  assertOffsetAgrees(req.headers['content-range'], target.offset);
  const lengthBytes = contentLengthOf(req);
  const plan = planRun(file.row, target.offset, lengthBytes);
  if (!plan.isValid) throw new PeerLinkError(plan.fault, plan.message);
  if (deps.peers !== null && !isServedHere(deps, transfer)) {
    const { requestId } = context;
    const run = { fileIndex: target.fileIndex, offset: target.offset, lengthBytes, requestId };
    answerJson(res, 200, await forwardBody(deps, deps.peers, req, transfer, run), context);
    return;
  }
  answerJson(res, 200, await storeRun(deps, req, transfer, file, plan.firstChunk), context);
}

/**
 * `curl -C 1048576 -T file` leaves out the first MiB and says so here; without the same `offset` in the address the rest would
 * be stored in its place. @throws bad_offset
 */
export function assertOffsetAgrees(contentRange: string | undefined, offset: number): void {
  const first = /^bytes (\d{1,16})-/i.exec(contentRange ?? '')?.[1];
  if (first === undefined || Number(first) === offset) return;
  throw new PeerLinkError('bad_offset', `Content-Range begins at ${first}, the offset of the address is ${offset}.`);
}

/** A run whose home is another node: its bytes go on as they come. */
async function forwardBody(
  deps: DataPlaneDeps,
  peers: PeerPorts,
  req: IncomingMessage,
  transfer: RunningTransfer,
  run: Omit<ForwardedRun, 'chunkValue'>,
): Promise<PutRunResponse> {
  const given = req.headers[HEADER.chunkValue];
  const chunkValue = given === undefined ? null : chunkValueOf(given).toString('hex');
  const release = deps.engine.hold(transfer);
  try {
    const stream = await deps.uploads.enter(transfer.row.id);
    try {
      const onBytes = (lengthBytes: number) => {
        stream.moved(lengthBytes);
        deps.traffic.add('in', lengthBytes);
      };
      return await peers.forwardRun(transfer, { ...run, chunkValue }, { req, onBytes });
    } finally {
      stream.leave();
    }
  } finally {
    release();
  }
}

export interface StoreOptions {
  /** "Requests between nodes never queue." */
  readonly isPeer: boolean;
  /** Undoes the obfuscation of a peer's bytes, in place. */
  readonly reveal: ((bytes: Buffer) => void) | null;
}
const CLIENT_BODY: StoreOptions = { isPeer: false, reveal: null };
const NO_SLOT = { moved: () => {}, leave: () => {} };

/** Stores a run, a client's or one that another node passes on. @throws as `storeBody`, with what was committed by then */
export async function storeRun(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  transfer: RunningTransfer,
  file: RunningFile,
  firstChunk: number,
  options: StoreOptions = CLIENT_BODY,
): Promise<PutRunResponse> {
  const committed: number[] = [];
  try {
    await storeBody(deps, req, transfer, file, firstChunk, committed, options);
  } catch (fault) {
    throw withCommitted(fault, committed);
  }
  return { committed: rangesOf(committed), state: transfer.row.state, digest: hex(file.row.digest) };
}

/** Receives a body into a file and seals it with its last chunk. `committed` fills as chunks are committed. */
export async function storeBody(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  transfer: RunningTransfer,
  file: RunningFile,
  firstChunk: number,
  committed: number[],
  options: StoreOptions = CLIENT_BODY,
): Promise<void> {
  const { engine, uploads, traffic } = deps;
  const isUnknownLength = file.row.sizeBytes === null;
  const expectedValue = expectedValueOf(req, file, firstChunk);
  if (file.hasSequentialBody) {
    throw new PeerLinkError('superseded', 'This file of unknown length is being sent by another request.');
  }
  file.hasSequentialBody = isUnknownLength;
  const release = engine.holdAsWriter(transfer);
  const stream = options.isPeer
    ? NO_SLOT
    : await uploads.enter(transfer.row.id).catch((fault: unknown) => {
        file.hasSequentialBody = false;
        release();
        throw fault;
      });
  let isWhole = false;
  const splitter = new RunSplitter(firstChunk, file.row.chunkSizeBytes, file.row.sizeBytes);
  try {
    await receiveBody(req, {
      splitter,
      mayEndShort: isUnknownLength,
      answerMs: () => transfer.home?.replicaAnswerMs ?? 0,
      onBytes: (bytes) => {
        options.reveal?.(bytes);
        stream.moved(bytes.length);
        // The client's gateway has counted what a peer passes on.
        if (!options.isPeer) traffic.add('in', bytes.length);
      },
      write: async (chunk, onSpent) => {
        if (isUnknownLength) assertFits(deps, splitter.takenBytes);
        // A short chunk is the last. Its length must be known to readers before the chunk is.
        if (isUnknownLength && chunk.lengthBytes < file.row.chunkSizeBytes) file.learnSize(splitter.takenBytes);
        await engine.writeChunk(transfer, file, chunk, expectedValue, onSpent);
        committed.push(chunk.index);
      },
    });
    isWhole = true;
    if (isUnknownLength) await engine.finishUnknownLength(transfer, file, splitter.takenBytes);
    else await engine.sealWhenComplete(transfer, file);
  } catch (fault) {
    // "A broken one ends the transfer and its readers at once": nobody could continue a body of unknown length. One that
    // only waits for its seal is sealed by this process, if that lives.
    const isSealedLater = isWhole && typeOfFault(fault) === 'unavailable';
    if (isUnknownLength && !isSealedLater) await abandon(deps, transfer.row.id);
    throw fault;
  } finally {
    if (isUnknownLength) file.hasSequentialBody = false;
    stream.leave();
    release();
  }
}

/** Ends a transfer that cannot be continued. What made it so is what the client is told, whether or not this succeeds. */
export async function abandon(deps: DataPlaneDeps, transferId: string): Promise<void> {
  await deps.engine.end(transferId, 'aborted').catch((fault: unknown) => deps.engine.reportFault('abandon', fault));
}

function assertFits(deps: DataPlaneDeps, takenBytes: number): void {
  const limitBytes = deps.maxUnknownLengthBytes;
  if (takenBytes <= limitBytes) return;
  throw new PeerLinkError('too_large', `This server takes files of unknown length up to ${limitBytes} bytes.`, {
    data: { limitBytes },
  });
}

/** "A digest sent along is per chunk (HTTP when the body is one chunk)". */
function expectedValueOf(req: IncomingMessage, file: RunningFile, firstChunk: number): Uint8Array | undefined {
  const given = req.headers[HEADER.chunkValue];
  if (given === undefined) return undefined;
  const value = chunkValueOf(given);
  if (contentLengthOf(req) !== file.chunkLength(firstChunk)) {
    throw new PeerLinkError('bad_request', 'X-Chunk-Value goes with a body of one chunk.');
  }
  return value;
}

/** @throws bad_request */
export function chunkValueOf(text: unknown): Buffer {
  if (typeof text === 'string' && /^[0-9a-f]{64}$/i.test(text)) return Buffer.from(text, 'hex');
  throw new PeerLinkError('bad_request', 'A chunk value must be 64 hex digits.');
}

/** Null when the length was not said. node:http has refused what is no number. */
export function contentLengthOf(req: IncomingMessage): number | null {
  const given = req.headers['content-length'];
  if (given === undefined) return req.headers['transfer-encoding'] === undefined ? 0 : null;
  const lengthBytes = Number(given);
  if (!/^\d+$/.test(given) || !Number.isSafeInteger(lengthBytes)) {
    throw new PeerLinkError('bad_size', 'Content-Length must be a whole number of bytes.');
  }
  return lengthBytes;
}

export function bearerOf(req: IncomingMessage): string | null {
  const match = /^Bearer ([\w.~+/=-]{1,256})$/i.exec(req.headers.authorization ?? '');
  return match?.[1] ?? null;
}

function withCommitted(fault: unknown, committed: readonly number[]): unknown {
  if (!(fault instanceof PeerLinkError)) return fault;
  return new PeerLinkError(fault.type, fault.message, {
    data: { ...fault.data, committed: rangesOf(committed) },
    cause: fault,
    ...(fault.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: fault.retryAfterSeconds }),
  });
}

export function answerJson(res: ServerResponse, status: number, body: unknown, context: RequestContext): void {
  const text = Buffer.from(JSON.stringify(body));
  res.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': text.length,
    'cache-control': 'no-store',
    [HEADER.requestId]: context.requestId,
  });
  res.end(text);
}
