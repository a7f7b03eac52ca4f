import { SHARED_CHUNK_BYTES, SHARED_CHUNK_KEPT_MS } from '../../contracts/limits.ts';
import { isEqualBytes } from '../../kernel/ids.ts';
import { once } from '../../kernel/once.ts';
import type { BufferPool } from './buffer-pool.ts';

/** What a reader asks for. */
export interface WantedChunk {
  readonly index: number;
  /** The chaining value that is committed now. */
  readonly value: Uint8Array;
  readonly lengthBytes: number;
  /** The buffer has the length of a whole chunk, so that all of a file's are alike. */
  readonly bufferBytes: number;
  /** The range begins or ends within it: who reads in small ranges comes back for more of it. */
  readonly isPart: boolean;
  /** Reads and verifies. False: the bytes are not those of the value. */
  load(buffer: Buffer): Promise<boolean>;
}

/** A verified chunk that others may be sending too: nobody writes into it. */
export interface HeldChunk {
  readonly bytes: Buffer;
  /** Repeatable. */
  release(): void;
}

interface Entry {
  readonly index: number;
  readonly value: Uint8Array;
  readonly buffer: Buffer;
  /** What `loading` verifies of the buffer. */
  readonly bytes: Buffer;
  readonly loading: Promise<boolean>;
  isLoaded: boolean;
  holders: number;
  /** Somebody had a part of it: it stays also without readers. */
  isKept: boolean;
  /** Ends its time without a holder. */
  timer: NodeJS.Timeout | null;
}

/** Those of one file that are being read, held, or idle. */
class FileChunks {
  readonly fileId: string;
  readers = 0;
  readonly entries = new Map<number, Entry>();

  constructor(fileId: string) {
    this.fileId = fileId;
  }
}

/**
 * Chunks that several downloads want at nearly the same time: each is read and verified once. Whoever is ahead does that; those
 * right behind send the same bytes, which costs less, so that they catch up and stay together. What nobody holds any more is
 * idle, and stays while its file has two readers or more; one of which a range took a part stays `SHARED_CHUNK_KEPT_MS` also
 * without any. All of them are the latest `SHARED_CHUNK_BYTES` of all files.
 */
export class SharedChunks {
  readonly #pool: BufferPool;
  readonly #maxIdleBytes: number;
  readonly #keptMs: number;
  readonly #files = new Map<string, FileChunks>();
  /** Held by nobody, the longest unused first. */
  readonly #idle = new Map<Entry, FileChunks>();
  #idleBytes = 0;

  constructor(pool: BufferPool, maxIdleBytes = SHARED_CHUNK_BYTES, keptMs = SHARED_CHUNK_KEPT_MS) {
    this.#pool = pool;
    this.#maxIdleBytes = maxIdleBytes;
    this.#keptMs = keptMs;
  }

  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** Whether a reader of this chunk would find it, or its read under way. */
  has(fileId: string, index: number): boolean {
    return this.#files.get(fileId)?.entries.has(index) === true;
  }

  /** Somebody begins to read a file. */
  enter(fileId: string): FileReader {
    const file = this.#files.get(fileId) ?? new FileChunks(fileId);
    this.#files.set(fileId, file);
    file.readers += 1;
    const held = new Set<Entry>();
    let isOver = false;
    return {
      read: (wanted) => this.#read(file, held, wanted),
      leave: (isDrained) => {
        if (isOver) return;
        isOver = true;
        // An answer that broke may never release what it was handed: the collector has that, once no other reader finds it.
        if (!isDrained) for (const entry of held) this.#hide(file, entry);
        file.readers -= 1;
        // One reader alone has nobody behind it.
        if (file.readers < 2)
          for (const entry of [...file.entries.values()]) if (!entry.isKept) this.#dropIfIdle(entry);
        this.#forgetIfUnused(file);
      },
    };
  }

  /** @param held by this reader */
  async #read(file: FileChunks, held: Set<Entry>, wanted: WantedChunk): Promise<HeldChunk | null> {
    const known = file.entries.get(wanted.index);
    const entry = known !== undefined && isEqualBytes(known.value, wanted.value) ? known : this.#load(file, wanted);
    this.#take(entry);
    entry.isKept ||= wanted.isPart;
    entry.holders += 1;
    held.add(entry);
    const release = once(() => {
      held.delete(entry);
      this.#letGo(file, entry);
    });
    let isSound = false;
    try {
      isSound = await entry.loading;
    } finally {
      if (!isSound) release();
    }
    return isSound ? { bytes: entry.bytes, release } : null;
  }

  #load(file: FileChunks, { index, value: committed, lengthBytes, bufferBytes, load }: WantedChunk): Entry {
    const buffer = this.#pool.take(bufferBytes);
    const loading = load(buffer);
    const bytes = buffer.subarray(0, lengthBytes);
    const value = Uint8Array.from(committed);
    const unused = { isLoaded: false, holders: 0, isKept: false, timer: null };
    const entry: Entry = { index, value, buffer, bytes, loading, ...unused };
    const before = file.entries.get(index);
    if (before !== undefined) this.#dropIfIdle(before);
    file.entries.set(index, entry);
    loading.then(
      (isSound) => (entry.isLoaded = isSound),
      () => {},
    );
    return entry;
  }

  #letGo(file: FileChunks, entry: Entry): void {
    entry.holders -= 1;
    if (entry.holders > 0) return;
    const isWanted = file.readers >= 2 || entry.isKept;
    if (!entry.isLoaded || !isWanted || file.entries.get(entry.index) !== entry) {
      this.#drop(file, entry);
      return;
    }
    if (entry.isKept) entry.timer = setTimeout(() => this.#dropIfIdle(entry), this.#keptMs).unref();
    this.#idle.set(entry, file);
    this.#idleBytes += entry.buffer.length;
    for (const oldest of this.#idle.keys()) {
      if (this.#idleBytes <= this.#maxIdleBytes) break;
      this.#dropIfIdle(oldest);
    }
  }

  /** It is not idle any more. */
  #take(entry: Entry): void {
    if (!this.#idle.delete(entry)) return;
    this.#idleBytes -= entry.buffer.length;
    if (entry.timer !== null) clearTimeout(entry.timer);
    entry.timer = null;
  }

  #dropIfIdle(entry: Entry): void {
    const file = this.#idle.get(entry);
    if (file === undefined) return;
    this.#take(entry);
    this.#drop(file, entry);
  }

  #drop(file: FileChunks, entry: Entry): void {
    this.#hide(file, entry);
    this.#pool.give(entry.buffer);
  }

  /** Nobody else finds it any more. */
  #hide(file: FileChunks, entry: Entry): void {
    if (file.entries.get(entry.index) === entry) file.entries.delete(entry.index);
    this.#forgetIfUnused(file);
  }

  #forgetIfUnused(file: FileChunks): void {
    if (file.readers > 0 || file.entries.size > 0) return;
    // What was released late may be of one that was forgotten before: by its name another is known now.
    if (this.#files.get(file.fileId) === file) this.#files.delete(file.fileId);
  }
}

/** One reader's way to the chunks of a file. */
export interface FileReader {
  /** Null: the bytes are not those of the value. @throws what `load` threw */
  read(wanted: WantedChunk): Promise<HeldChunk | null>;
  /**
   * Repeatable. What it holds stays its own.
   * @param isDrained everything was handed on and will be released; else perhaps not
   */
  leave(isDrained: boolean): void;
}
