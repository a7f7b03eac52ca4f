import type { PutRunResponse, TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { PlannedRun } from './chunk-map.ts';
import type { Fault } from './fault.ts';
import { OWN } from './node-choice.ts';
import { faultOfAnswer } from './problem.ts';

export type Answered<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly fault: Fault };

/** How an upload reaches a node. `baseUrl` is a node's origin, or OWN. */
export interface UploadTransport {
  /** Sends one run. `onMoved` is told how many of its bytes have left; after `signal` aborts, the answer is ignored. */
  put(
    baseUrl: string,
    run: PlannedRun,
    body: Blob,
    onMoved: (sentBytes: number) => void,
    signal: AbortSignal,
  ): Promise<Answered<PutRunResponse>>;
  status(baseUrl: string, timeoutMs: number): Promise<Answered<TransferStatusResponse>>;
}

const NETWORK_FAULT = { ok: false, fault: { kind: 'network' } } as const;

/**
 * XMLHttpRequest and not fetch: it is as quick with a Blob, and it alone says how much of a body has left, which tells
 * a slow line from a dead one.
 * @param ownAddress what OWN stands for: empty, or the origin that the page was built to ask
 */
export function httpTransport(transferId: string, uploadToken: string, ownAddress: string): UploadTransport {
  const address = (baseUrl: string, rest: string) =>
    `${baseUrl === OWN ? ownAddress : baseUrl}/api/transfers/${encodeURIComponent(transferId)}${rest}`;
  return {
    put(baseUrl, run, body, onMoved, signal) {
      return new Promise((resolve) => {
        const request = new XMLHttpRequest();
        request.open('PUT', address(baseUrl, `/files/${run.fileIndex}?offset=${run.offsetBytes}`));
        request.setRequestHeader('authorization', `Bearer ${uploadToken}`);
        request.setRequestHeader('content-type', 'application/octet-stream');
        request.upload.onprogress = (event) => onMoved(event.loaded);
        request.onerror = () => resolve(NETWORK_FAULT);
        request.onabort = () => resolve(NETWORK_FAULT);
        request.onload = () => resolve(answerOf(request));
        signal.addEventListener('abort', () => request.abort(), { once: true });
        request.send(body);
      });
    },
    async status(baseUrl, timeoutMs) {
      try {
        const response = await fetch(address(baseUrl, '/status'), {
          headers: { authorization: `Bearer ${uploadToken}` },
          credentials: 'omit',
          cache: 'no-store',
          signal: AbortSignal.timeout(timeoutMs),
        });
        if (!response.ok) {
          return {
            ok: false,
            fault: faultOfAnswer(response.status, response.headers.get('retry-after'), await response.text()),
          };
        }
        return { ok: true, value: (await response.json()) as TransferStatusResponse };
      } catch (error) {
        const isTimeout = error instanceof DOMException && error.name === 'TimeoutError';
        return isTimeout ? { ok: false, fault: { kind: 'timeout' } } : NETWORK_FAULT;
      }
    },
  };
}

function answerOf(request: XMLHttpRequest): Answered<PutRunResponse> {
  if (request.status !== 200) {
    return {
      ok: false,
      fault: faultOfAnswer(request.status, request.getResponseHeader('retry-after'), request.responseText),
    };
  }
  try {
    return { ok: true, value: JSON.parse(request.responseText) as PutRunResponse };
  } catch {
    return NETWORK_FAULT;
  }
}
