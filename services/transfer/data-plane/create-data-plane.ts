import type { IncomingMessage, ServerResponse } from 'node:http';
import { PeerLinkError } from '../../contracts/errors.ts';
import { MAX_CHUNKS_PER_FILE, UNKNOWN_LENGTH_CHUNK_BYTES } from '../../contracts/limits.ts';
import { isPageWanted } from '../../kernel/preview-agents.ts';
import type { ActivityGauges, TrafficCounter } from '../../kernel/traffic.ts';
import type { LeaseRepository } from '../ports.ts';
import type { TransferControl } from '../transfer-control.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import { BufferPool } from './buffer-pool.ts';
import type { DataPlane, EdgePorts, RequestContext } from './data-plane.ts';
import type { DataPlaneDeps, PeerPorts } from './deps.ts';
import { getFile } from './get-file.ts';
import { getZip } from './get-zip.ts';
import { helpText } from './help-text.ts';
import { MovingTransfers } from './moving-transfers.ts';
import { ReaderGone } from './paced-response.ts';
import { putRun } from './put-body.ts';
import { putUpload } from './put-upload.ts';
import { queryNumber } from './query-number.ts';
import { ReaderMemory } from './reader-memory.ts';
import { ClientGone, discardRest } from './receive-body.ts';
import { assertAllowed } from './share-access.ts';
import { SharedChunks } from './shared-chunks.ts';
import { storeChunk } from './store-chunk.ts';

export interface DataPlaneOptions {
  /** Null when embedded. Given the finished deps, since what other nodes ask needs the same ones. */
  readonly createPeers: ((deps: DataPlaneDeps) => PeerPorts) | null;
  readonly engine: TransferEngine;
  readonly control: TransferControl;
  readonly direct: DataPlaneDeps['direct'];
  readonly recipients: DataPlaneDeps['recipients'];
  readonly leases: LeaseRepository;
  readonly edge: EdgePorts;
  readonly traffic: TrafficCounter;
  readonly maxConcurrentUploads: number;
  readonly maxConcurrentDownloads: number;
  /** null: only the protocol's limit. */
  readonly maxFileBytes: number | null;
}

/** Paths that belong to somebody else, whatever the method. */
const OTHERS = /^\/(?:api|peer|socket\.io|chunks\.io|assets|healthz|readyz|metrics|version)(?:\/|$)/;
const RUN = /^\/api\/transfers\/([1-9A-HJ-NP-Za-km-z]{8,64})\/files\/(\d{1,5})$/;
const SHARE = /^\/d\/([1-9A-HJ-NP-Za-km-z]{8,64})(?:\/(zip|\d{1,5})(?:\/[^/]*)?)?\/?$/;

type Route = (req: IncomingMessage, res: ServerResponse, context: RequestContext) => Promise<void>;

/** Everything that takes or gives file bytes, by HTTP and by Socket.IO, over one engine. */
export function createDataPlane(
  options: DataPlaneOptions,
): DataPlane & Omit<ActivityGauges, 'singleCopyTransfers' | 'openDirectSends'> {
  // Durations, so not the clock on the wall, which may jump.
  const nowMs = () => performance.now();
  const buffers = new BufferPool();
  const here: DataPlaneDeps = {
    ...options,
    peers: null,
    uploads: new MovingTransfers(options.maxConcurrentUploads, nowMs),
    downloads: new MovingTransfers(options.maxConcurrentDownloads, nowMs),
    buffers,
    chunks: new SharedChunks(buffers),
    readers: new ReaderMemory(nowMs),
    maxUnknownLengthBytes: Math.min(
      options.maxFileBytes ?? Number.POSITIVE_INFINITY,
      UNKNOWN_LENGTH_CHUNK_BYTES * MAX_CHUNKS_PER_FILE,
    ),
  };
  const deps: DataPlaneDeps = { ...here, peers: options.createPeers?.(here) ?? null };
  let isDraining = false;
  const assertTaking = () => {
    if (isDraining)
      throw new PeerLinkError('draining', 'This node is being stopped. Try again in a moment.', {
        retryAfterSeconds: 2,
      });
  };
  return {
    handle: (req, res, context) => {
      if (deps.peers !== null && isPeerRequest(req)) {
        // Also while draining: transfers are handed over then.
        const { peers } = deps;
        run(
          deps,
          (...args) => peers.answer(...args),
          req,
          res,
          context,
          () => {},
        );
        return true;
      }
      const route = routeOf(deps, req);
      if (route === null) return false;
      run(deps, route, req, res, context, assertTaking);
      return true;
    },
    storeChunk: (head, bytes, context) => {
      assertTaking();
      return storeChunk(deps, head, bytes, context);
    },
    drain: async (deadlineMs) => {
      isDraining = true;
      const end = performance.now() + deadlineMs;
      while (performance.now() < end && deps.uploads.streamCount + deps.downloads.streamCount > 0) {
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    },
    activeUploads: () => deps.uploads.streamCount,
    activeDownloads: () => deps.downloads.streamCount,
    openTransfers: () => options.engine.running().filter((transfer) => transfer.row.state === 'open').length,
  };
}

function run(
  deps: DataPlaneDeps,
  route: Route,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  assertTaking: () => void,
): void {
  const answer = async () => {
    assertTaking();
    await route(req, res, context);
  };
  answer().catch((fault: unknown) => {
    if (fault instanceof ClientGone || fault instanceof ReaderGone || res.destroyed) {
      res.destroy();
      return;
    }
    // What is still coming belongs to no request: the connection ends with the answer.
    if (!req.complete && !res.headersSent) res.setHeader('connection', 'close');
    deps.edge.answerFault(req, res, context, fault);
    discardRest(req);
  });
}

function isPeerRequest(req: IncomingMessage): boolean {
  return req.url?.startsWith('/peer/') ?? false;
}

/** Null: moleculer-web's. */
function routeOf(deps: DataPlaneDeps, req: IncomingMessage): Route | null {
  // Not through URL, which refuses some addresses, sees a host in others, and resolves dots.
  const [pathname = '/', search = ''] = (req.url ?? '/').split(/\?(.*)/s, 2);
  const searchParams = new URLSearchParams(search);
  const method = req.method ?? 'GET';
  const runMatch = RUN.exec(pathname);
  if (runMatch?.[1] !== undefined) {
    if (method !== 'PUT') return onlyPut;
    // One that is no number is refused by the run's plan.
    const offset = searchParams.has('offset') ? queryNumber(searchParams, 'offset') : 0;
    const target = { transferId: runMatch[1], fileIndex: Number(runMatch[2]), offset };
    return (req, res, context) => putRun(deps, req, res, context, target);
  }
  if (pathname.startsWith('/d/')) return shareRoute(deps, method, SHARE.exec(pathname), searchParams);
  if (method === 'PUT' && !OTHERS.test(pathname))
    return (req, res, context) => putUpload(deps, req, res, context, pathname);
  if (pathname === '/' && (method === 'GET' || method === 'HEAD') && !isPageWanted(req.headers)) {
    return async (_req, res, context) => answerHelp(res, method, context);
  }
  return null;
}

const onlyPut: Route = async (_req, res) => {
  res.setHeader('allow', 'PUT');
  throw new PeerLinkError(
    'method_not_allowed',
    'Chunks are sent here with PUT; a file is read at /d/<share id>/<index>.',
  );
};

function shareRoute(deps: DataPlaneDeps, method: string, match: RegExpExecArray | null, query: URLSearchParams): Route {
  return async (req, res, context) => {
    if (method !== 'GET' && method !== 'HEAD') {
      res.setHeader('allow', 'GET, HEAD');
      throw new PeerLinkError('method_not_allowed', 'A share is read with GET or HEAD.');
    }
    const part = match?.[2];
    // A browser opening the link, or a preview being drawn: the page, which says so too when there is no such share.
    if (part === undefined && isPageWanted(req.headers)) {
      deps.edge.answerPage(req, res, context);
      return;
    }
    if (match?.[1] === undefined) throw new PeerLinkError('not_found', 'There is nothing at this address.');
    const transfer = await deps.engine.loadShare(match[1]);
    const release = deps.engine.hold(transfer);
    try {
      const recipient = await assertAllowed(deps, req, res, context, transfer, query);
      const fileIndex = part === undefined || part === 'zip' ? 0 : Number(part);
      const isZip = part === 'zip' || (part === undefined && transfer.files.length > 1);
      // "HEAD and link-preview agents get the page or headers and never bytes of a limited share."
      if (isPageWanted({ 'user-agent': req.headers['user-agent'] })) deps.edge.answerPage(req, res, context);
      else if (isZip) await getZip(deps, req, res, context, transfer, recipient);
      else
        await getFile(deps, req, res, context, transfer, transfer.file(fileIndex), {
          mayInline: query.get('view') === '1',
          recipient,
        });
    } finally {
      release();
    }
  };
}

function answerHelp(res: ServerResponse, method: string, context: RequestContext): void {
  const text = Buffer.from(helpText(context.publicOrigin));
  res.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'content-length': text.length });
  res.end(method === 'HEAD' ? undefined : text);
}
