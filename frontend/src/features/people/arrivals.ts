/** What this person accepted: the right to read it, and how its bytes are put onto this device. */
import type { OfferAccepted, OfferItem } from '../../../../services/contracts/people.ts';
import { downloadAddress } from '../../lib/api.ts';
import { arriving } from '../../lib/arriving.ts';
import { peopleApi } from '../../lib/people-api.ts';
import { type SavePhaseListener, savePicker, saveTo } from '../../lib/save-as.ts';
import { createStore } from '../../lib/store.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { SavePhase } from '../../transfer-engine/file-saver.ts';
import { RateMeter } from '../../transfer-engine/rate-meter.ts';
import { inboxStore } from './inbox-store.ts';

/** "About once a second", and once more at the end. */
const RECEIPTS_EVERY_MS = 1_000;
/** The last receipt ends the transfer for its sender: a node that is away has so long to come back. */
const LAST_RECEIPT_TRIES = 60;
/** A right in an address is good for five minutes; another node may be needed at any time. */
const RENEW_GRANT_EVERY_MS = 4 * 60_000;
const SHOWN_EVERY_MS = 200;

export type ArrivalMode = 'none' | 'browser' | 'page';
export interface Arrival {
  readonly transferId: string;
  readonly mode: ArrivalMode;
  readonly accepted: OfferAccepted | null;
  /** Of the page's own writer. */
  readonly phase: SavePhase | null;
  readonly savedBytes: number;
  readonly bytesPerSecond: number | null;
  /** The chosen place could not be written. */
  readonly isRefused: boolean;
}

const store = createStore<ReadonlyMap<string, Arrival>>(new Map());
const writers = new Map<string, AbortController>();

export const arrivalStore = { read: store.read, subscribe: store.subscribe };

const EMPTY: Omit<Arrival, 'transferId'> = {
  mode: 'none',
  accepted: null,
  phase: null,
  savedBytes: 0,
  bytesPerSecond: null,
  isRefused: false,
};

export function arrivalOf(arrivals: ReadonlyMap<string, Arrival>, transferId: string): Arrival {
  return arrivals.get(transferId) ?? { transferId, ...EMPTY, mode: isWithBrowser(transferId) ? 'browser' : 'none' };
}

const BROWSER_KEY_PREFIX = 'peerlink.downloading.';

/** A browser's own download goes on while the page is loaded anew. */
function isWithBrowser(transferId: string): boolean {
  try {
    return sessionStorage.getItem(BROWSER_KEY_PREFIX + transferId) !== null;
  } catch {
    return false;
  }
}
function noteWithBrowser(transferId: string): void {
  try {
    sessionStorage.setItem(BROWSER_KEY_PREFIX + transferId, '1');
  } catch {
    // Storage refused: after a reload the page offers to download it again.
  }
}

function change(transferId: string, changes: Partial<Arrival>): void {
  store.change((before) => new Map(before).set(transferId, { ...arrivalOf(before, transferId), ...changes }));
  const written = [...store.read().values()].filter(isWriting).length;
  arriving.change((before) => ({ ...before, written }));
}

export function isWriting({ phase }: Arrival): boolean {
  return phase !== null && ['saving', 'moving', 'offline'].includes(phase.name);
}

/** A single file of known size, where the browser lets a page write one: it survives the node that it comes from. */
export function ownWriterFor(item: OfferItem): ReturnType<typeof savePicker> {
  const [only] = item.files;
  return item.fileCount === 1 && only?.sizeBytes !== null && only !== undefined ? savePicker() : null;
}

export function nameOfOffer(item: OfferItem): string {
  const path = item.files[0]?.path ?? '';
  return path.slice(path.lastIndexOf('/') + 1);
}

/** The right to read; repeatable, so that a page which was loaded anew has it again. Null: it arrived. */
export function accept(item: OfferItem): Promise<Fault | null> {
  const asked = asking.get(item.transferId) ?? askForRight(item).finally(() => asking.delete(item.transferId));
  asking.set(item.transferId, asked);
  return asked;
}

/** The inbox may tell of an answer before the answer itself is here. */
const asking = new Map<string, Promise<Fault | null>>();

async function askForRight(item: OfferItem): Promise<Fault | null> {
  const answer = await peopleApi.accept(item.transferId);
  if (!answer.ok) return answer.fault;
  change(item.transferId, { accepted: answer.value });
  inboxStore.change(item.id, {
    shareId: answer.value.shareId,
    ...(item.state === 'offered' ? { state: 'accepted' as const } : {}),
  });
  return null;
}

/** By the browser's own hand: of any size, straight to disk. */
export function download(item: OfferItem): void {
  const { accepted } = arrivalOf(store.read(), item.transferId);
  if (!accepted) return;
  const part = item.fileCount === 1 ? (item.files[0]?.index ?? 0) : 'zip';
  const link = document.createElement('a');
  link.href = downloadAddress(accepted.shareId, part, accepted.addressGrant);
  link.download = '';
  link.click();
  noteWithBrowser(item.transferId);
  change(item.transferId, { mode: 'browser' });
}

/** By the page's own hand, into a file that the person chose. */
export async function writeTo(item: OfferItem, handle: FileSystemFileHandle): Promise<void> {
  const [file] = item.files;
  const first = arrivalOf(store.read(), item.transferId).accepted;
  if (!file || file.sizeBytes === null || !first || writers.has(item.transferId)) return;
  const { transferId } = item;
  const sizeBytes = file.sizeBytes;
  const abort = new AbortController();
  writers.set(transferId, abort);
  const receipts = new Receipts(transferId, file.index, sizeBytes);
  const renewing = setInterval(() => void accept(item), RENEW_GRANT_EVERY_MS);
  change(transferId, { mode: 'page', isRefused: false, phase: { name: 'saving' }, savedBytes: 0 });
  try {
    const request = {
      shareId: first.shareId,
      fileIndex: file.index,
      sizeBytes,
      isTiedToOrigin: false,
      addressGrant: () => arrivalOf(store.read(), transferId).accepted?.addressGrant ?? first.addressGrant,
    };
    const phase = await saveTo(handle, request, shownBy(transferId, receipts), abort.signal);
    change(transferId, { phase, bytesPerSecond: null });
    if (phase.name === 'saved') void receipts.finish();
    else receipts.stop();
  } catch {
    receipts.stop();
    change(transferId, { mode: 'none', phase: null, isRefused: true, bytesPerSecond: null });
  } finally {
    clearInterval(renewing);
    writers.delete(transferId);
  }
}

function shownBy(transferId: string, receipts: Receipts): SavePhaseListener {
  const meter = new RateMeter();
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let shown = '';
  return (phase, savedBytes) => {
    const nowMs = performance.now();
    receipts.note(savedBytes);
    // The file has its name only when it is closed: that it is saved is said after that.
    if (phase.name === 'saved' || (phase.name === shown && nowMs - shownAtMs < SHOWN_EVERY_MS)) return;
    shown = phase.name;
    shownAtMs = nowMs;
    meter.note(savedBytes, nowMs);
    change(transferId, { phase, savedBytes, bytesPerSecond: meter.bytesPerSecond() });
  };
}

/** Stops receiving it, and says so to its sender. Null: it arrived. */
export async function leave(item: OfferItem): Promise<Fault | null> {
  writers.get(item.transferId)?.abort();
  return await inboxStore.decline(item);
}

/** Tells the server what is on this device, so that the sender sees it. */
class Receipts {
  readonly #transferId: string;
  readonly #fileIndex: number;
  readonly #sizeBytes: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #writtenBytes = 0;
  #toldBytes = 0;

  constructor(transferId: string, fileIndex: number, sizeBytes: number) {
    this.#transferId = transferId;
    this.#fileIndex = fileIndex;
    this.#sizeBytes = sizeBytes;
    this.#timer = setInterval(() => void this.#tell(), RECEIPTS_EVERY_MS);
  }

  note(writtenBytes: number): void {
    this.#writtenBytes = writtenBytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async finish(): Promise<void> {
    this.stop();
    for (let tries = 0; tries < LAST_RECEIPT_TRIES; tries++) {
      const answer = await this.#send(this.#sizeBytes);
      if (answer.ok || (answer.fault.kind === 'problem' && answer.fault.retryAfterMs === null)) return;
      await new Promise((resolve) => setTimeout(resolve, RECEIPTS_EVERY_MS));
    }
  }

  async #tell(): Promise<void> {
    // The last byte is reported when the file is closed: before, a full disk may still take it back.
    const bytes = Math.min(this.#writtenBytes, this.#sizeBytes - 1);
    if (bytes <= this.#toldBytes) return;
    this.#toldBytes = bytes;
    await this.#send(bytes);
  }

  #send(bytes: number) {
    const ranges = bytes > 0 ? ([[0, bytes]] as const) : [];
    return peopleApi.receipts(this.#transferId, { received: { [this.#fileIndex]: ranges } });
  }
}
