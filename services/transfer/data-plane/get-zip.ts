import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { crc32 } from 'node:zlib';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import type { RecipientStream } from '../direct/direct-upkeep.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { writeCounted } from './counted-write.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { disposition } from './disposition.ts';
import { type LeaseUse, useLease } from './download-lease.ts';
import { USER_BYTES_HEADERS } from './get-file.ts';
import type { MovingStream } from './moving-transfers.ts';
import { PacedResponse } from './paced-response.ts';
import type { Piece } from './pieces.ts';
import { isServedHere, piecesOf } from './read-pieces.ts';
import {
  centralHeader,
  dataDescriptor,
  endRecords,
  localHeader,
  type WrittenEntry,
  type ZipEntry,
  zipLength,
} from './zip-layout.ts';

/** How often the row of a file that grows at another node is looked at. */
const LOOK_AGAIN_MS = 500;

/** All files of a share as one streamed, stored zip, also while they still arrive. No Range. */
export async function getZip(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  transfer: RunningTransfer,
  recipient: string | null,
): Promise<void> {
  if (req.method === 'HEAD') await deps.edge.consumeRate('looks', context);
  const head: Record<string, string | number> = {
    ...USER_BYTES_HEADERS,
    'content-type': 'application/zip',
    'content-disposition': disposition(zipName(transfer), 'attachment'),
    'accept-ranges': 'none',
    [HEADER.requestId]: context.requestId,
  };
  const entries = transfer.files.map((file) => entryOf(transfer, file));
  if (entries.every((entry) => entry !== null)) head['content-length'] = zipLength(entries);
  if (req.method === 'HEAD') {
    res.writeHead(200, head).end();
    return;
  }
  const range = { from: 0, to: transfer.totalBytes };
  const lease = await useLease(deps, req, res, context, { transfer, file: null, range });
  const release = deps.engine.holdAsReader(transfer);
  const response = new PacedResponse(res);
  let stream: MovingStream | null = null;
  const counted =
    recipient === null ? null : deps.recipients.begin(transfer.row.id, recipient, null, () => void res.destroy());
  try {
    stream = await deps.downloads.enter(transfer.row.id);
    res.writeHead(200, head);
    await new ZipWriter(deps, transfer, response, { lease, counted, stream }).write();
    await response.flush();
    res.end();
  } finally {
    response.close();
    counted?.end();
    stream?.leave();
    release();
    await lease.end();
  }
}

/** What a zip is counted for. */
interface ZipUse {
  readonly lease: LeaseUse;
  readonly stream: MovingStream;
  /** Of a direct send. */
  readonly counted: RecipientStream | null;
}

class ZipWriter {
  readonly #deps: DataPlaneDeps;
  readonly #transfer: RunningTransfer;
  readonly #response: PacedResponse;
  readonly #use: ZipUse;
  #offset = 0;

  constructor(deps: DataPlaneDeps, transfer: RunningTransfer, response: PacedResponse, use: ZipUse) {
    this.#deps = deps;
    this.#transfer = transfer;
    this.#response = response;
    this.#use = use;
  }

  async write(): Promise<void> {
    const written: WrittenEntry[] = [];
    for (const file of this.#transfer.files) written.push(await this.#writeFile(file));
    const directoryOffset = this.#offset;
    for (const entry of written) await this.#send([centralHeader(entry)]);
    // Who has the end of the zip has all files: a node that is killed right then must have told of them.
    await this.#response.flush();
    await this.#use.counted?.told();
    await this.#send([endRecords(written.length, this.#offset - directoryOffset, directoryOffset)]);
  }

  async #writeFile(file: RunningFile): Promise<WrittenEntry> {
    const entry = entryOf(this.#transfer, file) ?? (await this.#entryOnceKnown(file));
    const offset = this.#offset;
    await this.#send([localHeader(entry)]);
    let crc = 0;
    let doneBytes = 0;
    const range = { from: 0, to: entry.sizeBytes };
    for await (const piece of piecesOf(this.#deps, {
      deps: this.#deps,
      transfer: this.#transfer,
      file,
      ...range,
      ...this.#response.ending,
    })) {
      for (const bytes of piece.bytes) {
        crc = crc32(bytes, crc);
        doneBytes += bytes.length;
      }
      if (file.isWithinLastChunk(doneBytes)) await this.#use.lease.consume();
      const lengthBytes = piece.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
      await this.#send(piece.bytes, piece.release, { file, from: doneBytes - lengthBytes });
    }
    if (entry.sizeBytes === 0) {
      await this.#use.lease.consume();
      this.#use.counted?.taken(file.row.index, 0, 0);
    }
    await this.#send([dataDescriptor(entry, crc)]);
    return { ...entry, crc32: crc, offset };
  }

  /** The size stands before the bytes, so a file of unknown length has its turn when it has ended. */
  async #entryOnceKnown(file: RunningFile): Promise<ZipEntry> {
    const { engine } = this.#deps;
    // Its chunks are at another node, and the row says when it has ended.
    while (!isServedHere(this.#deps, this.#transfer) && file.row.sizeBytes === null) {
      this.#transfer.assertReadable(engine.nowMs);
      await delay(LOOK_AGAIN_MS, undefined, { signal: this.#response.signal });
      await engine.reread(this.#transfer);
    }
    await engine.learnFile(this.#transfer, file);
    for (let index = file.committedChunkCount; file.row.sizeBytes === null; index += 1) {
      if (!file.has(index)) await file.waitForChunk(index, this.#response.signal);
    }
    const entry = entryOf(this.#transfer, file);
    if (entry === null) throw new PeerLinkError('internal', 'A file with a size has no zip entry.');
    return entry;
  }

  /** @param place where in a file these bytes are; null: they are the zip's own headers */
  async #send(
    bytes: readonly Uint8Array[],
    release: Piece['release'] = () => {},
    place: { readonly file: RunningFile; readonly from: number } | null = null,
  ): Promise<void> {
    const lengthBytes = bytes.reduce((sum, part) => sum + part.length, 0);
    this.#offset += lengthBytes;
    const { counted, stream } = this.#use;
    if (counted === null || place === null) {
      await this.#response.write({ bytes, release });
      stream.moved(lengthBytes);
    } else {
      await writeCounted(
        this.#response,
        { bytes, release },
        {
          taken: (from, to) => {
            stream.moved(to - from);
            counted.taken(place.file.row.index, place.from + from, place.from + to);
          },
          told: null,
        },
      );
    }
    if (place !== null) this.#use.lease.served(lengthBytes, place.file.row.index);
    this.#deps.traffic.add('out', lengthBytes);
  }
}

function entryOf(transfer: RunningTransfer, file: RunningFile): ZipEntry | null {
  const { path, sizeBytes, lastModifiedMs } = file.row;
  if (sizeBytes === null) return null;
  return { path, sizeBytes, modifiedAt: lastModifiedMs === null ? transfer.row.createdAt : new Date(lastModifiedMs) };
}

/** The folder that all files share, else the share's id. */
function zipName(transfer: RunningTransfer): string {
  const folders = new Set(
    transfer.files.map((file) => (file.row.path.includes('/') ? (file.row.path.split('/')[0] ?? '') : '')),
  );
  const [folder] = folders;
  return folders.size === 1 && folder !== undefined && folder !== ''
    ? `${folder}.zip`
    : `peerlink-${transfer.row.shareId.slice(0, 6)}.zip`;
}
