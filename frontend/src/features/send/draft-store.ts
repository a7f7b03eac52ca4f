/** What the person is about to send, and how. Outlives the page's components, so that a look at Mine loses nothing. */
import { config } from '../../config/env.ts';
import { api } from '../../lib/api.ts';
import { addFiles, type CollectedFile, type DraftItem, withoutSent } from '../../lib/file-list.ts';
import { randomId } from '../../lib/random-id.ts';
import { session } from '../../lib/session.ts';
import { createStore } from '../../lib/store.ts';
import { uploadPace } from '../../lib/upload-pace.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { PickedFile } from '../../transfer-engine/match-files.ts';
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

/** An upload that goes on is shown, unless there is a draft that somebody is busy with. */
export function showResumed(transferId: string): void {
  if (draftStore.read().items.length === 0) showUpload(transferId);
}

/** Adds files to the draft, or gives them to the unfinished upload that they belong to. Answers how many were added. */
export async function receiveFiles(files: readonly CollectedFile[]): Promise<number> {
  if (files.length === 0) return 0;
  const draft = draftStore.read();
  if (draft.items.length === 0 && (await resumedWith(files))) return 0;
  uploads.warmUp();
  const items = addFiles(draftStore.read().items, files);
  const added = items.length - draftStore.read().items.length;
  changeDraft({ items });
  showUpload(null);
  return added;
}

async function resumedWith(files: readonly PickedFile[]): Promise<boolean> {
  const unfinished = uploads.read().filter((view) => view.phase.name === 'needs_files' && view.recipients === null);
  if (unfinished.length === 0) return false;
  const pace = await uploadPace();
  for (const { transferId } of unfinished) {
    const outcome = await uploads.resumeWith(transferId, files, pace, false);
    if (outcome.kind !== 'resumed') continue;
    showUpload(transferId);
    return true;
  }
  return false;
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
  let answer = await api.open(body, draft.idempotencyKey);
  if (!answer.ok && answer.fault.kind === 'problem' && answer.fault.type === 'bad_token') {
    // The session ended while the page was open: a new one can send just as well.
    session.forget();
    if ((await session.ensure()).ok) answer = await api.open(body, draft.idempotencyKey);
  }
  if (!answer.ok) return answer.fault;
  rememberName(options.senderName);
  const { transfer, uploadToken } = answer.value;
  const pace = await uploadPace();
  uploads.begin(
    {
      transfer,
      uploadToken,
      handles: items.map((item) => item.handle),
    },
    items.map((item) => item.file),
    pace,
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
