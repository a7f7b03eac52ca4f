import type { ServerResponse } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import type { CountPeerBytes } from '../../kernel/traffic.ts';
import { ChunkMap } from '../chunk-map.ts';
import type { DataPlaneDeps } from '../data-plane/deps.ts';
import type { ChunkCopies } from '../mending.ts';
import type { TransferRow } from '../ports.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { PeerAuth, PeerHead } from './peer-auth.ts';
import { type PeerClient, xorInPlace } from './peer-client.ts';
import { faultOfAnswer, noAnswer, readJson } from './peer-faults.ts';
import { whatIsAsked } from './peer-read.ts';
import { toldOf, toldParameter } from './told-file.ts';

/** A copy is asked for when a reader waits, so a node that is slow to give it is as good as none. */
const COPY_MS = 10_000;
/** The status of an answer where there is nothing stored: no fault, and no bytes. */
const NOTHING = 204;
const VALUE_BYTES = 32;

export interface ChunkCopiesDeps {
  readonly nodeId: string;
  readonly client: Pick<PeerClient, 'start'>;
  readonly auth: Pick<PeerAuth, 'obfuscationKey'>;
  readonly netIo: Pick<NetIo, 'rootOfChunkValues' | 'rootOfOnlyChunk' | 'xorInPlace'>;
  readonly isObfuscated: boolean;
  readonly countBytes: CountPeerBytes;
  /** Every node there is and that was seen lately enough not to be given up. */
  readonly nodeIds: () => Promise<readonly string[]>;
  /** Those that an operator gave up on: they are asked nothing, also where a row names them. */
  readonly givenUpNodeIds: () => Promise<readonly string[]>;
  /** Nodes that answer the bus. */
  readonly answeringNodeIds: () => readonly string[];
}

/** Asks other nodes what they have stored, whatever their role: `GET /peer/transfers/:id/copies/:file`. */
export function createChunkCopies(deps: ChunkCopiesDeps): ChunkCopies {
  const holders = async (row: TransferRow, scope: 'named' | 'all') => {
    const named = [row.homeNodeId, row.replicaNodeId].filter((id) => id !== null);
    if (scope === 'named') return [...new Set(named)].filter((id) => id !== deps.nodeId);
    const [awaited, givenUp] = await Promise.all([deps.nodeIds(), deps.givenUpNodeIds()]);
    return [...new Set([...named, ...awaited])].filter((id) => id !== deps.nodeId && !givenUp.includes(id));
  };
  return {
    holders,
    answering: () => deps.answeringNodeIds().filter((id) => id !== deps.nodeId),
    isGivenUp: async (nodeId) => (await deps.givenUpNodeIds()).includes(nodeId),
    async values(nodeId, transfer, file) {
      const { chunkCount } = file;
      const bytes = await fetchCopy(deps, nodeId, transfer, file, null);
      if (bytes === null || bytes.length === 0 || bytes.length % VALUE_BYTES !== 0) return null;
      const values = new ChunkMap(Uint8Array.from(bytes));
      const { digest } = file.row;
      // Of one chunk the digest is no function of the value; its bytes show whether they are right.
      if (digest === null || chunkCount === null || chunkCount < 2) return values;
      const root = await deps.netIo.rootOfChunkValues(values.firstValues(chunkCount));
      return isEqualBytes(root, digest) ? values : null;
    },
    async read(nodeId, transfer, file, index) {
      const bytes = await fetchCopy(deps, nodeId, transfer, file, index);
      if (bytes === null || bytes.length !== file.chunkLength(index)) return null;
      // A node that the row does not name may have a value for other bytes, which nobody ever acknowledged.
      const { digest } = file.row;
      if (digest === null || file.chunkCount !== 1) return bytes;
      return isEqualBytes(await deps.netIo.rootOfOnlyChunk([bytes]), digest) ? bytes : null;
    },
  };
}

/** @returns null when the node has none. @throws unavailable */
async function fetchCopy(
  deps: ChunkCopiesDeps,
  nodeId: string,
  transfer: RunningTransfer,
  file: RunningFile,
  chunkIndex: number | null,
): Promise<Buffer | null> {
  const chunk = chunkIndex === null ? {} : { chunk: String(chunkIndex) };
  // The file is described: the node may have no row of it, and the database may be away.
  const query = new URLSearchParams({ ...chunk, ...toldParameter(toldOf(transfer.row, file.row)) });
  const path = `/peer/transfers/${transfer.row.id}/copies/${file.row.index}?${query}`;
  const late = AbortSignal.timeout(COPY_MS);
  const { epoch } = transfer.row;
  try {
    const asked = { nodeId, method: 'GET', path, epoch, lengthBytes: null, isBulk: true, signal: late } as const;
    const { body, nonce } = await deps.client.start(asked);
    const head = await body.head;
    if (head.status >= 400) throw faultOfAnswer(await readJson(body).catch(() => null), head.status);
    const parts: Buffer[] = [];
    for (let piece = await body.next(); piece !== null; piece = await body.next()) {
      deps.countBytes(nodeId, 'from', piece.lengthBytes);
      parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
      piece.release();
    }
    if (head.status === NOTHING) return null;
    const bytes = Buffer.concat(parts);
    if (deps.isObfuscated) xorInPlace(deps.netIo, deps.auth.obfuscationKey(nonce, 'response'))(bytes);
    return bytes;
  } catch (fault) {
    throw typeOfFault(fault) === 'unavailable' ? fault : noAnswer(fault);
  }
}

export interface CopyRequest {
  readonly head: PeerHead;
  readonly transferId: string;
  readonly fileIndex: number;
  readonly query: URLSearchParams;
  readonly res: ServerResponse;
}

export interface CopyAnswerDeps {
  readonly data: Pick<DataPlaneDeps, 'engine'>;
  readonly auth: Pick<PeerAuth, 'obfuscationKey'>;
  readonly netIo: NetIo;
}

/**
 * The values of a file as this node has them, or one chunk that has its value. It never asks another node for a chunk
 * that is damaged here too: two nodes would ask each other for ever.
 */
export async function answerCopy(deps: CopyAnswerDeps, request: CopyRequest): Promise<void> {
  const { head, query, res } = request;
  const { engine } = deps.data;
  const { transfer, file, isTold } = await whatIsAsked(engine, request);
  const release = engine.hold(transfer);
  try {
    const bytes = await copyOf(deps, file, query.get('chunk'));
    if (bytes === null) {
      res.writeHead(NOTHING).end();
      return;
    }
    if (head.isObfuscated) xorInPlace(deps.netIo, deps.auth.obfuscationKey(head.nonce, 'response'))(bytes);
    res.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': bytes.length }).end(bytes);
  } finally {
    release();
    // No engine knows the transfer, and lets go of its file after a while.
    if (isTold) await engine.openFiles.closeIfIdle(file.row.id);
  }
}

/** @throws bad_request */
async function copyOf({ data }: CopyAnswerDeps, file: RunningFile, chunk: string | null): Promise<Buffer | null> {
  const use = await data.engine.useStored(file);
  if (use === null) return null;
  try {
    const { stored } = use;
    if (chunk === null) return Buffer.from(stored.values.all());
    const index = Number(chunk);
    const isIndex = /^\d{1,5}$/.test(chunk) && index < (file.chunkCount ?? Number.POSITIVE_INFINITY);
    if (!isIndex) throw new PeerLinkError('bad_request', 'Nodes ask for chunks of the file.');
    if (!stored.values.has(index)) return null;
    const buffer = Buffer.allocUnsafe(file.chunkLength(index));
    return (await stored.readChunk(index, buffer, buffer.length)) ? buffer : null;
  } finally {
    use.release();
  }
}
