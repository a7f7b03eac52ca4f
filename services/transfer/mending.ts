import { PeerLinkError } from '../contracts/errors.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import { ChunkMap } from './chunk-map.ts';
import type { StoredFile, TransferRow } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** A node whose reads broke so often in a row has become silent: the rest is not asked of it, chunk after chunk. */
const MAX_BROKEN_READS = 3;

/** Copies of chunks that other nodes hold. None of them is believed: what it gives is compared with a value. */
export interface ChunkCopies {
  /**
   * Nodes that may hold a copy: `named` by the row, or `all` there are but those that an operator gave up on, those that the
   * row names first. Never this one.
   * @throws unavailable when nobody can say now who there is
   */
  holders(row: TransferRow, scope: 'named' | 'all'): Promise<readonly string[]>;
  /** Nodes that answer just now, also while nobody can say who else there is. Never this one. */
  answering(): readonly string[];
  /**
   * The chaining values that a node has of a file; of a sealed one only a list that merges to the digest. Null: none.
   * @throws unavailable when the node does not answer
   */
  values(nodeId: string, transfer: RunningTransfer, file: RunningFile): Promise<ChunkMap | null>;
  /**
   * A chunk's bytes that have the value which that node has for them; of a sealed file's only chunk those that have the
   * digest. Null: it has none. @throws unavailable
   */
  read(nodeId: string, transfer: RunningTransfer, file: RunningFile, index: number): Promise<Buffer | null>;
  /** Whether an operator gave up on a node, and it has not come back since. @throws unavailable */
  isGivenUp(nodeId: string): Promise<boolean>;
}

export interface MendingPorts {
  /** Null when there are no other nodes. */
  readonly copies: ChunkCopies | null;
  readonly onEvent: (event: 'repaired' | 'damaged', chunk: ChunkPlace) => void;
  readonly onFault: (what: string, fault: unknown) => void;
}

export interface ChunkPlace {
  readonly transferId: string;
  readonly fileIndex: number;
  readonly chunkIndex: number;
}

/** A chunk that a node has and did not give, and why. */
interface Unread {
  readonly index: number;
  readonly fault: unknown;
}

/** Counted since the process started. */
export interface MendingCounts {
  readonly scrubbedChunks: number;
  readonly repairedChunks: number;
  readonly damagedChunks: number;
}

/** "A chunk that fails verification is never delivered: it is fetched from the other copy and mended." */
export class Mending {
  readonly #ports: MendingPorts;
  readonly #running = new Map<string, Promise<Buffer>>();
  #restoring: Promise<void> = Promise.resolve();
  readonly #toRestore = new Set<RunningFile>();
  /** Chunks that were told as damaged and have not been mended since: whoever asks for one again finds no new damage. */
  readonly #damaged = new WeakMap<RunningFile, Set<number>>();
  #scrubbedChunks = 0;
  #repairedChunks = 0;
  #damagedChunks = 0;

  constructor(ports: MendingPorts) {
    this.#ports = ports;
  }

  get counts(): MendingCounts {
    return {
      scrubbedChunks: this.#scrubbedChunks,
      repairedChunks: this.#repairedChunks,
      damagedChunks: this.#damagedChunks,
    };
  }

  countScrubbed(): void {
    this.#scrubbedChunks += 1;
  }

  /**
   * The bytes of a committed chunk whose stored ones fail verification, from a node that has them whole; they are written
   * back. Every node is asked once, those that the row names first: a replica that was replaced has what it had. Several
   * that need the same chunk share one attempt. @throws damaged: no copy has them; unavailable: a node that may have them
   * does not answer
   */
  mend(transfer: RunningTransfer, file: RunningFile, stored: StoredFile, index: number): Promise<Buffer> {
    const key = `${file.row.id}/${index}`;
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#mend(transfer, file, stored, index).finally(() => this.#running.delete(key));
      this.#running.set(key, running);
    }
    return running;
  }

  /**
   * Fetches what is missing or wrong of a sealed file whose stored values do not merge to its digest, in the background
   * and one file after the other; reads meanwhile go to the other copy.
   * @param use opens the file for writing
   */
  restoreSoon(
    transfer: RunningTransfer,
    file: RunningFile,
    use: () => Promise<{ readonly stored: StoredFile; release(): void } | null>,
  ): void {
    if (this.#ports.copies === null || this.#toRestore.has(file)) return;
    this.#toRestore.add(file);
    this.#restoring = this.#restoring
      .then(async () => {
        const used = await use();
        try {
          if (used !== null) await this.#restore(transfer, file, used.stored);
        } finally {
          used?.release();
        }
      })
      .catch((fault: unknown) => this.#ports.onFault('restore', fault))
      .finally(() => this.#toRestore.delete(file));
  }

  /**
   * Chunks of an open file that this node has no value for and another node has: what a machine lost with its memory.
   * Asked of every node. What two nodes have with different values is not taken: one may never have been acknowledged, and
   * no row says which node was home before. @throws unavailable when a node that may have more does not answer
   */
  async fetchMissing(transfer: RunningTransfer, file: RunningFile, stored: StoredFile): Promise<void> {
    const { copies } = this.#ports;
    if (copies === null) return;
    let silence: unknown;
    const unread: Unread[] = [];
    const lists = new Map<string, ChunkMap>();
    for (const nodeId of await copies.holders(transfer.row, 'all')) {
      const values = await copies.values(nodeId, transfer, file).catch((fault: unknown) => {
        silence = fault;
        return null;
      });
      if (values !== null) lists.set(nodeId, new ChunkMap(values.all()));
    }
    dropDisputed([...lists.values()]);
    for (const [nodeId, values] of lists) await this.#take(transfer, file, stored, nodeId, values, unread);
    // "Only if none has it, or the operator gives up on a node that cannot be reached": it may have been the home. And a
    // chunk that a node has is not gone because its read broke.
    silence ??= unread.find(({ index }) => stored.values.get(index) === null)?.fault;
    if (silence !== undefined) throw silence;
  }

  /** See ChunkCopies. @throws unavailable */
  async isGivenUp(nodeId: string): Promise<boolean> {
    return (await this.#ports.copies?.isGivenUp(nodeId)) ?? false;
  }

  async #mend(transfer: RunningTransfer, file: RunningFile, stored: StoredFile, index: number): Promise<Buffer> {
    const wanted = stored.values.get(index);
    const place = { transferId: transfer.row.id, fileIndex: file.row.index, chunkIndex: index };
    const silent = new Set<string>();
    for await (const nodeId of this.#holders(transfer)) {
      const bytes = await this.#ports.copies?.read(nodeId, transfer, file, index).catch(() => {
        silent.add(nodeId);
        return null;
      });
      if (bytes == null || wanted === null || !isEqualBytes(await stored.hashChunk(index, [bytes]), wanted)) continue;
      // A disk that cannot take them back is a fault of its own; the reader has its bytes all the same.
      await stored.writeChunk(index, [bytes]).then(
        () => this.#tellRepaired(file, place),
        (fault: unknown) => this.#ports.onFault('mend', fault),
      );
      return bytes;
    }
    this.#tellDamaged(file, place);
    throw (await this.#isAwaited(transfer, silent)) ? waitingForCopy(index) : damagedChunk(index);
  }

  /** One that the row names may be given up: its silence says nothing. */
  async #isAwaited({ row }: RunningTransfer, silent: ReadonlySet<string>): Promise<boolean> {
    if (silent.size === 0) return false;
    const awaited = (await this.#ports.copies?.holders(row, 'all')) ?? [];
    return awaited.some((nodeId) => silent.has(nodeId));
  }

  async #restore(transfer: RunningTransfer, file: RunningFile, stored: StoredFile): Promise<void> {
    const { copies } = this.#ports;
    const { digest, sizeBytes } = file.row;
    if (copies === null || digest === null || sizeBytes === null) return;
    for await (const nodeId of this.#holders(transfer)) {
      if (transfer.row.state === 'ended') return;
      const values = await copies.values(nodeId, transfer, file).catch(() => null);
      if (values === null) continue;
      await this.#take(transfer, file, stored, nodeId, values);
      const root = await stored.root(sizeBytes).catch(() => null);
      if (root !== null && isEqualBytes(root, digest)) return;
    }
  }

  /**
   * Each once. Who there is beyond those that the row names is looked up only when these were not enough; while nobody can
   * say that, those that answer are asked, and what none of them has is not known to be gone. @throws unavailable
   */
  async *#holders({ row }: RunningTransfer): AsyncGenerator<string, void, void> {
    const { copies } = this.#ports;
    if (copies === null) return;
    const asked = new Set<string>();
    let silence: unknown;
    for (const scope of ['named', 'all'] as const) {
      const holders = await copies.holders(row, scope).catch((fault: unknown) => {
        silence = fault;
        return copies.answering();
      });
      for (const nodeId of holders) {
        if (asked.has(nodeId)) continue;
        asked.add(nodeId);
        yield nodeId;
      }
    }
    if (silence !== undefined) throw silence;
  }

  /**
   * Takes over what another node's list has and this one's has not, or has otherwise: each value after its bytes.
   * @param unread told which chunks did not come because the node does not answer
   */
  async #take(
    transfer: RunningTransfer,
    file: RunningFile,
    stored: StoredFile,
    nodeId: string,
    values: ChunkMap,
    unread: Unread[] = [],
  ): Promise<void> {
    let brokenInARow = 0;
    let silence: unknown;
    const read = async (index: number): Promise<Buffer | null> => {
      if (brokenInARow < MAX_BROKEN_READS) {
        try {
          const bytes = (await this.#ports.copies?.read(nodeId, transfer, file, index)) ?? null;
          brokenInARow = 0;
          return bytes;
        } catch (fault) {
          brokenInARow += 1;
          silence = fault;
        }
      }
      unread.push({ index, fault: silence });
      return null;
    };
    const buffer = Buffer.allocUnsafe(file.row.chunkSizeBytes);
    for (const [start, end] of values.ranges()) {
      for (let index = start; index < end; index += 1) {
        const wanted = values.get(index);
        const held = stored.values.get(index);
        if (wanted === null || (!file.isSealed && held !== null)) continue;
        const isSame = held !== null && isEqualBytes(held, wanted);
        if (isSame && (await stored.readChunk(index, buffer, file.chunkLength(index)))) continue;
        const bytes = await read(index);
        if (bytes === null || !isEqualBytes(await stored.hashChunk(index, [bytes]), wanted)) continue;
        if (held !== null && !isSame) await stored.dropChunk(index);
        await stored.writeChunk(index, [bytes]);
        await stored.commitChunk(index, wanted);
        // What was never here, at a replica that is not in sync yet for one, is no damage of this disk.
        if (held === null) continue;
        this.#tellRepaired(file, { transferId: transfer.row.id, fileIndex: file.row.index, chunkIndex: index });
      }
    }
  }

  #tellRepaired(file: RunningFile, place: ChunkPlace): void {
    this.#damaged.get(file)?.delete(place.chunkIndex);
    this.#repairedChunks += 1;
    this.#ports.onEvent('repaired', place);
  }

  #tellDamaged(file: RunningFile, place: ChunkPlace): void {
    const damaged = this.#damaged.get(file) ?? new Set();
    if (damaged.has(place.chunkIndex)) return;
    this.#damaged.set(file, damaged.add(place.chunkIndex));
    this.#damagedChunks += 1;
    this.#ports.onEvent('damaged', place);
  }
}

/** Drops from each list what another one has otherwise. */
function dropDisputed(lists: readonly ChunkMap[]): void {
  const first = new ChunkMap();
  const disputed = new Set<number>();
  for (const values of lists) {
    for (const [start, end] of values.ranges()) {
      for (let index = start; index < end; index += 1) {
        const [value, known] = [values.get(index), first.get(index)];
        if (value !== null && known === null) first.set(index, value);
        else if (value !== null && known !== null && !isEqualBytes(value, known)) disputed.add(index);
      }
    }
  }
  for (const values of lists) for (const index of disputed) values.drop(index);
}

function waitingForCopy(index: number): PeerLinkError {
  return new PeerLinkError(
    'unavailable',
    `Chunk ${index} is damaged here, and the node with its copy does not answer.`,
    {
      data: { chunkIndex: index },
      retryAfterSeconds: 5,
    },
  );
}

export function damagedChunk(index: number): PeerLinkError {
  return new PeerLinkError('damaged', `Chunk ${index} no longer has the bytes that were committed.`, {
    data: { chunkIndex: index },
  });
}

/** Which chunk a fault made by `damagedChunk` is about; null for any other. */
export function damagedIndexOf(fault: unknown): number | null {
  if (!(fault instanceof PeerLinkError) || fault.type !== 'damaged') return null;
  const index = fault.data?.['chunkIndex'];
  return typeof index === 'number' ? index : null;
}
