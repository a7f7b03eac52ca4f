import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import { WASTE_A_LOOK_BYTES } from '../../contracts/limits.ts';
import {
  decideRange,
  isNotModified,
  isPreconditionMet,
  type RangeDecision,
  type Validators,
  validatorsOf,
} from '../conditional.ts';
import type { RecipientStream } from '../direct/direct-upkeep.ts';
import { inlineType } from '../media.ts';
import { fileName } from '../names.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { hex } from '../summaries.ts';
import { writeCounted } from './counted-write.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { disposition } from './disposition.ts';
import { type LeaseUse, useLease } from './download-lease.ts';
import { PacedResponse } from './paced-response.ts';
import { wastedBytes } from './range-waste.ts';
import { isServedHere, piecesOf } from './read-pieces.ts';

/** User bytes never run on our origin, whatever they are. */
export const USER_BYTES_HEADERS = {
  'x-content-type-options': 'nosniff',
  'content-security-policy':
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; media-src 'self'",
  'cross-origin-resource-policy': 'same-site',
  'referrer-policy': 'no-referrer',
  'x-robots-tag': 'noindex, nofollow',
  'cache-control': 'private, no-cache',
} as const;

/** `GET` or `HEAD` of one file, whole or a range, also while it still grows. */
export async function getFile(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  transfer: RunningTransfer,
  file: RunningFile,
  options: { mayInline: boolean; recipient: string | null },
): Promise<void> {
  if (req.method === 'HEAD') await deps.edge.consumeRate('looks', context);
  const { sizeBytes } = file.row;
  const validators = validatorsOf(file.row.id, transfer.row.generation, hex(file.row.digest));
  const headers = fileHeaders(transfer, file, validators, options.mayInline, context);
  if (isNotModified(req.headers['if-none-match'], validators)) {
    res.writeHead(304, headers).end();
    return;
  }
  if (!isPreconditionMet(req.headers['if-match'], validators)) {
    throw new PeerLinkError('precondition_failed', 'If-Match names other bytes than these.');
  }
  // "Unknown: Range is ignored (200, chunked), HEAD has no length." A Range means something in a GET only.
  const decision: RangeDecision =
    sizeBytes === null || req.method === 'HEAD'
      ? { kind: 'whole' }
      : decideRange({ range: req.headers.range, ifRange: oneHeader(req, 'if-range') }, sizeBytes, validators);
  if (decision.kind === 'unsatisfiable') {
    res.setHeader('content-range', `bytes */${sizeBytes}`);
    throw new PeerLinkError(
      'range_not_satisfiable',
      `The file has ${sizeBytes} bytes; the range asked for is not in it.`,
      { data: { sizeBytes } },
    );
  }
  const from = decision.kind === 'part' ? decision.from : 0;
  const to = decision.kind === 'part' ? decision.to : sizeBytes;
  const head: Record<string, string | number> = { ...headers };
  if (to !== null) head['content-length'] = to - from;
  if (decision.kind === 'part') head['content-range'] = `bytes ${from}-${decision.to - 1}/${sizeBytes}`;
  const status = decision.kind === 'part' ? 206 : 200;
  if (req.method === 'HEAD') {
    res.writeHead(status, head).end();
    return;
  }
  const wasted = wastedBytes({ from, to }, file.row, (index) => deps.chunks.has(file.row.id, index));
  const more = Math.floor(wasted / WASTE_A_LOOK_BYTES);
  if (more > 0) await deps.edge.consumeRate('looks', context, more);
  const lease = await useLease(deps, req, res, context, { transfer, file, range: { from, to } });
  const { recipient } = options;
  const counted =
    recipient === null
      ? null
      : deps.recipients.begin(transfer.row.id, recipient, isGoingOn(req) ? from : null, () => void res.destroy());
  try {
    await streamFile(deps, res, transfer, file, { from, to }, { lease, counted }, () => res.writeHead(status, head));
  } finally {
    counted?.end();
    await lease.end();
  }
}

/** What a stream is counted for. */
interface StreamUse {
  readonly lease: LeaseUse;
  /** Of a direct send. */
  readonly counted: RecipientStream | null;
}

async function streamFile(
  deps: DataPlaneDeps,
  res: ServerResponse,
  transfer: RunningTransfer,
  file: RunningFile,
  range: { from: number; to: number | null },
  { lease, counted }: StreamUse,
  writeHead: () => void,
): Promise<void> {
  const release = deps.engine.holdAsReader(transfer);
  const response = new PacedResponse(res);
  const stream = await deps.downloads.enter(transfer.row.id).catch((fault: unknown) => {
    release();
    response.close();
    throw fault;
  });
  try {
    if (isServedHere(deps, transfer)) await deps.engine.learnFile(transfer, file);
    // A reader of what has not arrived yet has its head at once; one of what is there learns first that it is sound. The
    // head of no bytes is the whole answer.
    const isAwaited = range.to !== range.from;
    if (isAwaited && isServedHere(deps, transfer) && !file.has(Math.floor(range.from / file.row.chunkSizeBytes))) {
      writeHead();
      res.flushHeaders();
    }
    let position = range.from;
    for await (const piece of piecesOf(deps, { deps, transfer, file, ...range, ...response.ending })) {
      if (!res.headersSent) writeHead();
      const lengthBytes = piece.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
      if (lengthBytes === 0) {
        res.flushHeaders();
        continue;
      }
      const start = position;
      position += lengthBytes;
      if (file.isWithinLastChunk(position)) await lease.consume();
      if (counted === null) {
        await response.write(piece);
        stream.moved(lengthBytes);
      } else {
        await writeCounted(response, piece, {
          taken: (taken, to) => {
            stream.moved(to - taken);
            counted.taken(file.row.index, start + taken, start + to);
          },
          told: position === range.to ? () => counted.told() : null,
        });
      }
      lease.served(lengthBytes, file.row.index);
      deps.traffic.add('out', lengthBytes);
    }
    // Of unknown length, the end is what makes it complete; and of an empty file there was no piece.
    if (position === file.row.sizeBytes) await lease.consume();
    if (!res.headersSent) writeHead();
    await response.flush();
    if (position === range.from) counted?.taken(file.row.index, position, position);
    // What has a length was told before its last byte.
    if (range.to === null || position === range.from) await counted?.told();
    res.end();
  } finally {
    response.close();
    stream.leave();
    release();
  }
}

function fileHeaders(
  transfer: RunningTransfer,
  file: RunningFile,
  validators: Validators,
  mayInline: boolean,
  context: RequestContext,
): Record<string, string> {
  const name = fileName(file.row.path);
  const inline = mayInline ? inlineType(file.row.path) : null;
  const digest = hex(file.row.digest);
  return {
    ...USER_BYTES_HEADERS,
    'content-type': inline ?? 'application/octet-stream',
    'content-disposition': disposition(name, inline === null ? 'attachment' : 'inline'),
    'accept-ranges': file.row.sizeBytes === null ? 'none' : 'bytes',
    etag: validators.etag,
    expires: transfer.row.expiresAt.toUTCString(),
    [HEADER.requestId]: context.requestId,
    ...(digest === null ? {} : { [HEADER.blake3]: digest }),
  };
}

/** From a byte to the end, as a client asks that has what is before it; the last bytes of a file are another wish. */
function isGoingOn(req: IncomingMessage): boolean {
  return /^bytes=[ \t]*\d+-[ \t]*$/i.test(req.headers.range ?? '');
}

function oneHeader(req: IncomingMessage, name: string): string | undefined {
  const value = req.headers[name];
  return typeof value === 'string' ? value : undefined;
}
