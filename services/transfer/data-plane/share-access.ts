import type { IncomingMessage, ServerResponse } from 'node:http';
import { parseCookie, stringifySetCookie } from 'cookie';
import { PeerLinkError } from '../../contracts/errors.ts';
import { GRANT_TTL_MS, LEASE_IDLE_MS, LEASE_RESUME_BACKTRACK_BYTES } from '../../contracts/limits.ts';
import { randomId, sha256, TOKEN_LENGTH } from '../../kernel/ids.ts';
import type { PlannedFile } from '../ports.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { RequestContext } from './data-plane.ts';
import type { DataPlaneDeps } from './deps.ts';

const GRANT_COOKIE = 'pl_grant';
const LEASE_COOKIE = 'pl_lease';
/** How often a running stream says that it is there and what it served, so that a resumed one may begin there. */
const RECORD_EVERY_MS = 2_000;
const STREAM_ID_LENGTH = 12;

/** A share's own cookies in a request. */
export function shareCookies(req: IncomingMessage): { lease: string | undefined; grant: string | undefined } {
  const cookies = parseCookie(req.headers.cookie ?? '');
  return { lease: cookies[LEASE_COOKIE], grant: cookies[GRANT_COOKIE] };
}

/** Cookies of one share go to that share only. */
export function setShareCookie(
  res: ServerResponse,
  context: RequestContext,
  shareId: string,
  name: string,
  value: string,
  maxAgeMs: number,
): void {
  const cookie = stringifySetCookie({
    name,
    value,
    path: `/d/${shareId}`,
    httpOnly: true,
    sameSite: 'lax',
    secure: context.isSecure,
    maxAge: Math.floor(maxAgeMs / 1000),
  });
  res.appendHeader('set-cookie', cookie);
}

/**
 * Lets the request pass when the share has no password, or it brings a grant (cookie, `?grant=`) or the password
 * itself (`curl -u :password`). A direct send is there for its recipients only, by their own grants.
 * @returns the recipient's session, of a direct send
 * @throws password_required, bad_password, rate_limited, busy; not_found; what it is over with
 */
export async function assertAllowed(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  transfer: RunningTransfer,
  query: URLSearchParams,
): Promise<string | null> {
  const { control, engine } = deps;
  const cookie = shareCookies(req).grant;
  const inAddress = query.get('grant') ?? undefined;
  if (transfer.row.kind === 'direct') {
    // Before anything is told of it, also that it is over.
    const sessionId = await deps.direct.assertRecipient(transfer, { header: cookie, address: inAddress });
    transfer.assertReadable(engine.nowMs);
    return sessionId;
  }
  transfer.assertReadable(engine.nowMs);
  // Also with neither: a share without a password is open to all.
  if (control.mayRead(transfer, cookie)) return null;
  if (control.mayRead(transfer, inAddress, 'address')) return null;
  const password = basicPasswordOf(req.headers.authorization);
  if (password === null) {
    res.setHeader('www-authenticate', 'Basic realm="PeerLink share", charset="UTF-8"');
    throw new PeerLinkError(
      'password_required',
      'This link has a password. Open it in a browser, or use: curl -u :PASSWORD',
    );
  }
  await deps.edge.consumeRate('passwords', context);
  await control.assertPassword(transfer, password);
  setShareCookie(res, context, transfer.row.shareId, GRANT_COOKIE, control.grantFor(transfer).grant, GRANT_TTL_MS);
  return null;
}

/** The password of `Authorization: Basic`, whatever the user's name is; null when there is none. Never throws. */
export function basicPasswordOf(header: string | undefined): string | null {
  const basic = /^Basic ([\w+/=-]{1,4096})$/i.exec(header ?? '')?.[1];
  if (basic === undefined) return null;
  const text = Buffer.from(basic, 'base64').toString('utf8');
  return text.slice(text.indexOf(':') + 1);
}

/** The right to read a limited share, as one stream uses it. */
export interface LeaseUse {
  /** Bytes of a file; what a zip has around them is nobody's. */
  served(bytes: number, fileIndex: number): void;
  /** "It becomes consumed before the last chunk of the first completed file is sent." Repeatable. */
  consume(): Promise<void>;
  end(): Promise<void>;
}

const UNLIMITED: LeaseUse = { served: () => {}, consume: async () => {}, end: async () => {} };

/**
 * Takes a lease for a GET of a limited share, or goes on under one. A download that begins, rather than goes on, costs
 * a point of the rate limit, and costs it before it holds a slot.
 * @param file null for the zip
 * @param range of bytes that the answer will have; to null: as far as it will go
 * @throws slots_held, used_up, ended, rate_limited
 */
export async function useLease(
  deps: DataPlaneDeps,
  req: IncomingMessage,
  res: ServerResponse,
  context: RequestContext,
  transfer: RunningTransfer,
  file: RunningFile | null,
  range: { readonly from: number; readonly to: number | null },
): Promise<LeaseUse> {
  const fromByte = range.from;
  const consumeRate = async () => {
    if (fromByte === 0) await deps.edge.consumeRate('downloads', context);
  };
  if (transfer.row.maxDownloads === null) {
    await consumeRate();
    return UNLIMITED;
  }
  // A file that grows has no size to count by.
  const planned = (file === null ? transfer.files : [file]).flatMap(({ row: { index, sizeBytes } }) => {
    if (sizeBytes === null) return [];
    const plannedBytes = file === null ? sizeBytes : (range.to ?? sizeBytes) - fromByte;
    return [{ fileIndex: index, sizeBytes, plannedBytes }];
  });
  // Whoever looks at the share next is told how many downloads are left now.
  const onConsumed = () => void deps.engine.reread(transfer).catch(() => {});
  const begin = (leaseId: string) => streamUnder(deps, leaseId, { transfer, file, planned, onConsumed });
  const known = await knownLease(deps, req, transfer);
  const goingOn = known === null ? null : await begin(known);
  if (goingOn !== null) return goingOn;
  const token = randomId(TOKEN_LENGTH);
  const tokenHash = sha256(token);
  const holder = context.addressKey;
  const { id: transferId, shareId } = transfer.row;
  const resumed =
    fromByte > 0 && file !== null
      ? await deps.leases.takeUp({
          transferId,
          holder,
          fileIndex: file.row.index,
          fromByte,
          backtrackBytes: LEASE_RESUME_BACKTRACK_BYTES,
          tokenHash,
        })
      : null;
  const remember = () => setShareCookie(res, context, shareId, LEASE_COOKIE, token, LEASE_IDLE_MS * 6);
  const takenUp = resumed === null ? null : await begin(resumed.id);
  if (takenUp !== null) {
    remember();
    return takenUp;
  }
  await consumeRate();
  const taken = await deps.leases.acquire({
    transferId,
    tokenHash,
    holder,
    nodeId: deps.engine.nodeId,
    idleMs: LEASE_IDLE_MS,
  });
  switch (taken.outcome) {
    case 'granted': {
      const use = await begin(taken.leaseId);
      if (use === null) throw leaseLost();
      remember();
      return use;
    }
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

/** Null: the lease is gone, or so many bytes more would be too many under it. */
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
): Promise<LeaseUse | null> {
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
  const unrecorded = new Map<number, number>();
  let consuming: Promise<boolean> | null = null;
  let isLost = false;
  let hasEnded = false;
  const count = (index: number, bytes: number) => void unrecorded.set(index, (unrecorded.get(index) ?? 0) + bytes);
  const record = async (isLast: boolean) => {
    const served = [...unrecorded].map(([index, servedBytes]) => ({ fileIndex: index, servedBytes }));
    unrecorded.clear();
    try {
      isLost = !(await deps.leases.record(leaseId, { ...flight(), served, isLast }));
    } catch (fault) {
      for (const { fileIndex: index, servedBytes } of served) count(index, servedBytes);
      throw fault;
    }
  };
  const begun = await deps.leases.begin(leaseId, flight(), planned);
  if (begun !== 'begun') return null;
  // While the database cannot answer, the stream goes on: the lease was given, and its last chunk needs `consume`.
  const heartbeat = setInterval(() => record(false).catch(() => {}), RECORD_EVERY_MS);
  return {
    served: (bytes, index) => {
      count(index, bytes);
      sentBytes = index === fileIndex ? sentBytes + bytes : bytes;
      fileIndex = index;
      if (isLost) throw leaseLost();
    },
    consume: async () => {
      consuming ??= deps.leases.consume(leaseId).finally(onConsumed);
      if (!(await consuming)) throw leaseLost();
    },
    end: async () => {
      if (hasEnded) return;
      hasEnded = true;
      clearInterval(heartbeat);
      // The rows say "no stream" by themselves after some seconds of silence.
      await record(true).catch(() => {});
    },
  };
}

function leaseLost(): PeerLinkError {
  return new PeerLinkError('slots_held', 'This download stood still for too long and its slot went to somebody else.', {
    retryAfterSeconds: 60,
  });
}
