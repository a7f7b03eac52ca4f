import type { IncomingMessage, ServerResponse } from 'node:http';
import type { EdgeContext } from './edge-context.ts';

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE';
const REQUEST_HEADERS =
  'Authorization, Content-Type, Idempotency-Key, If-None-Match, If-Range, Range, X-Chunk-Value, X-Request-Id';
const EXPOSED_HEADERS =
  'Accept-Ranges, Content-Disposition, Content-Length, Content-Range, ETag, Location, Retry-After, X-Blake3, X-Request-Id, X-Server-Time, X-Url-Delete';
const MAX_AGE_SECONDS = 600;

/**
 * CORS for the listed origins, compared exactly, always without credentials: the cookie stays on the page's own
 * origin. Foreign origins get no header, so their pages cannot read the answer.
 * @returns true when the request was a preflight and is answered
 */
export function handleCors(req: IncomingMessage, res: ServerResponse, context: EdgeContext): boolean {
  res.appendHeader('Vary', 'Origin');
  // Our own page too: served under PUBLIC_URL, it may talk to this very node under another name.
  const isAllowed = context.originRelation === 'allowed' || context.originRelation === 'own';
  if (isAllowed) {
    res.setHeader('Access-Control-Allow-Origin', req.headers.origin ?? '');
    res.setHeader('Access-Control-Expose-Headers', EXPOSED_HEADERS);
  }
  if (req.method !== 'OPTIONS') return false;
  if (isAllowed) {
    res.setHeader('Access-Control-Allow-Methods', METHODS);
    res.setHeader('Access-Control-Allow-Headers', REQUEST_HEADERS);
    res.setHeader('Access-Control-Max-Age', MAX_AGE_SECONDS);
  }
  res.setHeader('Allow', `${METHODS}, OPTIONS`);
  res.statusCode = 204;
  res.end();
  return true;
}
