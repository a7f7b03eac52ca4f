import { afterAll, beforeEach, describe, expect, it } from '@jest/globals';
import {
  forgetUpload,
  listUploads,
  mayHaveUploads,
  type StoredUpload,
  saveFingerprints,
  saveUpload,
} from './resume-store.ts';

/** As much of a browser's IndexedDB as is used, with a connection that the browser closes when a test says so. */
class Database {
  readonly records = new Map<string, StoredUpload>();
  connections: { onclose: (() => void) | null; isClosed: boolean }[] = [];
  isRefused = false;
  /** Another tab holds it. */
  isBlocked = false;

  open() {
    const connection = { onclose: null, isClosed: false, transaction: () => this.#transaction(connection) };
    const request: Record<string, unknown> = { result: connection };
    queueMicrotask(() => {
      if (!this.isRefused && !this.isBlocked) this.connections.push(connection);
      (request[this.isRefused ? 'onerror' : this.isBlocked ? 'onblocked' : 'onsuccess'] as () => void)();
    });
    return request;
  }

  /** @param isTold some browsers fire `close`, and all refuse what is asked of the connection from then on */
  closeAll({ isTold }: { isTold: boolean }) {
    for (const connection of this.connections) {
      connection.isClosed = true;
      if (isTold) connection.onclose?.();
    }
  }

  #transaction(connection: { isClosed: boolean }) {
    if (connection.isClosed) throw new DOMException('The connection is closing.', 'InvalidStateError');
    const transaction = {
      oncomplete: null as (() => void) | null,
      objectStore: () => ({
        put: (upload: StoredUpload) => this.records.set(upload.transferId, upload),
        delete: (transferId: string) => this.records.delete(transferId),
        get: (transferId: string) => {
          const request = { onsuccess: null as (() => void) | null, result: this.records.get(transferId) };
          queueMicrotask(() => request.onsuccess?.());
          return request;
        },
        getAll: () => {
          const request = { onsuccess: null as (() => void) | null, result: [...this.records.values()] };
          queueMicrotask(() => request.onsuccess?.());
          return request;
        },
      }),
    };
    setTimeout(() => transaction.oncomplete?.(), 0);
    return transaction;
  }
}

const upload = (transferId: string) => ({ transferId, savedAtMs: 0 }) as StoredUpload;
const { indexedDB: before } = globalThis;
let database: Database;

beforeEach(() => {
  database?.closeAll({ isTold: true });
  database = new Database();
  Object.assign(globalThis, { indexedDB: database });
});
afterAll(() => {
  Object.assign(globalThis, { indexedDB: before });
});

describe('what an upload needs after a reload', () => {
  it('is kept, on one connection', async () => {
    await saveUpload(upload('a'));
    await saveUpload(upload('b'));
    expect((await listUploads()).map(({ transferId }) => transferId)).toEqual(['a', 'b']);
    expect(database.connections).toHaveLength(1);
  });

  it('can be expected at once on the next visit, from the first one on', async () => {
    const { localStorage: real } = globalThis;
    const kept = new Map<string, string>();
    const storage = {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => kept.set(key, value),
      removeItem: (key: string) => kept.delete(key),
    };
    Object.defineProperty(globalThis, 'localStorage', { value: storage, configurable: true });
    try {
      expect(mayHaveUploads()).toBe(false);
      await saveUpload(upload('a'));
      expect(mayHaveUploads()).toBe(true);
      // Not being told is not being told that there is none.
      database.closeAll({ isTold: true });
      database.isRefused = true;
      await listUploads();
      expect(mayHaveUploads()).toBe(true);
      database.isRefused = false;
      database.records.clear();
      await listUploads();
      expect(mayHaveUploads()).toBe(false);
    } finally {
      Object.defineProperty(globalThis, 'localStorage', { value: real, configurable: true });
    }
  });

  it.each([
    ['and says so', true],
    ['and does not say so', false],
  ])('is kept after the browser has closed the connection %s', async (_how, isTold) => {
    await saveUpload(upload('a'));
    database.closeAll({ isTold });
    await saveUpload(upload('b'));
    expect([...database.records.keys()]).toEqual(['a', 'b']);
    expect(database.connections).toHaveLength(2);
  });

  it('is kept once the browser lets it, however often it refused before', async () => {
    database.isRefused = true;
    await saveUpload(upload('a'));
    expect(await listUploads()).toEqual([]);
    database.isRefused = false;
    await saveUpload(upload('b'));
    expect([...database.records.keys()]).toEqual(['b']);
  });

  it('is forgotten when it is old and many came after it', async () => {
    for (let count = 0; count < 101; count += 1) {
      await saveUpload({ transferId: `t${count}`, savedAtMs: count } as StoredUpload);
    }
    expect(database.records.size).toBe(100);
    expect(database.records.has('t0')).toBe(false);
    expect(database.records.has('t100')).toBe(true);
  });

  it('is not there again when its marks come after it was forgotten', async () => {
    await saveUpload({ ...upload('a'), files: [] });
    await forgetUpload('a');
    await saveFingerprints('a', [{ index: 0, fingerprint: 'f' }]);
    expect(await listUploads()).toEqual([]);
  });

  it('is not waited for where another tab holds the database', async () => {
    database.isBlocked = true;
    expect(await listUploads()).toEqual([]);
  });
});
