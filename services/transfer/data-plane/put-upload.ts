import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import { MAX_DOWNLOADS_LIMIT, MAX_EXPIRES_SECONDS } from '../../contracts/limits.ts';
import { hex } from '../summaries.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { abandon, contentLengthOf, storeBody } from './put-body.ts';

const SECONDS_PER_DAY = 24 * 3600;
const MAX_DAYS = MAX_EXPIRES_SECONDS / SECONDS_PER_DAY;

/** `curl -T file http://host/`: one request opens, fills and seals a share; the answer's one line is its link. */
export async function putUpload(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  pathname: string,
): Promise<void> {
  const sizeBytes = contentLengthOf(req);
  const wishes = uploadWishes(req);
  assertWholeFile(req.headers['content-range'], sizeBytes);
  await deps.edge.consumeRate('uploads', context);
  const { transfer: opened, uploadToken } = await deps.control.open(
    { sessionId: null, uploadToken: null, addressKey: context.addressKey, publicOrigin: context.publicOrigin },
    { files: [{ path: uploadName(pathname), sizeBytes }], ...wishes },
  );
  const transfer = await deps.engine.load(opened.id);
  const file = transfer.file(0);
  try {
    if (sizeBytes !== 0) await storeBody(deps, req, transfer, file, 0, []);
    if (!file.isSealed)
      throw new PeerLinkError('unavailable', 'The upload could not be completed. Send it again.', {
        retryAfterSeconds: 5,
      });
  } catch (fault) {
    // Nobody has its link yet: what is left of it would only take space.
    await abandon(deps, opened.id);
    throw fault;
  }
  const line = Buffer.from(`${opened.link}\n`);
  res.writeHead(201, {
    'content-type': 'text/plain; charset=utf-8',
    'content-length': line.length,
    'cache-control': 'no-store',
    location: opened.link,
    [HEADER.blake3]: hex(file.row.digest) ?? '',
    [HEADER.urlDelete]: `${context.publicOrigin}/api/transfers/${opened.id}?token=${uploadToken}`,
    [HEADER.requestId]: context.requestId,
  });
  res.end(line);
}

/**
 * The last path segment, decoded; `stdin` when there is none. node:http gives bytes that were not percent-encoded as
 * Latin-1, so they are put back. @throws bad_name
 */
export function uploadName(pathname: string): string {
  const segment = pathname.slice(pathname.lastIndexOf('/') + 1);
  if (segment === '') return 'stdin';
  try {
    return decodeURIComponent(segment.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16)}`));
  } catch {
    throw new PeerLinkError('bad_name', "The file's name in the address is not valid percent-encoded UTF-8.");
  }
}

/** What `Max-Days` and `Max-Downloads` ask for. @throws bad_request in the terms of the headers */
export function uploadWishes(req: Pick<IncomingMessage, 'headers'>): {
  readonly expiresInSeconds?: number;
  readonly maxDownloads?: number;
} {
  const maxDays = positiveHeader(req, HEADER.maxDays);
  const maxDownloads = positiveHeader(req, HEADER.maxDownloads);
  if (maxDays !== null && maxDays > MAX_DAYS) {
    throw new PeerLinkError(
      'bad_request',
      `The header ${HEADER.maxDays} may be at most ${MAX_DAYS}, found ${maxDays}.`,
    );
  }
  if (maxDownloads !== null && !(Number.isInteger(maxDownloads) && maxDownloads <= MAX_DOWNLOADS_LIMIT)) {
    const wanted = `must be a whole number from 1 to ${MAX_DOWNLOADS_LIMIT}`;
    throw new PeerLinkError('bad_request', `The header ${HEADER.maxDownloads} ${wanted}, found ${maxDownloads}.`);
  }
  return {
    ...(maxDays === null ? {} : { expiresInSeconds: Math.ceil(maxDays * SECONDS_PER_DAY) }),
    ...(maxDownloads === null ? {} : { maxDownloads }),
  };
}

/**
 * "An origin server SHOULD respond with a 400 if it receives Content-Range on a PUT for a target resource that does not
 * support partial PUT requests" (RFC 9110, section 14.5): `curl -C 1000 -T file` leaves out the first thousand bytes, and
 * the rest would become a share under the file's name. `curl -C -` names the whole file, or nonsense without a length.
 * @throws bad_request
 */
export function assertWholeFile(contentRange: string | undefined, sizeBytes: number | null): void {
  if (contentRange === undefined) return;
  const range = contentRange.toLowerCase();
  if (sizeBytes === null ? range.startsWith('bytes 0-') : range === `bytes 0-${sizeBytes - 1}/${sizeBytes}`) return;
  throw new PeerLinkError(
    'bad_request',
    'Content-Range says that a part of the file is sent. A link holds whole files: send it again without -C, or open a transfer and PUT its chunks.',
  );
}

/** A number above 0, or null without the header. `Max-Days` may have a fraction. */
export function positiveHeader(req: Pick<IncomingMessage, 'headers'>, name: string): number | null {
  const given = req.headers[name];
  if (given === undefined) return null;
  const value = typeof given === 'string' && /^\d{1,9}(\.\d{1,6})?$/.test(given) ? Number(given) : 0;
  if (value <= 0) throw new PeerLinkError('bad_request', `The header ${name} must be a number above 0.`);
  return value;
}
