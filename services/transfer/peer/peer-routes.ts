import type { IncomingMessage, ServerResponse } from 'node:http';
import type { NetIo } from '../../../native/types.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { RequestContext } from '../data-plane/data-plane.ts';
import type { DataPlaneDeps } from '../data-plane/deps.ts';
import { storeRun } from '../data-plane/put-body.ts';
import { queryNumber } from '../data-plane/query-number.ts';
import { planRun } from '../manifest.ts';
import type { ReplicaTransfer } from '../replication/ports.ts';
import type { ReplicaSide } from '../replication/replica-side.ts';
import { answerCopy } from './chunk-copies.ts';
import type { PeerAuth, PeerHead, Refusal } from './peer-auth.ts';
import { type PeerClient, xorInPlace } from './peer-client.ts';
import { answerRead } from './peer-read.ts';
import { takeFrames } from './replica-session.ts';

export interface PeerRoutesDeps {
  readonly data: DataPlaneDeps;
  readonly auth: PeerAuth;
  readonly client: PeerClient;
  readonly replica: ReplicaSide;
  readonly replicaTransfer: (transferId: string) => Promise<ReplicaTransfer>;
  readonly netIo: NetIo;
  readonly onForged: (reason: Refusal) => void;
}

/** One authentic request of another node. */
interface PeerRequest {
  readonly head: PeerHead;
  readonly transferId: string;
  /** NaN where the address has none. */
  readonly fileIndex: number;
  readonly query: URLSearchParams;
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

const ADDRESS =
  /^\/peer\/transfers\/([1-9A-HJ-NP-Za-km-z]{8,64})\/(files|chunks|promote|adopt|copies)(?:\/(\d{1,5}))?$/;

type Route = (deps: PeerRoutesDeps, request: PeerRequest) => Promise<void>;
const ROUTES: ReadonlyMap<string, Route> = new Map<string, Route>([
  ['POST chunks', (deps, { head, transferId, req, res }) => takeFrames(deps, head, transferId, req, res)],
  ['POST promote', (deps, request) => promote(deps, request, false)],
  ['POST adopt', (deps, request) => promote(deps, request, true)],
  ['PUT files', putRun],
  ['GET files', answerRead],
  ['GET copies', answerCopy],
]);

/** What other nodes may ask of this one. Every request carries a MAC; without one the address does not exist. */
export function createPeerRoutes(deps: PeerRoutesDeps) {
  return async (req: IncomingMessage, res: ServerResponse, _context: RequestContext): Promise<void> => {
    const address = req.url ?? '/';
    const method = req.method ?? 'GET';
    const head = deps.auth.verify(method, address, req.headers);
    if (typeof head === 'string') {
      deps.onForged(head);
      throw nothingHere();
    }
    const [pathname = '/', search = ''] = address.split(/\?(.*)/s, 2);
    if (pathname === '/peer/ping') {
      res.writeHead(204).end();
      return;
    }
    const [, transferId, what, fileIndex] = ADDRESS.exec(pathname) ?? [];
    const hasFile = what === 'files' || what === 'copies';
    if (transferId === undefined || hasFile !== (fileIndex !== undefined)) throw nothingHere();
    const route = ROUTES.get(`${method} ${what}`);
    if (route === undefined) throw new PeerLinkError('method_not_allowed', 'Nodes do not ask this.');
    const query = new URLSearchParams(search);
    await route(deps, { head, transferId, fileIndex: Number(fileIndex), query, req, res });
  };
}

function nothingHere(): PeerLinkError {
  return new PeerLinkError('not_found', 'There is nothing at this address.');
}

/** Bodies between nodes are counted once, by the node that asked. */
const COUNTED_WHERE_ASKED = { add: () => {} };

/** A client's run that came in at another node. That node has checked the client's right. */
async function putRun(deps: PeerRoutesDeps, request: PeerRequest): Promise<void> {
  const { head, transferId, fileIndex, query, req, res } = request;
  const { engine } = deps.data;
  let transfer = await engine.loadAtEpoch(transferId, head.epoch);
  if (!transfer.isAccepted) {
    // The client's gateway may have heard of it first.
    await deps.data.direct.assertAccepted(transfer);
    transfer = await engine.loadAtEpoch(transferId, head.epoch);
  }
  const file = transfer.file(fileIndex);
  transfer.assertWritable(engine.nodeId, engine.nowMs);
  const plan = planRun(file.row, queryNumber(query, 'offset'), head.lengthBytes);
  if (!plan.isValid) throw new PeerLinkError(plan.fault, plan.message);
  const reveal = head.isObfuscated ? xorInPlace(deps.netIo, deps.auth.obfuscationKey(head.nonce, 'request')) : null;
  const data = { ...deps.data, traffic: COUNTED_WHERE_ASKED };
  answerJson(res, await storeRun(data, req, transfer, file, plan.firstChunk, { reveal, isPeer: true }));
}

/** "R's own probe of the home's data port is refused, or stays unanswered for 3 s", unless the home itself asks. */
async function promote(
  deps: PeerRoutesDeps,
  { head, transferId, res }: PeerRequest,
  isAdoption: boolean,
): Promise<void> {
  const transfer = await deps.replicaTransfer(transferId);
  const { homeNodeId } = transfer.row;
  const isAskedByHome = isAdoption && head.nodeId === homeNodeId;
  const probe = async () => (await deps.client.probe(homeNodeId)) === 'alive';
  answerJson(res, await deps.replica.promote(transfer, isAskedByHome ? null : probe));
}

function answerJson(res: ServerResponse, body: unknown): void {
  const text = Buffer.from(JSON.stringify(body));
  res.writeHead(200, { 'content-type': 'application/json', 'content-length': text.length });
  res.end(text);
}
