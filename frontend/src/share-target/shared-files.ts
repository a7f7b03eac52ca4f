/** What another app shared with the page, on its way from the worker that took it to the page that sends it. */
const DATABASE = 'peerlink.shared';
const STORE = 'shared';
/** One at a time: what was never taken is replaced by the next. */
const LATEST = 'latest';

export interface Shared {
  readonly files: readonly File[];
  /** Title, text and address, a line each; empty when only files came. */
  readonly text: string;
}

function settled<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function withStore<T>(act: (store: IDBObjectStore) => Promise<T>): Promise<T> {
  const opening = indexedDB.open(DATABASE, 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore(STORE);
  const database = await settled(opening);
  try {
    return await act(database.transaction(STORE, 'readwrite').objectStore(STORE));
  } finally {
    database.close();
  }
}

/** The bytes stay where the browser has them on disk. @throws where storage is refused or full */
export async function keepShared(shared: Shared): Promise<void> {
  await withStore((store) => settled(store.put(shared, LATEST)));
}

/** Takes what was kept, so that it is there only once; null when nothing is. */
export async function takeShared(): Promise<Shared | null> {
  return await withStore(async (store) => {
    const shared = (await settled(store.get(LATEST))) as Shared | undefined;
    if (shared !== undefined) await settled(store.delete(LATEST));
    return shared ?? null;
  });
}
