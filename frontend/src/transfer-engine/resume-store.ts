/**
 * What an upload needs to go on after a reload or a killed browser, kept in IndexedDB: where it goes, the right to
 * write it, and by which marks its files are known again. Never the bytes. Where IndexedDB is missing or refused
 * (some private windows) nothing is kept and everything else works.
 */
import type { Person } from '../../../services/contracts/person.ts';

const DATABASE_NAME = 'peerlink';
const DATABASE_VERSION = 1;
const STORE_NAME = 'uploads';
/** A transfer lives at most a year, and a browser that never comes back must not fill up. */
const MAX_RECORDS = 100;

export interface StoredFile {
  readonly path: string;
  /** Its name on the person's disk, where it was sent under another one. */
  readonly pickedName?: string;
  readonly sizeBytes: number;
  readonly chunkSizeBytes: number;
  readonly chunkCount: number;
  readonly lastModifiedMs: number | null;
  readonly fingerprint: string | null;
  /** A handle from a drop, where the browser gives one that outlives the page. */
  readonly handle?: FileSystemFileHandle;
}
export interface StoredUpload {
  readonly transferId: string;
  readonly shareId: string;
  readonly link: string;
  readonly uploadToken: string;
  readonly maxRunBytes: number;
  readonly savedAtMs: number;
  readonly expiresAt: string;
  readonly files: readonly StoredFile[];
  /** Whom a direct send was offered to; a share has none. */
  readonly recipients?: readonly Person[];
}

/** Set while there may be a record: read at once, where asking the database takes a moment. */
const FLAG_KEY = 'peerlink.unfinished';

function setFlag(isSet: boolean): void {
  try {
    if (isSet) localStorage.setItem(FLAG_KEY, '1');
    else localStorage.removeItem(FLAG_KEY);
  } catch {
    // Storage refused: what is found then appears a moment later than the rest.
  }
}

/** Whether an unfinished upload may be found; true too often rather than too rarely. */
export function mayHaveUploads(): boolean {
  try {
    return localStorage.getItem(FLAG_KEY) !== null;
  } catch {
    return false;
  }
}

let opening: Promise<IDBDatabase | null> | undefined;

/** One connection for the page's life, and another one when that is closed or was refused. */
async function openDatabase(): Promise<IDBDatabase | null> {
  opening ??= connect();
  const database = await opening;
  if (!database) forgetConnection();
  return database;
}

function forgetConnection(): void {
  opening = undefined;
}

function connect(): Promise<IDBDatabase | null> {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(DATABASE_NAME, DATABASE_VERSION);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE_NAME, { keyPath: 'transferId' });
      request.onsuccess = () => {
        // Browsers close it when somebody clears the site's data, and on iOS when the page was in the background.
        request.result.onclose = forgetConnection;
        resolve(request.result);
      };
      request.onerror = () => resolve(null);
      request.onblocked = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

/** A transaction's use: `done` says what it answers. */
type Act<T> = (store: IDBObjectStore, done: (value: T) => void) => void;

/** Runs one transaction; answers undefined when there is no database or it refused. */
async function transact<T>(mode: IDBTransactionMode, act: Act<T>): Promise<T | undefined> {
  for (let connections = 0; connections < 2; connections++) {
    const database = await openDatabase();
    if (!database) return undefined;
    const transaction = begin(database, mode);
    if (transaction) return await outcomeOf(transaction, act);
    forgetConnection();
  }
  return undefined;
}

/** Null on a connection that was closed: some browsers tell of it only so. */
function begin(database: IDBDatabase, mode: IDBTransactionMode): IDBTransaction | null {
  try {
    return database.transaction(STORE_NAME, mode);
  } catch {
    return null;
  }
}

function outcomeOf<T>(transaction: IDBTransaction, act: Act<T>): Promise<T | undefined> {
  return new Promise((resolve) => {
    let result: T | undefined;
    transaction.oncomplete = () => resolve(result);
    transaction.onerror = () => resolve(undefined);
    transaction.onabort = () => resolve(undefined);
    try {
      act(transaction.objectStore(STORE_NAME), (value) => {
        result = value;
      });
    } catch {
      resolve(undefined);
    }
  });
}

export async function saveUpload(upload: StoredUpload): Promise<void> {
  const others = await listUploads();
  for (const old of others.slice(MAX_RECORDS - 1)) await forgetUpload(old.transferId);
  // Looking at what is there takes the flag away where nothing was: it is set after that.
  setFlag(true);
  await transact('readwrite', (store) => store.put(upload));
}

export async function forgetUpload(transferId: string): Promise<void> {
  await transact('readwrite', (store) => store.delete(transferId));
}

/** Newest first. */
export async function listUploads(): Promise<readonly StoredUpload[]> {
  const uploads = await transact<StoredUpload[]>('readonly', (store, done) => {
    const request = store.getAll();
    request.onsuccess = () => done(request.result as StoredUpload[]);
  });
  if (uploads?.length === 0) setFlag(false);
  return (uploads ?? []).sort((a, b) => b.savedAtMs - a.savedAtMs);
}

type Mark = { readonly index: number; readonly fingerprint: string };

export function withFingerprints(files: readonly StoredFile[], marks: readonly Mark[]): readonly StoredFile[] {
  const byIndex = new Map(marks.map(({ index, fingerprint }) => [index, fingerprint]));
  return files.map((file, index) => {
    const fingerprint = byIndex.get(index);
    return fingerprint ? { ...file, fingerprint } : file;
  });
}

export async function saveFingerprints(transferId: string, marks: readonly Mark[]): Promise<void> {
  await transact('readwrite', (store) => {
    const request = store.get(transferId);
    request.onsuccess = () => {
      const upload = request.result as StoredUpload | undefined;
      if (!upload) return;
      store.put({ ...upload, files: withFingerprints(upload.files, marks) });
    };
  });
}
