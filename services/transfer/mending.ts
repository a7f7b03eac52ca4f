import { PeerLinkError } from '../contracts/errors.ts';
import { isEqualBytes } from '../kernel/ids.ts';
import type { ChunkMap } from './chunk-map.ts';
import type { StoredFile, TransferRow } from './ports.ts';
import type { RunningFile } from './running-file.ts';
import type { RunningTransfer } from './running-transfer.ts';

/** Copies of chunks that other nodes hold. None of them is believed: what it gives is compared with a value. */
export interface ChunkCopies {
  /** Nodes that may hold a copy: `named` by the row, or `all` there are, those that the row names first. Never this one. */
  holders(row: TransferRow, scope: 'named' | 'all'): Promise<readonly string[]>;
  /**
   * The chaining values that a node has of a file; of a sealed one only a list that merges to the digest. Null: none.
   * @throws unavailable when the node does not answer
   */
  values(nodeId: string, transfer: RunningTransfer, file: RunningFile): Promise<ChunkMap | null>;
  /** A chunk's bytes that have the value which that node has for them; null: it has none. @throws unavailable */
  read(nodeId: string, transfer: RunningTransfer, file: RunningFile, index: number): Promise<Buffer | null>;
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
   * back. Several that need the same chunk share one attempt. @throws damaged: no copy has them; unavailable: a node that
   * may have them does not answer
   */
  mend(
    transfer: RunningTransfer,
    file: RunningFile,
    stored: StoredFile,
    index: number,
    scope: 'named' | 'all' = 'named',
  ): Promise<Buffer> {
    const key = `${file.row.id}/${index}`;
    let running = this.#running.get(key);
    if (running === undefined) {
      running = this.#mend(transfer, file, stored, index, scope).finally(() => this.#running.delete(key));
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
   * Asked of every node. @returns how many came back
   * @throws unavailable when a node that may have more does not answer
   */
  async fetchMissing(transfer: RunningTransfer, file: RunningFile, stored: StoredFile): Promise<number> {
    const { copies } = this.#ports;
    if (copies === null) return 0;
    let count = 0;
    let silence: unknown;
    for (const nodeId of await copies.holders(transfer.row, 'all')) {
      const values = await copies.values(nodeId, transfer, file).catch((fault: unknown) => {
        silence = fault;
        return null;
      });
      if (values !== null) count += await this.#take(transfer, file, stored, nodeId, values);
    }
    // "Only if none has it, or the operator gives up on a node that cannot be reached": it may have been the home.
    if (silence !== undefined) throw silence;
    return count;
  }

  async #mend(
    transfer: RunningTransfer,
    file: RunningFile,
    stored: StoredFile,
    index: number,
    scope: 'named' | 'all',
  ): Promise<Buffer> {
    const wanted = stored.values.get(index);
    const place = { transferId: transfer.row.id, fileIndex: file.row.index, chunkIndex: index };
    const nodeIds = (await this.#ports.copies?.holders(transfer.row, scope)) ?? [];
    let isSomebodySilent = false;
    for (const nodeId of nodeIds) {
      const bytes = await this.#ports.copies?.read(nodeId, transfer, file, index).catch(() => {
        isSomebodySilent = true;
        return null;
      });
      if (bytes == null || wanted === null || !isEqualBytes(await stored.hashChunk(index, [bytes]), wanted)) continue;
      // A disk that cannot take them back is a fault of its own; the reader has its bytes all the same.
      await stored.writeChunk(index, [bytes]).then(
        () => {
          this.#repairedChunks += 1;
          this.#ports.onEvent('repaired', place);
        },
        (fault: unknown) => this.#ports.onFault('mend', fault),
      );
      return bytes;
    }
    this.#damagedChunks += 1;
    this.#ports.onEvent('damaged', place);
    throw isSomebodySilent ? waitingForCopy(index) : damagedChunk(index);
  }

  async #restore(transfer: RunningTransfer, file: RunningFile, stored: StoredFile): Promise<void> {
    const { copies } = this.#ports;
    const { digest, sizeBytes } = file.row;
    if (copies === null || digest === null || sizeBytes === null || transfer.row.state === 'ended') return;
    for (const nodeId of await copies.holders(transfer.row, 'named')) {
      const values = await copies.values(nodeId, transfer, file).catch(() => null);
      if (values === null) continue;
      await this.#take(transfer, file, stored, nodeId, values);
      const root = await stored.root(sizeBytes).catch(() => null);
      if (root !== null && isEqualBytes(root, digest)) return;
    }
  }

  /** Takes over what another node's list has and this one's has not, or has otherwise: each value after its bytes. */
  async #take(
    transfer: RunningTransfer,
    file: RunningFile,
    stored: StoredFile,
    nodeId: string,
    values: ChunkMap,
  ): Promise<number> {
    let count = 0;
    const buffer = Buffer.allocUnsafe(file.row.chunkSizeBytes);
    for (const [start, end] of values.ranges()) {
      for (let index = start; index < end; index += 1) {
        const wanted = values.get(index);
        const held = stored.values.get(index);
        if (wanted === null || (!file.isSealed && held !== null)) continue;
        const isSame = held !== null && isEqualBytes(held, wanted);
        if (isSame && (await stored.readChunk(index, buffer, file.chunkLength(index)))) continue;
        const bytes = await this.#ports.copies?.read(nodeId, transfer, file, index).catch(() => null);
        if (bytes == null || !isEqualBytes(await stored.hashChunk(index, [bytes]), wanted)) continue;
        if (held !== null && !isSame) await stored.dropChunk(index);
        await stored.writeChunk(index, [bytes]);
        await stored.commitChunk(index, wanted);
        this.#repairedChunks += 1;
        count += 1;
        this.#ports.onEvent('repaired', { transferId: transfer.row.id, fileIndex: file.row.index, chunkIndex: index });
      }
    }
    return count;
  }
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
