/** What the person is about to send, and how. Outlives the page's components, so that a look at Mine loses nothing. */
import { config } from '../../config/env.ts';
import { api } from '../../lib/api.ts';
import { addFiles, type CollectedFile, type DraftItem, nameOf, withoutSent } from '../../lib/file-list.ts';
import { randomId } from '../../lib/random-id.ts';
import { session } from '../../lib/session.ts';
import { createStore } from '../../lib/store.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { UploadView } from '../../transfer-engine/upload-view.ts';
import { uploads } from '../../transfer-engine/uploads.ts';

export interface DraftOptions {
  /** null = the server's own choice. */
  readonly expiresInSeconds: number | null;
  readonly maxDownloads: number | null;
  readonly password: string;
  /** null = not named. */
  readonly senderName: string | null;
}
export interface Draft {
  readonly items: readonly DraftItem[];
  readonly options: DraftOptions;
  readonly isOpening: boolean;
  readonly fault: Fault | null;
  /** Stays while the same draft is tried again, so that an answer lost on the way opens nothing twice. */
  readonly idempotencyKey: string;
  /** The upload in full view; null: the draft, or the start. */
  readonly currentId: string | null;
  /** An unfinished upload that went on with some of what was added at first; the rest of it is here. */
  readonly resumedName: string | null;
  /** What Start over took off the list, for as long as it can be had back. */
  readonly cleared: { readonly items: readonly DraftItem[]; readonly isByKey: boolean } | null;
}

const NAME_KEY = 'peerlink.name';

/** The name given last time in this browser. Nobody is named to recipients who has not named themselves. */
function rememberedName(): string | null {
  try {
    return localStorage.getItem(NAME_KEY);
  } catch {
    return null;
  }
}
function rememberName(name: string | null): void {
  try {
    if (name) localStorage.setItem(NAME_KEY, name);
    else localStorage.removeItem(NAME_KEY);
  } catch {
    // Storage refused: the name is asked for again next time.
  }
}

const NO_OPTIONS: DraftOptions = {
  expiresInSeconds: null,
  maxDownloads: null,
  password: '',
  senderName: rememberedName(),
};

export const draftStore = createStore<Draft>({
  items: [],
  options: NO_OPTIONS,
  isOpening: false,
  fault: null,
  idempotencyKey: randomId(),
  currentId: null,
  resumedName: null,
  cleared: null,
});

/** Any change makes another draft: it must not be answered with the transfer of the one before. */
export function changeDraft(change: Partial<Pick<Draft, 'items' | 'options'>>): void {
  draftStore.change((draft) => ({ ...draft, ...change, fault: null, idempotencyKey: randomId() }));
}
export function changeOptions(change: Partial<DraftOptions>): void {
  changeDraft({ options: { ...draftStore.read().options, ...change } });
}
export function showUpload(transferId: string | null): void {
  draftStore.change((draft) => ({ ...draft, currentId: transferId }));
}

/** Takes everything off the list; it can be had back until `forgetCleared`. */
export function clearDraft(isByKey: boolean): void {
  const { items } = draftStore.read();
  changeDraft({ items: [] });
  draftStore.change((draft) => ({ ...draft, cleared: { items, isByKey } }));
}
/** What was added meanwhile stays. */
export function restoreCleared(): void {
  const { cleared, items } = draftStore.read();
  if (cleared) changeDraft({ items: addFiles(items, cleared.items) });
  forgetCleared();
}
export function forgetCleared(): void {
  draftStore.change((draft) => ({ ...draft, cleared: null }));
}

/** An upload that goes on is shown, unless there is a draft that somebody is busy with. */
export function showResumed(transferId: string): void {
  if (draftStore.read().items.length === 0) showUpload(transferId);
}

/**
 * Gives files to the unfinished uploads that they belong to, and adds the others to the draft. Answers how many were
 * added.
 */
export async function receiveFiles(files: readonly CollectedFile[]): Promise<number> {
  if (files.length === 0) return 0;
  const isFirst = draftStore.read().items.length === 0;
  const { left, resumed } = isFirst ? await resumedWith(files) : { left: files, resumed: null };
  if (resumed) showUpload(resumed.transferId);
  if (left.length === 0) return 0;
  uploads.warmUp();
  const items = addFiles(draftStore.read().items, left);
  const added = items.length - draftStore.read().items.length;
  changeDraft({ items });
  if (isFirst) {
    const resumedName = resumed && nameOf(resumed.files[0]?.path ?? '');
    draftStore.change((draft) => ({ ...draft, resumedName }));
  }
  showUpload(null);
  return added;
}

interface Resumed {
  /** The first upload that went on. */
  readonly resumed: UploadView | null;
  /** What belongs to none of them. */
  readonly left: readonly CollectedFile[];
}

async function resumedWith(files: readonly CollectedFile[]): Promise<Resumed> {
  const isUnfinished = (view: UploadView) => view.phase.name === 'needs_files' && view.recipients === null;
  if (!uploads.read().some(isUnfinished)) return { left: files, resumed: null };
  const [pace] = await Promise.all([uploadPace(), uploads.yieldToOthers()]);
  let left = files;
  let resumed: UploadView | null = null;
  for (const view of uploads.read().filter(isUnfinished)) {
    const outcome = await uploads.resumeWith(view.transferId, left, pace, false);
    if (outcome.kind !== 'resumed') continue;
    resumed ??= view;
    left = outcome.left;
    if (left.length === 0) break;
  }
  return { left, resumed };
}

/** Opens the transfer and begins to send it. A second press while it opens does nothing. */
export async function sendDraft(): Promise<void> {
  const draft = draftStore.read();
  if (draft.isOpening || draft.items.length === 0) return;
  draftStore.change((before) => ({ ...before, isOpening: true, fault: null }));
  const fault = await openDraft(draft);
  draftStore.change((before) => ({ ...before, isOpening: false, fault }));
}

async function openDraft(draft: Draft): Promise<Fault | null> {
  const { items, options } = draft;
  const known = await session.ensure();
  if (!known.ok) return known.fault;
  if (options.senderName && options.senderName !== known.value.session.displayName) {
    await session.rename(options.senderName);
  }
  const body = {
    files: items.map(({ path, file }) => ({
      path,
      sizeBytes: file.size,
      lastModifiedMs: file.lastModified,
      ...(file.type ? { mediaType: file.type } : {}),
    })),
    ...(options.expiresInSeconds === null ? {} : { expiresInSeconds: options.expiresInSeconds }),
    ...(options.maxDownloads === null ? {} : { maxDownloads: options.maxDownloads }),
    ...(options.password === '' ? {} : { password: options.password }),
    ...(options.senderName ? { senderName: options.senderName } : {}),
    ...(config.chunkSizeBytes === undefined ? {} : { chunkSizeBytes: config.chunkSizeBytes }),
  };
  // Asked for meanwhile: the link waits for one answer only.
  const pacing = uploadPace();
  const answer = await session.within(() => api.open(body, draft.idempotencyKey));
  if (!answer.ok) return answer.fault;
  rememberName(options.senderName);
  const { transfer, uploadToken } = answer.value;
  uploads.begin(
    {
      transfer,
      uploadToken,
      handles: items.map((item) => item.handle),
    },
    items.map((item) => item.file),
    pacing,
  );
  draftStore.change((before) => {
    // What was dropped while the link was being made is not part of it, and must not vanish either.
    const left = withoutSent(before.items, items);
    return {
      ...before,
      items: left,
      options: { ...NO_OPTIONS, senderName: options.senderName },
      idempotencyKey: randomId(),
      currentId: left.length === 0 ? transfer.id : null,
    };
  });
  return null;
}
