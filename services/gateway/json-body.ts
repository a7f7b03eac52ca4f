import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import {
  HELD_SPARED_MS,
  JSON_BODY_TIMEOUT_MS,
  MAX_GATHERED_BYTES,
  MAX_JSON_DEPTH,
  MAX_JSON_MEMBERS,
  MAX_SMALL_JSON_BODY_BYTES,
  MAX_UNCOUNTED_BODY_BYTES,
} from '../contracts/limits.ts';
import { HeldBytes } from '../kernel/held-bytes.ts';
import { jsonShape } from './json-depth.ts';

export interface JsonBodyLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly timeoutMs: number;
}
export const JSON_BODY_LIMITS: JsonBodyLimits = {
  maxBytes: MAX_SMALL_JSON_BODY_BYTES,
  maxDepth: MAX_JSON_DEPTH,
  timeoutMs: JSON_BODY_TIMEOUT_MS,
};

/** Most bodies are shorter; others get twice the room each time it is full. */
const FIRST_ROOM_BYTES = 1024;

/** What requests and messages that are not whole yet hold in this process. */
export const gatheredBytes = new HeldBytes({
  maxBytes: MAX_GATHERED_BYTES,
  sparedMs: HELD_SPARED_MS,
  nowMs: () => performance.now(),
});

/**
 * Reads a request's JSON body. What can be refused by its headers is refused before a byte is read.
 * @returns undefined when there is no body at all
 * @throws unsupported_media_type, too_large, bad_json, request_timeout, busy
 */
export async function readJsonBody(
  req: IncomingMessage,
  limits: JsonBodyLimits = JSON_BODY_LIMITS,
  gathered: HeldBytes = gatheredBytes,
): Promise<unknown> {
  const declared = req.headers['content-length'];
  const isChunked = req.headers['transfer-encoding'] !== undefined;
  if (!isChunked && (declared === undefined || declared === '0')) return undefined;
  const mediaType = (req.headers['content-type'] ?? '').split(';', 1)[0]?.trim().toLowerCase();
  if (mediaType !== 'application/json') {
    throw new PeerLinkError('unsupported_media_type', 'The body must be application/json.');
  }
  if ((req.headers['content-encoding'] ?? 'identity').toLowerCase() !== 'identity') {
    throw new PeerLinkError('unsupported_media_type', 'The body must not be compressed.');
  }
  if (Number(declared) > limits.maxBytes) throw tooLarge(limits.maxBytes);
  return parseJson(await collect(req, limits, gathered), limits.maxDepth);
}

export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  const { depth, memberCount } = jsonShape(bytes, { maxDepth, maxMembers: MAX_JSON_MEMBERS });
  if (memberCount > MAX_JSON_MEMBERS) {
    throw new PeerLinkError('bad_json', `The JSON has more than ${MAX_JSON_MEMBERS} members.`, {
      data: { limit: MAX_JSON_MEMBERS },
    });
  }
  if (depth > maxDepth) {
    throw new PeerLinkError('bad_json', `The JSON is nested more than ${maxDepth} levels deep.`, {
      data: { limit: maxDepth },
    });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes)) as unknown;
  } catch (cause) {
    throw new PeerLinkError('bad_json', 'The body is no JSON in UTF-8.', { cause });
  }
}

function tooLarge(limitBytes: number): PeerLinkError {
  return new PeerLinkError('too_large', `A JSON body may have at most ${limitBytes} bytes.`, { data: { limitBytes } });
}

function collect(
  req: IncomingMessage,
  { maxBytes, timeoutMs }: JsonBodyLimits,
  gathered: HeldBytes,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    // Copied at once: a body that comes a byte at a time would else be kept as an object for each, a hundred times its size.
    let whole = Buffer.alloc(0);
    let sizeBytes = 0;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      holding.end();
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // What still comes is read and dropped by whoever answers.
      req.on('error', () => undefined);
      act();
    };
    const keep = (part: Buffer) => {
      const startBytes = sizeBytes - part.length;
      if (sizeBytes > whole.length) {
        const larger = Buffer.allocUnsafeSlow(Math.max(FIRST_ROOM_BYTES, sizeBytes, 2 * whole.length));
        whole.copy(larger, 0, 0, startBytes);
        whole = larger;
      }
      part.copy(whole, startBytes);
    };
    const onData = (part: Buffer) => {
      const countedBefore = Math.max(0, sizeBytes - MAX_UNCOUNTED_BODY_BYTES);
      sizeBytes += part.length;
      const counted = Math.max(0, sizeBytes - MAX_UNCOUNTED_BODY_BYTES);
      if (sizeBytes > maxBytes) settle(() => reject(tooLarge(maxBytes)));
      else if (counted > countedBefore && !holding.add(counted - countedBefore)) refuse();
      else keep(part);
    };
    const refuse = () => {
      whole = Buffer.alloc(0);
      settle(() => reject(new PeerLinkError('busy', 'Too many large requests are being sent at once.')));
    };
    const holding = gathered.begin(refuse);
    const onEnd = () => settle(() => resolve(whole.subarray(0, sizeBytes)));
    const onClose = () =>
      settle(() => reject(new PeerLinkError('bad_request', 'The request ended before its body did.')));
    const timer = setTimeout(
      () => settle(() => reject(new PeerLinkError('request_timeout', `The body did not come within ${timeoutMs} ms.`))),
      timeoutMs,
    );
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}
