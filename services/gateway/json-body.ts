import type { IncomingMessage } from 'node:http';
import { PeerLinkError } from '../contracts/errors.ts';
import { JSON_BODY_TIMEOUT_MS, MAX_JSON_BODY_BYTES, MAX_JSON_DEPTH } from '../contracts/limits.ts';
import { jsonDepth } from './json-depth.ts';

export interface JsonBodyLimits {
  readonly maxBytes: number;
  readonly maxDepth: number;
  readonly timeoutMs: number;
}
export const JSON_BODY_LIMITS: JsonBodyLimits = {
  maxBytes: MAX_JSON_BODY_BYTES,
  maxDepth: MAX_JSON_DEPTH,
  timeoutMs: JSON_BODY_TIMEOUT_MS,
};

/**
 * Reads a request's JSON body. What can be refused by its headers is refused before a byte is read.
 * @returns undefined when there is no body at all
 * @throws unsupported_media_type, too_large, bad_json, request_timeout
 */
export async function readJsonBody(req: IncomingMessage, limits: JsonBodyLimits = JSON_BODY_LIMITS): Promise<unknown> {
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
  return parseJson(await collect(req, limits), limits.maxDepth);
}

export function parseJson(bytes: Uint8Array, maxDepth: number): unknown {
  if (jsonDepth(bytes, maxDepth) > maxDepth) {
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

function collect(req: IncomingMessage, { maxBytes, timeoutMs }: JsonBodyLimits): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    let sizeBytes = 0;
    const settle = (act: () => void) => {
      clearTimeout(timer);
      req.off('data', onData).off('end', onEnd).off('close', onClose).off('error', onClose);
      // What still comes is read and dropped by whoever answers.
      req.on('error', () => undefined);
      act();
    };
    const onData = (part: Buffer) => {
      sizeBytes += part.length;
      if (sizeBytes > maxBytes) settle(() => reject(tooLarge(maxBytes)));
      else parts.push(part);
    };
    const onEnd = () => settle(() => resolve(Buffer.concat(parts, sizeBytes)));
    const onClose = () =>
      settle(() => reject(new PeerLinkError('bad_request', 'The request ended before its body did.')));
    const timer = setTimeout(
      () => settle(() => reject(new PeerLinkError('request_timeout', `The body did not come within ${timeoutMs} ms.`))),
      timeoutMs,
    );
    req.on('data', onData).on('end', onEnd).on('close', onClose).on('error', onClose);
  });
}
