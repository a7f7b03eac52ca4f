import { PeerLinkError } from '../../contracts/errors.ts';
import { READ_AHEAD_BUFFERS, READ_AHEAD_BYTES } from '../../contracts/limits.ts';
import { damagedChunk } from '../mending.ts';
import type { FileUse } from '../open-files.ts';
import type { Hiding } from '../ports.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { DataPlaneDeps } from './deps.ts';
import type { Piece, PieceSource } from './pieces.ts';
import type { ReaderShare } from './reader-memory.ts';
import type { FileReader, HeldChunk } from './shared-chunks.ts';

/**
 * The bytes of a range, chunk by chunk: committed ones read and verified ahead in the pool, the next ones awaited. A
 * chunk that fails verification is never delivered. @throws damaged, ended, expired, the signal's reason
 */
export async function* readPieces(source: PieceSource): AsyncGenerator<Piece, void, void> {
  const { deps, transfer, file, from, to } = source;
  // What waits for a chunk must stop waiting when another chunk of this reader failed.
  const ending = new AbortController();
  const { signal } = ending;
  const onAbort = () => ending.abort(source.signal.reason);
  if (source.signal.aborted) onAbort();
  else source.signal.addEventListener('abort', onAbort, { once: true });
  const chunkBytes = file.row.chunkSizeBytes;
  const endChunk = to === null ? Number.POSITIVE_INFINITY : to > from ? Math.ceil(to / chunkBytes) : 0;
  const share = deps.readers.enter(source.cut);
  const reading = new FileReading(deps, transfer, file, source.hidingKey, share);
  const mostAhead = Math.min(READ_AHEAD_BUFFERS, Math.max(1, Math.floor(READ_AHEAD_BYTES / chunkBytes)));
  const ahead: Promise<Piece | null>[] = [];
  let next = Math.floor(from / chunkBytes);
  const readAhead = () => {
    while (ahead.length < (deps.readers.isRoomy ? mostAhead : 1) && next < endChunk) {
      const piece = reading.piece(next, from, to, signal);
      // It is awaited in its turn; until then its failure must not count as unhandled.
      piece.catch(() => {});
      ahead.push(piece);
      next += 1;
    }
  };
  let isDrained = false;
  try {
    readAhead();
    for (let piece = ahead.shift(); piece !== undefined; piece = ahead.shift()) {
      const ready = await piece;
      if (ready === null) break;
      yield ready;
      readAhead();
    }
    isDrained = true;
  } finally {
    source.signal.removeEventListener('abort', onAbort);
    ending.abort();
    await reading.end(ahead, isDrained);
    share.end(isDrained);
  }
}

/**
 * The same from whichever node has it, for somebody who came to this one: for no longer than this node may serve the
 * share. @throws unavailable when nobody could be asked for too long whether it still holds
 */
export async function* piecesOf(
  deps: Pick<DataPlaneDeps, 'peers'>,
  source: PieceSource,
): AsyncGenerator<Piece, void, void> {
  for await (const piece of deps.peers === null ? readPieces(source) : deps.peers.readAnywhere(source)) {
    yield piece;
    source.transfer.assertReadable(source.deps.engine.nowMs);
  }
}

/** Whether this node knows for itself which chunks are there. */
export function isServedHere(deps: Pick<DataPlaneDeps, 'peers'>, transfer: RunningTransfer): boolean {
  return deps.peers === null || deps.peers.isHere(transfer);
}

/** One reader's use of a file: opened at its first committed chunk, closed when all its reads have ended. */
class FileReading {
  readonly #deps: Pick<DataPlaneDeps, 'engine' | 'buffers'>;
  readonly #shared: FileReader;
  readonly #transfer: RunningTransfer;
  readonly #file: RunningFile;
  readonly #hidingKey: Uint8Array | undefined;
  readonly #share: ReaderShare;
  #use: Promise<FileUse | null> | null = null;

  constructor(
    deps: Pick<DataPlaneDeps, 'engine' | 'buffers' | 'chunks'>,
    transfer: RunningTransfer,
    file: RunningFile,
    hidingKey: Uint8Array | undefined,
    share: ReaderShare,
  ) {
    this.#hidingKey = hidingKey;
    this.#share = share;
    this.#deps = deps;
    this.#transfer = transfer;
    this.#file = file;
    this.#shared = deps.chunks.enter(file.row.id);
  }

  /** Chunk `index` cut to the range, or null when the file ends before it. */
  async piece(index: number, from: number, to: number | null, signal: AbortSignal): Promise<Piece | null> {
    const count = this.#file.chunkCount;
    if (count !== null && index >= count) return null;
    const start = index * this.#file.row.chunkSizeBytes;
    const cut = (bytes: Uint8Array) =>
      bytes.subarray(Math.max(0, from - start), to === null ? bytes.length : Math.min(bytes.length, to - start));
    if (this.#file.values === null && !this.#file.isSealed) await this.#open();
    if (!this.#file.has(index)) {
      // After a hand-over the next chunks are committed elsewhere: nobody here would ever wake this reader.
      this.#assertHome();
      const arrival = await this.#file.waitForChunk(index, signal);
      if (arrival === 'beyond_end') return null;
      return {
        bytes: cutList(arrival.bytes, from - start, to === null ? null : to - start),
        // A socket that broke may have them still: then the collector finds out when it does not.
        release: (how) => how === 'taken' && arrival.letGo(),
      };
    }
    const use = await this.#open();
    if (use === null) throw damagedChunk(index);
    const { chunkSizeBytes } = this.#file.row;
    await this.#share.borrow(chunkSizeBytes, signal);
    const hiding = this.#hidingAt(start - from);
    let held: HeldChunk | null = null;
    try {
      const isPart = from > start || (to !== null && to < start + this.#file.chunkLength(index));
      held = await this.#read(use, index, hiding, isPart);
    } catch (fault) {
      // The file was closed under the read because the transfer is over.
      this.#transfer.assertGoingOn(this.#deps.engine.nowMs);
      throw fault;
    } finally {
      if (held === null) this.#share.repay(chunkSizeBytes, false);
    }
    if (held === null) {
      // "It is fetched from the other copy and mended; both bad: the stream breaks and the chunk is named."
      const mended = await this.#deps.engine.mending.mend(this.#transfer, this.#file, use.stored, index);
      return { bytes: [cut(mended)], release: () => {} };
    }
    const { bytes, release } = held;
    return {
      bytes: [cut(bytes)],
      isHidden: hiding !== undefined,
      release: (how) => {
        release();
        this.#share.repay(chunkSizeBytes, how === 'taken');
      },
    };
  }

  /** Null: the bytes are not those that were committed. */
  async #read(
    { stored }: FileUse,
    index: number,
    hiding: Hiding | undefined,
    isPart: boolean,
  ): Promise<HeldChunk | null> {
    const { buffers } = this.#deps;
    const bufferBytes = this.#file.row.chunkSizeBytes;
    const lengthBytes = this.#file.chunkLength(index);
    const load = (buffer: Buffer) => stored.readChunk(index, buffer, lengthBytes, hiding);
    const value = stored.values.get(index);
    if (hiding === undefined && value !== null)
      return this.#shared.read({ index, lengthBytes, value, bufferBytes, isPart, load });
    // Obfuscated by a key of this answer: nobody else could use it.
    const buffer = buffers.take(bufferBytes);
    const release = () => buffers.give(buffer);
    const isSound = await load(buffer).catch((fault: unknown) => {
      release();
      throw fault;
    });
    if (isSound) return { bytes: buffer.subarray(0, lengthBytes), release };
    release();
    return null;
  }

  /** @param position of the chunk's first byte in the answer; below 0 in a chunk that the range begins within */
  #hidingAt(position: number): Hiding | undefined {
    const key = this.#hidingKey;
    if (key === undefined) return undefined;
    const streamOffset = position >= 0 ? position : key.length - (-position % key.length);
    return { key, streamOffset };
  }

  /** @throws moved */
  #assertHome(): void {
    const { homeNodeId: home } = this.#transfer.row;
    if (home === this.#deps.engine.nodeId) return;
    throw new PeerLinkError('moved', 'This transfer has another home node now.', { data: { home } });
  }

  async end(unread: readonly Promise<Piece | null>[], isDrained: boolean): Promise<void> {
    for (const piece of await Promise.allSettled(unread))
      if (piece.status === 'fulfilled') piece.value?.release('taken');
    this.#shared.leave(isDrained);
    const use = await this.#use?.catch(() => null);
    use?.release();
  }

  async #open(): Promise<FileUse | null> {
    this.#use ??= this.#deps.engine.useFile(this.#transfer, this.#file, 'read');
    const opening = this.#use;
    const use = await opening;
    // Nothing was stored yet: look again at the next chunk.
    if (use === null && this.#use === opening) this.#use = null;
    return use;
  }
}

/** The part [from, to) of a list of buffers. */
function cutList(list: readonly Uint8Array[], from: number, to: number | null): Uint8Array[] {
  const parts: Uint8Array[] = [];
  let position = 0;
  for (const bytes of list) {
    const start = Math.max(0, from - position);
    const end = to === null ? bytes.length : Math.min(bytes.length, to - position);
    if (start < end) parts.push(bytes.subarray(start, end));
    position += bytes.length;
  }
  return parts;
}
