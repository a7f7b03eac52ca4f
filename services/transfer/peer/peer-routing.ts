import { setTimeout as delay } from 'node:timers/promises';
import { ERROR_TYPES, PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { PutRunResponse } from '../../contracts/http.ts';
import type { Piece, PieceSource } from '../data-plane/pieces.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import type { ReplicaSide } from '../replication/replica-side.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { PeerClient } from './peer-client.ts';

/** A frozen node is found after 3 s, and its replica takes over within the next; then the reader is told. */
const GIVE_UP_MS = 12_000;
const TRY_AGAIN_MS = 100;

export interface PeerRoutingDeps {
  readonly engine: TransferEngine;
  readonly client: PeerClient;
  readonly replica: ReplicaSide;
}

/** "Any node takes any chunk and serves any byte of any transfer": how this node reaches the one that has it. */
export class PeerRouting {
  readonly #deps: PeerRoutingDeps;
  readonly #recovering = new Map<string, Promise<void>>();

  constructor(deps: PeerRoutingDeps) {
    this.#deps = deps;
  }

  isHere(transfer: RunningTransfer): boolean {
    return transfer.row.homeNodeId === this.#deps.engine.nodeId;
  }

  /** Streams a client's run to the home. @throws what the home answered; unavailable when it broke in the middle */
  async forwardRun(
    transfer: RunningTransfer,
    run: { fileIndex: number; offset: number; lengthBytes: number | null; chunkValue: string | null },
    body: AsyncIterable<Buffer> | Iterable<Buffer>,
  ): Promise<PutRunResponse> {
    const { id, homeNodeId, epoch } = transfer.row;
    try {
      return await this.#deps.client.forwardRun({ nodeId: homeNodeId, transferId: id, epoch, ...run }, body);
    } catch (fault) {
      const type = typeOfFault(fault);
      if (type === 'unavailable' || type === 'moved' || type === 'stale_epoch') this.#recoverSoon(transfer);
      throw fault;
    }
  }

  /**
   * The bytes of a range, from here or from whichever node has them, going on elsewhere at the next byte when one
   * dies. @throws what the last node said, after 12 s without a byte
   */
  async *readAnywhere(source: PieceSource): AsyncGenerator<Piece, void, void> {
    const { transfer, file, signal } = source;
    const { engine } = this.#deps;
    let position = source.from;
    let movedAtMs = engine.nowMs;
    for (let attempt = 0; ; attempt += 1) {
      try {
        for await (const piece of this.#piecesFrom({ ...source, from: position }, attempt)) {
          position += piece.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
          movedAtMs = engine.nowMs;
          yield piece;
        }
        if (file.row.sizeBytes === null) await engine.reread(transfer);
        return;
      } catch (fault) {
        signal.throwIfAborted();
        if (!mayPass(fault) || engine.nowMs - movedAtMs > GIVE_UP_MS) throw fault;
        await this.recover(transfer);
        await delay(TRY_AGAIN_MS);
      }
    }
  }

  /**
   * Finds out who has the transfer now: re-reads the row and, when its home does not answer, asks the replica to take
   * over. Bus silence alone never promotes anything. Repeatable; several callers share one attempt.
   */
  recover(transfer: RunningTransfer): Promise<void> {
    const { id } = transfer.row;
    let recovering = this.#recovering.get(id);
    if (recovering === undefined) {
      recovering = this.#recover(transfer)
        .catch((fault: unknown) => this.#deps.engine.reportFault('recover', fault))
        .finally(() => this.#recovering.delete(id));
      this.#recovering.set(id, recovering);
    }
    return recovering;
  }

  async #recover(transfer: RunningTransfer): Promise<void> {
    const { engine, client, replica } = this.#deps;
    await engine.reread(transfer);
    const { row } = transfer;
    if (this.isHere(transfer) || row.state !== 'open' || row.replicaNodeId === null || row.replicaState !== 'in_sync')
      return;
    if ((await client.probe(row.homeNodeId)) === 'alive') return;
    if (row.replicaNodeId === engine.nodeId) {
      const here = await engine.replicaTransfer(row.id);
      await replica.promote(here, async () => (await client.probe(row.homeNodeId)) === 'alive');
    } else {
      await client.promote(row.replicaNodeId, row.id, row.epoch, { isAdoption: false });
    }
    await engine.reread(transfer);
  }

  #recoverSoon(transfer: RunningTransfer): void {
    void this.recover(transfer);
  }

  async *#piecesFrom(source: PieceSource, attempt: number): AsyncGenerator<Piece, void, void> {
    const { transfer, file } = source;
    if (this.isHere(transfer) || (await this.#isCopyHere(transfer, file))) {
      yield* readPieces(source);
      return;
    }
    const nodeId = this.#holder(transfer, file, attempt);
    const { client } = this.#deps;
    const { index: fileIndex } = file.row;
    const { id: transferId, epoch } = transfer.row;
    const body = await client.read(
      { nodeId, transferId, fileIndex, from: source.from, to: source.to, epoch },
      source.signal,
    );
    try {
      for await (const bytes of body.bytes) yield { bytes: [bytes], release: () => {} };
    } finally {
      body.close();
    }
  }

  /** "Sealed: go on at the next byte from another holder." An open file is read at its home only. */
  #holder(transfer: RunningTransfer, file: RunningFile, attempt: number): string {
    const { homeNodeId, replicaNodeId } = transfer.row;
    return file.isSealed && attempt % 2 === 1 && replicaNodeId !== null ? replicaNodeId : homeNodeId;
  }

  async #isCopyHere(transfer: RunningTransfer, file: RunningFile): Promise<boolean> {
    const { engine } = this.#deps;
    if (!file.isSealed || transfer.row.replicaNodeId !== engine.nodeId) return false;
    return engine.holdsAll(transfer, file);
  }
}

/** A fault that another node, or a moment, may cure. What the row says (ended, expired) it may not. */
function mayPass(fault: unknown): boolean {
  const type = typeOfFault(fault);
  if (type === 'internal' || type === 'not_found' || type === 'damaged') return true;
  return ERROR_TYPES[type].status === 503 || type === 'moved' || type === 'stale_epoch';
}

/** Why a request could not be forwarded, in a client's terms. */
export function forwardFault(fault: unknown): unknown {
  const type = typeOfFault(fault);
  if (type !== 'moved' && type !== 'stale_epoch' && type !== 'unavailable') return fault;
  return new PeerLinkError(
    'unavailable',
    'The node that holds this transfer is changing. Ask for the status and go on.',
    {
      cause: fault,
      retryAfterSeconds: 1,
    },
  );
}
