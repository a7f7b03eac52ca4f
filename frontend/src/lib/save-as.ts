/** Saves a file of a share to where the person says, by the page's own hand. */
import { config } from '../config/env.ts';
import { FileSaver, type OpenBody, type Opened, type SavePhase } from '../transfer-engine/file-saver.ts';
import { NodeBook } from '../transfer-engine/node-book.ts';
import { OWN } from '../transfer-engine/node-choice.ts';
import { faultOfAnswer } from '../transfer-engine/problem.ts';
import { api } from './api.ts';

type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

/** The browser's dialog, where there is one: over plain HTTP and outside Chromium there is none. */
export function savePicker(): SavePicker | null {
  const { showSaveFilePicker } = window as { showSaveFilePicker?: SavePicker };
  return showSaveFilePicker ? (options) => showSaveFilePicker.call(window, options) : null;
}

export interface SaveRequest {
  readonly shareId: string;
  readonly fileIndex: number;
  readonly sizeBytes: number;
  /** Its right rides in a cookie of the page's own origin: no other node would take it. */
  readonly isTiedToOrigin: boolean;
  /** The right to begin at another origin, which gets no cookie; asked for at each turn, since it is short-lived. */
  readonly addressGrant?: () => string;
}

export type SavePhaseListener = (phase: SavePhase, savedBytes: number) => void;

/** @throws when the file cannot be written */
export async function saveTo(
  handle: FileSystemFileHandle,
  request: SaveRequest,
  publish: SavePhaseListener,
  signal: AbortSignal,
): Promise<SavePhase> {
  const [file, cluster] = await Promise.all([handle.createWritable(), api.cluster()]);
  const book = new NodeBook(() => performance.now());
  book.configure(
    {
      usesCluster: config.usesCluster && !request.isTiedToOrigin,
      ownAddress: config.backendUrl,
      ownOrigin: config.backendUrl || window.location.origin,
      seeds: config.clusterNodes,
    },
    cluster.ok ? cluster.value : null,
  );
  const path = `/d/${encodeURIComponent(request.shareId)}/${request.fileIndex}`;
  const addressOf = (address: string) => {
    const origin = address === OWN ? config.backendUrl : address;
    const right = origin === '' || !request.addressGrant ? '' : `?grant=${encodeURIComponent(request.addressGrant())}`;
    return `${origin}${path}${right}`;
  };
  const saver = new FileSaver(request.sizeBytes, {
    open: (address, from, etag, cut) => open(addressOf(address), from, etag, cut),
    write: (bytes) => file.write(bytes as Uint8Array<ArrayBuffer>),
    restart: async () => {
      await file.truncate(0);
      await file.seek(0);
    },
    route: book.routeTo(null),
    delay: (ms) => new Promise((resolve) => setTimeout(resolve, ms)),
    random: Math.random,
    publish,
  });
  try {
    const phase = await saver.run(signal);
    // Only a whole file takes its name.
    if (phase.name === 'saved') await file.close();
    else await file.abort();
    return phase;
  } catch (error) {
    await file.abort().catch(() => undefined);
    throw error;
  }
}

async function open(url: string, from: number, etag: string | null, signal: AbortSignal): Promise<Opened> {
  try {
    const response = await fetch(url, {
      headers: from === 0 ? {} : { range: `bytes=${from}-`, ...(etag === null ? {} : { 'if-range': etag }) },
      credentials: 'same-origin',
      cache: 'no-store',
      signal,
    });
    if (!response.ok || response.body === null) {
      const text = await response.text();
      return { ok: false, fault: faultOfAnswer(response.status, response.headers.get('retry-after'), text) };
    }
    return { ok: true, body: bodyOf(response, response.body.getReader()) };
  } catch {
    return { ok: false, fault: { kind: 'network' } };
  }
}

function bodyOf(response: Response, reader: ReadableStreamDefaultReader<Uint8Array>): OpenBody {
  const range = /^bytes (\d+)-/.exec(response.headers.get('content-range') ?? '');
  return {
    from: response.status === 206 ? Number(range?.[1] ?? Number.NaN) : 0,
    etag: response.headers.get('etag'),
    read: async () => (await reader.read()).value ?? null,
    close: () => void reader.cancel().catch(() => undefined),
  };
}
