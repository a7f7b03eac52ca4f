/** Saves a file of a share to where the person says, by the page's own hand. */
import { config } from '../config/env.ts';
import type { Fault } from '../transfer-engine/fault.ts';
import { FileSaver, type OpenBody, type Opened, type SavePhase } from '../transfer-engine/file-saver.ts';
import { NodeBook } from '../transfer-engine/node-book.ts';
import { OWN } from '../transfer-engine/node-choice.ts';
import { faultOfAnswer } from '../transfer-engine/problem.ts';
import { api } from './api.ts';
import { writeWhole } from './chosen-file.ts';

export type SavePicker = (options: { suggestedName: string }) => Promise<FileSystemFileHandle>;

/** The browser's dialog, where there is one: over plain HTTP and outside Chromium there is none. */
export function savePicker(): SavePicker | null {
  const { showSaveFilePicker } = window as { showSaveFilePicker?: SavePicker };
  return showSaveFilePicker ? (options) => showSaveFilePicker.call(window, options) : null;
}

export interface SavedShare {
  readonly shareId: string;
  /** Its right rides only in a cookie of the page's own origin: no other node would take it. */
  readonly isTiedToOrigin: boolean;
  /** Node whose disk holds it, as far as is known: where pages may reach nodes themselves, it is asked first. */
  readonly homeNodeId: string | null;
  /** The right to begin at another origin, which gets no cookie; asked for at each turn, since it is short-lived. */
  readonly addressGrant?: () => string;
  /** Makes that right anew, which ends after five minutes; asked for every now and then while it is written. Null: there is a new one. */
  readonly renewRight?: () => Promise<Fault | null>;
}
export interface SavedFile {
  readonly index: number;
  readonly sizeBytes: number;
}
export type SavePhaseListener = (phase: SavePhase, savedBytes: number) => void;
/** Writes one file of the share. @throws when it cannot be written */
export type WriteFile = (
  handle: FileSystemFileHandle,
  file: SavedFile,
  publish: SavePhaseListener,
  signal: AbortSignal,
) => Promise<SavePhase>;

/** Often enough that whoever goes on at another node in the middle of a long file has a right that is not over. */
const RENEW_RIGHT_EVERY_MS = 4 * 60_000;

/** Keeps the right to a share fresh while something is written of it. */
export async function withFreshRight<T>({ renewRight }: SavedShare, work: () => Promise<T>): Promise<T> {
  if (!renewRight) return await work();
  const renewing = setInterval(() => void renewRight(), RENEW_RIGHT_EVERY_MS);
  try {
    return await work();
  } finally {
    clearInterval(renewing);
  }
}

/** The nodes are asked for once, however many files follow. */
export async function writerOf(share: SavedShare): Promise<WriteFile> {
  const cluster = await api.cluster();
  const book = new NodeBook(() => performance.now());
  book.configure(
    {
      usesCluster: config.usesCluster && !share.isTiedToOrigin,
      ownAddress: config.backendUrl,
      ownOrigin: config.backendUrl || window.location.origin,
      seeds: config.clusterNodes,
    },
    cluster.ok ? cluster.value : null,
  );
  const addressOf = (address: string, index: number) => {
    const origin = address === OWN ? config.backendUrl : address;
    const right = origin === '' || !share.addressGrant ? '' : `?grant=${encodeURIComponent(share.addressGrant())}`;
    return `${origin}/d/${encodeURIComponent(share.shareId)}/${index}${right}`;
  };
  const route = book.routeTo(share.homeNodeId);
  return (handle, { index, sizeBytes }, publish, signal) =>
    writeWhole(handle, (file) =>
      new FileSaver(sizeBytes, {
        open: (address, from, etag, cut) => open(addressOf(address, index), from, etag, cut),
        write: (bytes) => file.write(bytes as Uint8Array<ArrayBuffer>),
        restart: async () => {
          await file.truncate(0);
          await file.seek(0);
        },
        ...(share.renewRight ? { renewRight: share.renewRight } : {}),
        route,
        random: Math.random,
        publish,
      }).run(signal),
    );
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
