import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { HEADER } from '../../contracts/http.ts';
import { hex } from '../summaries.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { abandon, contentLengthOf, storeBody } from './put-body.ts';

const SECONDS_PER_DAY = 24 * 3600;

/** `curl -T file http://host/`: one request opens, fills and seals a share; the answer's one line is its link. */
export async function putUpload(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  pathname: string,
): Promise<void> {
  const sizeBytes = contentLengthOf(req);
  const maxDays = positiveHeader(req, HEADER.maxDays);
  const maxDownloads = positiveHeader(req, HEADER.maxDownloads);
  await deps.edge.consumeRate('uploads', context);
  const { transfer: opened, uploadToken } = await deps.control.open(
    { sessionId: null, uploadToken: null, addressKey: context.addressKey, publicOrigin: context.publicOrigin },
    {
      files: [{ path: uploadName(pathname), sizeBytes }],
      ...(maxDays === null ? {} : { expiresInSeconds: Math.ceil(maxDays * SECONDS_PER_DAY) }),
      ...(maxDownloads === null ? {} : { maxDownloads }),
    },
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

/** A number above 0, or null without the header. `Max-Days` may have a fraction; `maxDownloads` is checked at open. */
export function positiveHeader(req: Pick<IncomingMessage, 'headers'>, name: string): number | null {
  const given = req.headers[name];
  if (given === undefined) return null;
  const value = typeof given === 'string' && /^\d{1,9}(\.\d{1,6})?$/.test(given) ? Number(given) : 0;
  if (value <= 0) throw new PeerLinkError('bad_request', `The header ${name} must be a number above 0.`);
  return value;
}
