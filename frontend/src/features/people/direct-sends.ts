/** What this person sends directly: offered, followed, and told to the engine. One for the page's life. */
import type { EndReason, OpenTransferRequest, OwnedTransfer } from '../../../../services/contracts/http.ts';
import type { Person, Recipient } from '../../../../services/contracts/person.ts';
import { config } from '../../config/env.ts';
import { api } from '../../lib/api.ts';
import { addFiles, type CollectedFile, nameOf } from '../../lib/file-list.ts';
import { live } from '../../lib/live.ts';
import { randomId } from '../../lib/random-id.ts';
import { removing } from '../../lib/removing.ts';
import { session } from '../../lib/session.ts';
import { createStore } from '../../lib/store.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import { RateMeter } from '../../transfer-engine/rate-meter.ts';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';
import { mergeRecipients } from './direct-view.ts';

export interface DirectNews {
  readonly recipients: readonly Recipient[];
  readonly endReason: EndReason | null;
  /** Per recipient id, of what they have received. */
  readonly bytesPerSecond: ReadonlyMap<string, number>;
}
/** An offer on its way to the server, or one that it did not take. */
export type Offering =
  | { readonly name: 'idle' }
  | { readonly name: 'opening'; readonly to: readonly Person[] }
  | {
      readonly name: 'failed';
      readonly to: readonly Person[];
      readonly files: readonly CollectedFile[];
      readonly idempotencyKey: string;
      readonly fault: Fault;
    };

const newsStore = createStore<ReadonlyMap<string, DirectNews>>(new Map());
export const directNews = { read: newsStore.read, subscribe: newsStore.subscribe };
const offeringStore = createStore<Offering>({ name: 'idle' });
export const offering = { read: offeringStore.read, subscribe: offeringStore.subscribe };

const RATES_EVERY_MS = 1_000;
const watches = new Map<string, () => void>();
const meters = new Map<string, RateMeter>();

/** What is known of a direct send; before anything was heard, that everybody was asked. */
export function newsOf(news: ReadonlyMap<string, DirectNews>, view: UploadView): DirectNews {
  const known = news.get(view.transferId);
  if (known && known.recipients.length > 0) return known;
  const asked = (view.recipients ?? []).map((one) => ({ ...one, state: 'offered' as const, receivedBytes: 0 }));
  return { recipients: asked, endReason: known?.endReason ?? null, bytesPerSecond: new Map() };
}

function note(transferId: string, changes: Partial<DirectNews>): void {
  newsStore.change((before) => {
    const known = before.get(transferId) ?? { recipients: [], endReason: null, bytesPerSecond: new Map() };
    return new Map(before).set(transferId, { ...known, ...changes });
  });
}

function heardRecipients(transferId: string, heard: readonly Recipient[]): void {
  const recipients = mergeRecipients(newsStore.read().get(transferId)?.recipients ?? [], heard);
  const nowMs = performance.now();
  for (const { id, receivedBytes } of recipients) {
    const key = `${transferId} ${id}`;
    const meter = meters.get(key) ?? new RateMeter();
    meters.set(key, meter);
    meter.note(receivedBytes, nowMs);
  }
  note(transferId, { recipients, bytesPerSecond: ratesOf(transferId, recipients, nowMs) });
  tellEngine(transferId);
}

function ratesOf(transferId: string, recipients: readonly Recipient[], nowMs: number): ReadonlyMap<string, number> {
  const rates = new Map<string, number>();
  for (const { id, state } of recipients) {
    const rate = meters.get(`${transferId} ${id}`)?.bytesPerSecond(nowMs) ?? null;
    if (state === 'accepted' && rate !== null) rates.set(id, rate);
  }
  return rates;
}

/** Where nothing comes any more nothing is heard either: the last rate must not stand there for ever. */
function forgetOldRates(): void {
  const nowMs = performance.now();
  for (const [transferId, { recipients, bytesPerSecond }] of newsStore.read()) {
    const rates = ratesOf(transferId, recipients, nowMs);
    if (rates.size < bytesPerSecond.size) note(transferId, { bytesPerSecond: rates });
  }
}

/** The engine waits for the first who accepts. */
function tellEngine(transferId: string): void {
  const recipients = newsStore.read().get(transferId)?.recipients ?? [];
  if (recipients.some(({ state }) => state === 'accepted')) uploads.heardAccepted(transferId);
}

async function look(transferId: string): Promise<void> {
  const answer = await api.transfer(transferId);
  if (!answer.ok) return;
  const { recipients, state, endReason }: OwnedTransfer = answer.value;
  if (recipients) heardRecipients(transferId, recipients);
  if (state === 'ended') note(transferId, { endReason });
  uploads.heardState(transferId, state);
}

function watch({ transferId, uploadToken }: UploadView): () => void {
  return live.watch(
    { transferId, uploadToken },
    {
      // Between two connections somebody may have answered: that is looked up.
      snapshot: () => void look(transferId),
      progress: ({ committed }) => {
        for (const [fileIndex, ranges] of Object.entries(committed)) {
          uploads.heardCommitted(transferId, Number(fileIndex), ranges);
        }
      },
      state: ({ state, endReason }) => {
        uploads.heardState(transferId, state);
        if (state === 'ended') note(transferId, { endReason: endReason as EndReason | null });
        void look(transferId);
      },
      recipients: (recipients) => heardRecipients(transferId, recipients),
    },
  );
}

function followAll(): void {
  const views = uploads.read().filter((view) => view.recipients !== null);
  const shown = new Set(views.map((view) => view.transferId));
  for (const [transferId, end] of watches) {
    if (shown.has(transferId)) continue;
    end();
    watches.delete(transferId);
    for (const key of meters.keys()) if (key.startsWith(`${transferId} `)) meters.delete(key);
    newsStore.change((before) => {
      const after = new Map(before);
      after.delete(transferId);
      return after;
    });
  }
  for (const view of views) {
    if (!watches.has(view.transferId)) watches.set(view.transferId, watch(view));
    // Gone on with after a reload: the answer may have been heard before the engine asked.
    if (view.phase.name === 'asking') tellEngine(view.transferId);
  }
}

/** Follows every direct send of this page until the returned function is called. */
export function followDirectSends(): () => void {
  void session.ensure();
  void uploads.restore(config.backendUrl, uploadPace);
  followAll();
  const unsubscribe = uploads.subscribe(followAll);
  const timer = setInterval(forgetOldRates, RATES_EVERY_MS);
  return () => {
    clearInterval(timer);
    unsubscribe();
    for (const end of watches.values()) end();
    watches.clear();
  };
}

/** Offers files to people. A second one while one is being opened does nothing. */
export async function offer(
  to: readonly Person[],
  files: readonly CollectedFile[],
  idempotencyKey = randomId(),
): Promise<boolean> {
  if (files.length === 0 || to.length === 0 || offeringStore.read().name === 'opening') return false;
  offeringStore.change(() => ({ name: 'opening', to }));
  const fault = await open(to, files, idempotencyKey);
  offeringStore.change(() => (fault ? { name: 'failed', to, files, idempotencyKey, fault } : { name: 'idle' }));
  return fault === null;
}

export function forgetOffering(): void {
  offeringStore.change((before) => (before.name === 'failed' ? { name: 'idle' } : before));
}

async function open(
  to: readonly Person[],
  collected: readonly CollectedFile[],
  idempotencyKey: string,
): Promise<Fault | null> {
  const known = await session.ensure();
  if (!known.ok) return known.fault;
  // Clean paths, each once: what two folders of one name would otherwise make of each other.
  const items = addFiles([], collected);
  const body: OpenTransferRequest = {
    kind: 'direct',
    to: to.map(({ id }) => id),
    files: items.map(({ path, file }) => ({
      path,
      sizeBytes: file.size,
      lastModifiedMs: file.lastModified,
      ...(file.type ? { mediaType: file.type } : {}),
    })),
    ...(config.chunkSizeBytes === undefined ? {} : { chunkSizeBytes: config.chunkSizeBytes }),
  };
  const pacing = uploadPace();
  const answer = await api.open(body, idempotencyKey);
  if (!answer.ok) return answer.fault;
  const { transfer, uploadToken } = answer.value;
  const recipients: readonly Recipient[] =
    transfer.recipients ?? to.map((one) => ({ ...one, state: 'offered', receivedBytes: 0 }));
  uploads.begin(
    { transfer: { ...transfer, recipients }, uploadToken, handles: items.map((item) => item.handle) },
    items.map((item) => item.file),
    pacing,
  );
  return null;
}

/** Takes it back: whoever was asked or is receiving is told. */
export function cancelDirect({ transferId, uploadToken, files }: UploadView): void {
  void removing.remove({ transferId, name: nameOf(files[0]?.path ?? ''), uploadToken });
}
