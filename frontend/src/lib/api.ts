/** The JSON side of the backend, as the page uses it. Every answer is a value or a fault; nothing throws. */
import {
  type ChangeTransferRequest,
  type ClusterResponse,
  type GrantResponse,
  HEADER,
  type OpenTransferRequest,
  type OpenTransferResponse,
  type OwnedTransfer,
  type SessionResponse,
  type ShareResponse,
  type TicketResponse,
  type TransferListResponse,
  type TransferStatusResponse,
} from '../../../services/contracts/http.ts';
import { config } from '../config/env.ts';
import { faultOfAnswer } from '../transfer-engine/problem.ts';
import { serverClock } from '../transfer-engine/server-clock.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { nextTryInMs } from './retry.ts';

const REQUEST_TIMEOUT_MS = 15_000;
/** Opening 10,000 files takes a server a moment. */
const OPEN_TIMEOUT_MS = 60_000;

interface RequestOptions {
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
  /** Goes out even when the page closes. */
  readonly outlivesPage?: boolean;
  /** Of a caller who keeps the time itself: instead of `timeoutMs`. */
  readonly signal?: AbortSignal;
}

/** "No request fails that a client repeats once": a node that went away meanwhile is nobody's concern. */
export async function request<T>(method: string, path: string, options: RequestOptions = {}): Promise<Answered<T>> {
  for (let tries = 1; ; tries += 1) {
    const answer = await requestOnce<T>(method, path, options);
    if (answer.ok || options.outlivesPage || !navigator.onLine) return answer;
    const waitMs = nextTryInMs(answer.fault, tries, Math.random);
    if (waitMs === null) return answer;
    await new Promise((resolve) => setTimeout(resolve, waitMs));
  }
}

/** For who asks again by itself, and must not be asked for twice. */
export async function requestOnce<T>(method: string, path: string, options: RequestOptions): Promise<Answered<T>> {
  const answered = serverClock.asked();
  try {
    const response = await fetch(`${config.backendUrl}${path}`, {
      method,
      credentials: 'same-origin',
      cache: 'no-store',
      keepalive: options.outlivesPage ?? false,
      headers: {
        accept: 'application/json',
        ...(method === 'GET' ? {} : { 'content-type': 'application/json' }),
        ...options.headers,
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
      signal: options.signal ?? AbortSignal.timeout(options.timeoutMs ?? REQUEST_TIMEOUT_MS),
    });
    answered(response.headers.get(HEADER.serverTime));
    const text = await response.text();
    if (!response.ok)
      return { ok: false, fault: faultOfAnswer(response.status, response.headers.get('retry-after'), text) };
    return { ok: true, value: (text === '' ? null : JSON.parse(text)) as T };
  } catch (error) {
    const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
    return { ok: false, fault: isTimeout ? { kind: 'timeout' } : { kind: 'network' } };
  }
}

function transferPath(transferId: string): string {
  return `/api/transfers/${encodeURIComponent(transferId)}`;
}
function sharePath(shareId: string): string {
  return `/api/shares/${encodeURIComponent(shareId)}`;
}

export const api = {
  /** Makes a session or takes up the one of the cookie. */
  session: () => request<SessionResponse>('POST', '/api/session', { body: {} }),
  /** For Socket.IO at another node; good for 60 s. */
  ticket: () => requestOnce<TicketResponse>('POST', '/api/session/ticket', { body: {}, timeoutMs: 3_000 }),
  rename: (displayName: string) => request<SessionResponse>('PATCH', '/api/session', { body: { displayName } }),
  open: (body: OpenTransferRequest, idempotencyKey: string) =>
    request<OpenTransferResponse>('POST', '/api/transfers', {
      body,
      headers: { 'idempotency-key': idempotencyKey },
      timeoutMs: OPEN_TIMEOUT_MS,
    }),
  /** Nodes answer from memory: one that takes longer is stuck, and who waits can do without. */
  cluster: () => request<ClusterResponse>('GET', '/api/cluster', { timeoutMs: 3_000 }),
  transfers: () => request<TransferListResponse>('GET', '/api/transfers'),
  transfer: (transferId: string) => request<OwnedTransfer>('GET', transferPath(transferId)),
  /** Which chunks are there. Once: a list that asks will ask again. */
  status: (transferId: string) => requestOnce<TransferStatusResponse>('GET', `${transferPath(transferId)}/status`, {}),
  change: (transferId: string, body: ChangeTransferRequest) =>
    request<OwnedTransfer>('PATCH', transferPath(transferId), { body }),
  /** With the upload token when there is one: it works after the session has gone, too. */
  remove: (transferId: string, options: { uploadToken?: string; outlivesPage?: boolean } = {}) =>
    request<null>('DELETE', transferPath(transferId), {
      outlivesPage: options.outlivesPage ?? false,
      ...(options.uploadToken ? { headers: { authorization: `Bearer ${options.uploadToken}` } } : {}),
    }),
  share: (shareId: string, grant: string | null) =>
    request<ShareResponse>('GET', sharePath(shareId), grant ? { headers: { authorization: `Bearer ${grant}` } } : {}),
  grant: (shareId: string, password: string) =>
    request<GrantResponse>('POST', `${sharePath(shareId)}/grant`, { body: { password } }),
};

/** Built for a backend of another origin than the page's: no cookie of it goes there. */
export const isBackendElsewhere = config.backendUrl !== '' && config.backendUrl !== window.location.origin;

/**
 * Where a browser fetches a file of a share, or all of it as a zip. A plain address for a plain link.
 * @param addressGrant of a share that needs a right: it has to be in the address where no cookie carries it
 */
export function downloadAddress(shareId: string, part: number | 'zip', addressGrant: string | null): string {
  const address = `${config.backendUrl}/d/${encodeURIComponent(shareId)}/${part}`;
  return addressGrant && isBackendElsewhere ? `${address}?grant=${encodeURIComponent(addressGrant)}` : address;
}
