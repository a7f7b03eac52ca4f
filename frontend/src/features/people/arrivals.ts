/** What this person accepted: the right to read it, and how its bytes are put onto this device. */
import type { OfferAccepted, OfferItem } from '../../../../services/contracts/people.ts';
import { api, downloadAddress } from '../../lib/api.ts';
import { arriving } from '../../lib/arriving.ts';
import { peopleApi } from '../../lib/people-api.ts';
import { type SavePhaseListener, savePicker, writerOf } from '../../lib/save-as.ts';
import { folderPicker, freeFile } from '../../lib/save-folder.ts';
import { createStore } from '../../lib/store.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { isSavingPhase, type SavePhase } from '../../transfer-engine/file-saver.ts';
import { RateMeter } from '../../transfer-engine/rate-meter.ts';
import { inboxStore } from './inbox-store.ts';
import { Receipts } from './receipts.ts';

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

function isWriting({ phase }: Arrival): boolean {
  return phase !== null && isSavingPhase(phase.name);
}

/** Where the page writes what comes, by its own hand: it survives the node that it comes from. */
export type Place = FileSystemFileHandle | FileSystemDirectoryHandle;

/** The browser's dialog for it, where it lets a page write: a file for one, a folder for several. */
export function placePickerFor(item: OfferItem): (() => Promise<Place>) | null {
  if (item.totalBytes === null) return null;
  if (item.fileCount > 1) return folderPicker();
  const picker = savePicker();
  return picker && (() => picker({ suggestedName: nameOfOffer(item) }));
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

/** By the page's own hand, into the file or the folder that the person chose. */
export async function writeTo(item: OfferItem, place: Place): Promise<void> {
  const { transferId } = item;
  const { accepted } = arrivalOf(store.read(), transferId);
  if (!accepted || writers.has(transferId)) return;
  const abort = new AbortController();
  writers.set(transferId, abort);
  const receipts = new Receipts((body) => peopleApi.receipts(transferId, body));
  const renewing = setInterval(() => void accept(item), RENEW_GRANT_EVERY_MS);
  change(transferId, { mode: 'page', isRefused: false, phase: { name: 'saving' }, savedBytes: 0 });
  try {
    const phase = await writeAll(item, accepted, place, receipts, abort.signal);
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

/** One file after the other. @throws when one cannot be written */
async function writeAll(
  item: OfferItem,
  { shareId, grant, addressGrant }: OfferAccepted,
  place: Place,
  receipts: Receipts,
  signal: AbortSignal,
): Promise<SavePhase> {
  const { transferId } = item;
  const share = await api.share(shareId, grant);
  // The offer names the first few of them.
  const files = share.ok ? share.value.files : item.files;
  if (!share.ok && files.length < item.fileCount) return { name: 'failed', fault: share.fault };
  const write = await writerOf({
    shareId,
    isTiedToOrigin: false,
    homeNodeId: share.ok ? share.value.homeNodeId : null,
    addressGrant: () => arrivalOf(store.read(), transferId).accepted?.addressGrant ?? addressGrant,
    renewRight: () => accept(item),
  });
  const show = shownBy(transferId);
  const done = await doneIn(place, transferId);
  let savedBytes = 0;
  for (const { index, path, sizeBytes } of files) {
    const file = { index, sizeBytes: sizeBytes ?? 0 };
    const beforeBytes = savedBytes;
    savedBytes += file.sizeBytes;
    if (done.has(index)) continue;
    const target = place.kind === 'directory' ? await freeFile(place, path) : { handle: place, remove: async () => {} };
    const listen: SavePhaseListener = (now, bytes) => {
      receipts.written(file, bytes);
      show(now, beforeBytes + bytes);
    };
    const phase = await write(target.handle, file, listen, signal).catch(async (fault: unknown) => {
      await target.remove();
      throw fault;
    });
    if (phase.name !== 'saved') {
      await target.remove();
      return phase;
    }
    receipts.closed(file);
    done.add(index);
  }
  return { name: 'saved' };
}

/** Files that were written whole into a folder before it came to a stop: whoever chooses it again gets the rest. */
const kept = new Map<string, { readonly folder: FileSystemDirectoryHandle; readonly indexes: Set<number> }>();

async function doneIn(place: Place, transferId: string): Promise<Set<number>> {
  if (place.kind !== 'directory') return new Set();
  const before = kept.get(transferId);
  if (before && (await before.folder.isSameEntry(place))) return before.indexes;
  const indexes = new Set<number>();
  kept.set(transferId, { folder: place, indexes });
  return indexes;
}

function shownBy(transferId: string): SavePhaseListener {
  const meter = new RateMeter();
  let shownAtMs = Number.NEGATIVE_INFINITY;
  let shown = '';
  return (phase, savedBytes) => {
    const nowMs = performance.now();
    // The file has its name only when it is closed: that it is saved is said after that.
    if (phase.name === 'saved' || (phase.name === shown && nowMs - shownAtMs < SHOWN_EVERY_MS)) return;
    shown = phase.name;
    shownAtMs = nowMs;
    meter.note(savedBytes, nowMs);
    change(transferId, { phase, savedBytes, bytesPerSecond: meter.bytesPerSecond(nowMs) });
  };
}

/** Says to its sender that it is not wanted any more, and then stops receiving it. Null: it arrived. */
export async function leave(item: OfferItem): Promise<Fault | null> {
  const fault = await inboxStore.decline(item);
  // One that the server did not hear of goes on: its sender would wait for ever for what nobody takes.
  if (fault === null) writers.get(item.transferId)?.abort();
  return fault;
}
