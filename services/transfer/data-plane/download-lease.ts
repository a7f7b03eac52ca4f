import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as delay } from 'node:timers/promises';
import { PeerLinkError } from '../../contracts/errors.ts';
import { LEASE_IDLE_MS, LEASE_RESUME_BACKTRACK_BYTES } from '../../contracts/limits.ts';
import { randomId, sha256, TOKEN_LENGTH } from '../../kernel/ids.ts';
import type { BeginOutcome, LeaseOutcome, PlannedFile } from '../ports.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';
import { ServedTelling } from './served-telling.ts';
import { LEASE_COOKIE, setShareCookie, shareCookies } from './share-access.ts';

/** How often a running stream says that it is there and what it served, so that a resumed one may begin there. */
const RECORD_EVERY_MS = 2_000;
const STREAM_ID_LENGTH = 12;
/** When what was held is looked at once more before the client is sent away: a stream that ends is told of within this time. */
const HELD_AGAIN_MS = 500;

/** The right to read a limited share, as one stream uses it. */
export interface LeaseUse {
  /** Bytes of a file. What a zip has around its files is not counted. */
  served(bytes: number, fileIndex: number): void;
  /** "It becomes consumed before the last chunk of the first completed file is sent." Repeatable. */
  consume(): Promise<void>;
  end(): Promise<void>;
}

const UNLIMITED: LeaseUse = { served: () => {}, consume: async () => {}, end: async () => {} };

/** What a GET is to read of a share. */
export interface LeasedRead {
  readonly transfer: RunningTransfer;
  /** null for the zip */
  readonly file: RunningFile | null;
  /** of bytes that the answer will have; to null: as far as it will go */
  readonly range: { readonly from: number; readonly to: number | null };
}

/**
 * Takes a lease for a GET of a limited share, or goes on under one. A download that begins, rather than goes on, costs
 * a point of the rate limit, and costs it before it holds a slot.
 * @throws slots_held, used_up, ended, rate_limited
 */
export async function useLease(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  { transfer, file, range }: LeasedRead,
): Promise<LeaseUse> {
  const consumeRate = async () => {
    if (range.from === 0) await deps.edge.consumeRate('downloads', context);
  };
  if (transfer.row.maxDownloads === null) {
    await consumeRate();
    return UNLIMITED;
  }
  const planned = plannedFiles({ transfer, file, range });
  // Whoever looks at the share next is told how many downloads are left now.
  const onConsumed = () => void deps.engine.reread(transfer).catch(() => {});
  const begin = async (leaseId: string) => {
    const plan = { transfer, file, planned, onConsumed };
    const begun = await streamUnder(deps, leaseId, plan);
    if (begun !== 'held') return begun;
    await delay(HELD_AGAIN_MS);
    return streamUnder(deps, leaseId, plan);
  };
  const known = await knownLease(deps, req, transfer);
  const goingOn = known === null ? 'gone' : await begin(known);
  if (typeof goingOn === 'object') return goingOn;
  const token = randomId(TOKEN_LENGTH);
  const asked = { transferId: transfer.row.id, tokenHash: sha256(token), holder: context.addressKey };
  const remember = () => setShareCookie(res, context, transfer.row.shareId, LEASE_COOKIE, token, LEASE_IDLE_MS * 6);
  if (range.from > 0 && file !== null) {
    const resumed = await deps.leases.takeUp({
      ...asked,
      fileIndex: file.row.index,
      fromByte: range.from,
      backtrackBytes: LEASE_RESUME_BACKTRACK_BYTES,
    });
    const takenUp = resumed === null ? 'gone' : await begin(resumed.id);
    if (typeof takenUp === 'object') {
      remember();
      return takenUp;
    }
  }
  await consumeRate();
  const taken = await deps.leases.acquire({ ...asked, nodeId: deps.engine.nodeId, idleMs: LEASE_IDLE_MS });
  // The client's own streams may leave it what this one needs.
  if (goingOn === 'held' && taken.outcome === 'used_up') throw leaseHeld();
  const use = await begin(grantedLease(taken));
  if (typeof use !== 'object') throw leaseLost();
  remember();
  return use;
}

/** How much of each file this read will have. A file that grows has no size to count by. */
function plannedFiles({ transfer, file, range }: LeasedRead): readonly PlannedFile[] {
  return (file === null ? transfer.files : [file]).flatMap(({ row: { index, sizeBytes } }) => {
    if (sizeBytes === null) return [];
    const plannedBytes = file === null ? sizeBytes : (range.to ?? sizeBytes) - range.from;
    return [{ fileIndex: index, sizeBytes, plannedBytes }];
  });
}

/** @throws slots_held, used_up, ended */
function grantedLease(taken: LeaseOutcome): string {
  switch (taken.outcome) {
    case 'granted':
      return taken.leaseId;
    case 'slots_held':
      throw new PeerLinkError('slots_held', 'All downloads that the sender allowed are under way. One may come free.', {
        retryAfterSeconds: taken.retryAfterSeconds,
      });
    case 'used_up':
      throw new PeerLinkError('used_up', 'This link has been downloaded as often as its sender allowed.');
    case 'ended':
      throw new PeerLinkError('ended', 'This transfer was ended by its sender.');
  }
}

/** The lease that the request's own token names. */
async function knownLease(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  transfer: RunningTransfer,
): Promise<string | null> {
  const token = shareCookies(req).lease;
  if (token === undefined || token.length > 128) return null;
  return (await deps.leases.findByToken(transfer.row.id, sha256(token)))?.id ?? null;
}

async function streamUnder(
  deps: DataPlaneDeps,
  leaseId: string,
  plan: {
    readonly transfer: RunningTransfer;
    /** Null: all of them, as a zip. */
    readonly file: RunningFile | null;
    readonly planned: readonly PlannedFile[];
    readonly onConsumed: () => void;
  },
): Promise<LeaseUse | Exclude<BeginOutcome, 'begun'>> {
  const { transfer, file, planned, onConsumed } = plan;
  const streamId = randomId(STREAM_ID_LENGTH);
  const isZip = file === null;
  let fileIndex = file?.row.index ?? 0;
  /** Of that file. */
  let sentBytes = 0;
  const flight = () => {
    const wholeBytes = isZip ? transfer.files[fileIndex]?.row.sizeBytes : planned[0]?.plannedBytes;
    return { streamId, isZip, fileIndex, leftBytes: Math.max(0, (wholeBytes ?? 0) - sentBytes) };
  };
  const telling = new ServedTelling(deps.leases, leaseId, flight);
  let consuming: Promise<boolean> | null = null;
  let hasEnded = false;
  const begun = await deps.leases.begin(leaseId, flight(), planned);
  if (begun !== 'begun') return begun;
  // While the database cannot answer, the stream goes on: the lease was given, and its last chunk needs `consume`.
  const heartbeat = setInterval(() => void telling.tell(), RECORD_EVERY_MS);
  return {
    served: (bytes, index) => {
      telling.count(index, bytes);
      sentBytes = index === fileIndex ? sentBytes + bytes : bytes;
      fileIndex = index;
      if (telling.isLost) throw leaseLost();
    },
    consume: async () => {
      consuming ??= deps.leases.consume(leaseId).finally(onConsumed);
      if (!(await consuming)) throw leaseLost();
    },
    end: async () => {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(heartbeat);
      await telling.end();
    },
  };
}

function leaseHeld(): PeerLinkError {
  return new PeerLinkError('slots_held', 'Other requests of this download hold what it may still be sent.', {
    retryAfterSeconds: RECORD_EVERY_MS / 1000,
  });
}

function leaseLost(): PeerLinkError {
  return new PeerLinkError('slots_held', 'This download stood still for too long and its slot went to somebody else.', {
    retryAfterSeconds: 60,
  });
}
