import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { PutRunResponse } from '../../contracts/http.ts';
import { MIB } from '../../contracts/limits.ts';
import { rangesOf } from '../../kernel/ranges.ts';
import type { RequestContext } from '../data-plane/data-plane.ts';
import type { DataPlaneDeps } from '../data-plane/deps.ts';
import { PacedResponse } from '../data-plane/paced-response.ts';
import { storeBody } from '../data-plane/put-body.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import { planRun } from '../manifest.ts';
import type { ReplicaSide, ReplicaTransfer } from '../replication/replica-side.ts';
import { hex } from '../summaries.ts';
import type { PeerAuth, PeerHead } from './peer-auth.ts';
import { obfuscatorOf, type PeerClient } from './peer-client.ts';
import {
  ByteQueue,
  decodeFrameHeader,
  encodeAnswer,
  encodeOpening,
  FRAME_HEADER_BYTES,
  type FrameHeader,
} from './replica-wire.ts';

/** Frames that are being written at once; more wait in the socket. */
const REPLICA_WINDOW_BYTES = 8 * MIB;

export interface PeerRoutesDeps {
  readonly data: DataPlaneDeps;
  readonly auth: PeerAuth;
  readonly client: PeerClient;
  readonly replica: ReplicaSide;
  readonly replicaTransfer: (transferId: string) => Promise<ReplicaTransfer>;
  readonly netIo: NetIo;
  readonly isObfuscated: boolean;
  readonly onForged: (reason: 'forged' | 'stale' | 'repeated') => void;
}

const ADDRESS = /^\/peer\/transfers\/([1-9A-HJ-NP-Za-km-z]{8,64})\/(files\/(\d{1,5})|chunks|promote|adopt)$/;

/** What other nodes may ask of this one. Every request carries a MAC; without one the address does not exist. */
export function createPeerRoutes(deps: PeerRoutesDeps) {
  return async (req: IncomingMessage, res: ServerResponse, context: RequestContext): Promise<void> => {
    const url = new URL(req.url ?? '/', 'http://localhost');
    const method = req.method ?? 'GET';
    const head = deps.auth.verify(method, req.url ?? '/', req.headers);
    if (typeof head === 'string') {
      deps.onForged(head);
      throw new PeerLinkError('not_found', 'There is nothing at this address.');
    }
    if (url.pathname === '/peer/ping') {
      res.writeHead(204).end();
      return;
    }
    const match = ADDRESS.exec(url.pathname);
    const [, transferId, what, fileIndex] = match ?? [];
    if (transferId === undefined || what === undefined)
      throw new PeerLinkError('not_found', 'There is nothing at this address.');
    if (what === 'chunks' && method === 'POST') await takeFrames(deps, head, transferId, req, res);
    else if ((what === 'promote' || what === 'adopt') && method === 'POST')
      await promote(deps, head, transferId, what === 'adopt', res);
    else if (fileIndex !== undefined && method === 'PUT')
      await putRun(deps, head, transferId, Number(fileIndex), url.searchParams, req, res, context);
    else if (fileIndex !== undefined && method === 'GET')
      await read(deps, head, transferId, Number(fileIndex), url.searchParams, res);
    else throw new PeerLinkError('method_not_allowed', 'Nodes do not ask this.');
  };
}

/** A client's run that came in at another node. That node has checked the client's right. */
async function putRun(
  deps: PeerRoutesDeps,
  head: PeerHead,
  transferId: string,
  fileIndex: number,
  query: URLSearchParams,
  req: IncomingMessage,
  res: ServerResponse,
  _context: RequestContext,
): Promise<void> {
  const { engine } = deps.data;
  const transfer = await engine.loadAtEpoch(transferId, head.epoch);
  const file = transfer.file(fileIndex);
  transfer.assertWritable(engine.nodeId, engine.nowMs);
  const plan = planRun(file.row, Number(query.get('offset')), head.lengthBytes);
  if (!plan.isValid) throw new PeerLinkError(plan.fault, plan.message);
  const committed: number[] = [];
  const reveal = revealer(deps, head, 'request');
  try {
    await storeBody({ ...deps.data, traffic: NO_TRAFFIC }, req, transfer, file, plan.firstChunk, committed, {
      reveal,
      isPeer: true,
    });
  } catch (fault) {
    throw fault instanceof PeerLinkError
      ? new PeerLinkError(fault.type, fault.message, {
          data: { ...fault.data, committed: rangesOf(committed) },
          cause: fault,
          ...(fault.retryAfterSeconds === undefined ? {} : { retryAfterSeconds: fault.retryAfterSeconds }),
        })
      : fault;
  }
  const body: PutRunResponse = {
    committed: rangesOf(committed),
    state: transfer.row.state,
    digest: hex(file.row.digest),
  };
  answer(res, 200, body);
}

const NO_TRAFFIC = { add: () => {} };

/** Verified bytes of a file for a client of another node. */
async function read(
  deps: PeerRoutesDeps,
  head: PeerHead,
  transferId: string,
  fileIndex: number,
  query: URLSearchParams,
  res: ServerResponse,
): Promise<void> {
  const { engine } = deps.data;
  const transfer = await engine.loadAtEpoch(transferId, head.epoch);
  transfer.assertReadable(engine.nowMs);
  const file = transfer.file(fileIndex);
  if (!file.isSealed && transfer.row.homeNodeId !== engine.nodeId) {
    throw new PeerLinkError('moved', 'This node is not the home of an open transfer.', {
      data: { home: transfer.row.homeNodeId, epoch: transfer.row.epoch },
    });
  }
  if (file.isSealed && !(await engine.holdsAll(transfer, file)))
    throw new PeerLinkError('not_found', 'This node does not hold the file.');
  const from = Number(query.get('from'));
  const to = query.get('to') === null ? null : Number(query.get('to'));
  const release = engine.holdAsReader(transfer);
  const response = new PacedResponse(res);
  const key = deps.isObfuscated ? deps.auth.obfuscationKey(head.nonce, 'response') : null;
  let position = 0;
  try {
    res.writeHead(200, { 'content-type': 'application/octet-stream' });
    res.flushHeaders();
    for await (const piece of readPieces({ deps: deps.data, transfer, file, from, to, signal: response.signal })) {
      if (key === null) {
        await response.write(piece);
        continue;
      }
      // Into a copy: disk, hash and other readers share the bytes.
      const hidden = piece.bytes.map((bytes) => {
        const copy = Buffer.allocUnsafe(bytes.length);
        deps.netIo.xorCopy(bytes, copy, key, position);
        position += bytes.length;
        return copy;
      });
      piece.release('taken');
      await response.write({ bytes: hidden, release: () => {} });
    }
    await response.flush();
    res.end();
  } finally {
    response.close();
    release();
  }
}

async function promote(
  deps: PeerRoutesDeps,
  head: PeerHead,
  transferId: string,
  isAdoption: boolean,
  res: ServerResponse,
): Promise<void> {
  const transfer = await deps.replicaTransfer(transferId);
  const { homeNodeId } = transfer.row;
  const isAskedByHome = isAdoption && head.nodeId === homeNodeId;
  const outcome = await deps.replica.promote(
    transfer,
    isAskedByHome ? null : async () => (await deps.client.probe(homeNodeId)) === 'alive',
  );
  answer(res, 200, outcome);
}

/** A replication session: frames in, answers out, until either side ends it. */
async function takeFrames(
  deps: PeerRoutesDeps,
  head: PeerHead,
  transferId: string,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const opened = await deps.replica.open({ transferId, fromNodeId: head.nodeId, epoch: head.epoch });
  const { transfer, session, signal } = opened;
  const held: [number, Uint8Array][] = [];
  for (let index = 0; index < transfer.fileCount; index += 1) {
    held.push([index, await transfer.values(index)]);
  }
  res.writeHead(200, { 'content-type': 'application/octet-stream' });
  res.cork();
  for (const part of encodeOpening(session, held)) res.write(part);
  res.uncork();
  const key = deps.auth.frameKey(session);
  const reveal = revealer(deps, head, 'request');
  await new Promise<void>((resolve) => {
    const queue = new ByteQueue();
    let header: FrameHeader | null = null;
    let inFlightBytes = 0;
    const end = () => {
      req.destroy();
      resolve();
    };
    signal.addEventListener('abort', end, { once: true });
    const next = () => {
      while (!signal.aborted && !req.destroyed) {
        if (header === null) {
          const bytes = queue.take(FRAME_HEADER_BYTES);
          if (bytes === null) return;
          header = decodeFrameHeader(bytes, key);
          if (header === null) {
            deps.onForged('forged');
            end();
            return;
          }
        }
        const bytes = queue.takeList(header.lengthBytes);
        if (bytes === null) return;
        for (const part of bytes) reveal(part);
        const { number, lengthBytes } = header;
        inFlightBytes += lengthBytes;
        if (inFlightBytes >= REPLICA_WINDOW_BYTES) req.pause();
        void deps.replica.store(transfer, { ...header, session, bytes }).then((said) => {
          inFlightBytes -= lengthBytes;
          if (!res.destroyed) res.write(encodeAnswer(number, said));
          if (inFlightBytes < REPLICA_WINDOW_BYTES) req.resume();
        });
        header = null;
      }
    };
    req.on('data', (bytes: Buffer) => {
      queue.push(bytes);
      next();
    });
    req.once('close', resolve);
  });
  await deps.replica.endSessionIf(transferId, session);
  res.end();
}

/** Undoes the obfuscation of a stream's bytes, in place: they are this request's own. */
function revealer(deps: PeerRoutesDeps, head: PeerHead, direction: 'request'): (bytes: Buffer) => Buffer {
  return deps.isObfuscated
    ? obfuscatorOf(deps.netIo, deps.auth.obfuscationKey(head.nonce, direction))
    : (bytes) => bytes;
}

function answer(res: ServerResponse, status: number, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  res.writeHead(status, { 'content-type': 'application/json', 'content-length': text.length });
  res.end(text);
}
