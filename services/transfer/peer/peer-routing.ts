import { setTimeout as delay } from 'node:timers/promises';
import { ERROR_TYPES, PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { PutRunResponse } from '../../contracts/http.ts';
import type { ForwardedRun, RunBody } from '../data-plane/deps.ts';
import type { Piece, PieceSource } from '../data-plane/pieces.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import type { PromoteOutcome, ReplicaSide } from '../replication/replica-side.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import type { PeerClient } from './peer-client.ts';
import { noAnswer } from './peer-faults.ts';
import { PeerLiveness } from './peer-liveness.ts';
import { watchProgress } from './progress-watch.ts';

/** A frozen node is found after 3 s, and its replica takes over within the next; then the reader is told. */
const GIVE_UP_MS = 12_000;
const TRY_AGAIN_MS = 100;
/** A run that comes while another node takes over waits for it so long; then its client is told to come again. */
const TAKE_OVER_MS = 3_000;

export interface PeerRoutingDeps {
  readonly engine: TransferEngine;
  readonly client: PeerClient;
  readonly replica: ReplicaSide;
}

/** "Any node takes any chunk and serves any byte of any transfer": how this node reaches the one that has it. */
export class PeerRouting {
  readonly #deps: PeerRoutingDeps;
  readonly #liveness: PeerLiveness;
  readonly #recovering = new Map<string, Promise<void>>();

  constructor(deps: PeerRoutingDeps) {
    this.#deps = deps;
    this.#liveness = new PeerLiveness((nodeId, deadlineMs) => deps.client.probe(nodeId, deadlineMs));
  }

  isHere(transfer: RunningTransfer): boolean {
    return transfer.row.homeNodeId === this.#deps.engine.nodeId;
  }

  /**
   * Streams a client's run to the home. @throws what the home answered; moved or unavailable, with the time after which
   * the client should ask for the status and go on, when the home broke in the middle; ClientGone
   */
  async forwardRun(transfer: RunningTransfer, run: ForwardedRun, body: RunBody): Promise<PutRunResponse> {
    const takeOver = this.#recovering.get(transfer.row.id);
    if (takeOver !== undefined) await atMost(takeOver, TAKE_OVER_MS);
    const { id, homeNodeId, epoch } = transfer.row;
    try {
      if (this.isHere(transfer)) throw comeAgain('The transfer is at home here now.', null);
      const target = { nodeId: homeNodeId, transferId: id, epoch, ...run };
      return await this.#deps.client.forwardRun(target, body, () => this.#isGone(transfer, homeNodeId));
    } catch (fault) {
      const type = typeOfFault(fault);
      if (type !== 'unavailable' && type !== 'moved' && type !== 'stale_epoch') throw fault;
      void this.recover(transfer);
      throw forClient(fault);
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
    let movedAtMs = performance.now();
    const failed = new Set<string>();
    for (;;) {
      const nodeId = await this.#holderOf(transfer, file, failed);
      try {
        for await (const piece of this.#piecesFrom(nodeId, { ...source, from: position })) {
          const lengthBytes = piece.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
          if (lengthBytes > 0) {
            position += lengthBytes;
            movedAtMs = performance.now();
            failed.clear();
          }
          yield piece;
        }
        if (file.row.sizeBytes === null) await engine.reread(transfer);
        const end = source.to ?? file.row.sizeBytes;
        if (end === null || position === end) return;
        throw noAnswer(new Error(`the body ended at ${position}, wanted ${end}`));
      } catch (fault) {
        signal.throwIfAborted();
        const wasTried = failed.has(nodeId);
        failed.add(nodeId);
        const mayGoOn = mayPass(fault) && performance.now() - movedAtMs < GIVE_UP_MS;
        // Damage does not pass with time: when each copy has it, the chunk is named.
        if (!mayGoOn || (wasTried && typeOfFault(fault) === 'damaged')) throw fault;
        await this.recover(transfer);
        transfer.assertReadable(engine.nowMs);
        signal.throwIfAborted();
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
    const { engine } = this.#deps;
    await engine.reread(transfer);
    const { row } = transfer;
    if (this.isHere(transfer) || row.state !== 'open' || row.replicaState !== 'in_sync') return;
    // Only a suspicion, so shorter than the replica's own probe, which decides.
    if (await this.#liveness.isAlive(row.homeNodeId)) return;
    await this.#askForPromotion(transfer);
    await engine.reread(transfer);
  }

  async #askForPromotion(transfer: RunningTransfer): Promise<PromoteOutcome | null> {
    const { engine, client, replica } = this.#deps;
    const { id, homeNodeId, replicaNodeId, epoch } = transfer.row;
    if (replicaNodeId === null) return null;
    if (replicaNodeId !== engine.nodeId) return client.promote(replicaNodeId, id, epoch, { isAdoption: false });
    const here = await engine.replicaTransfer(id);
    return replica.promote(here, async () => (await client.probe(homeNodeId)) === 'alive');
  }

  /**
   * Whether a stream to or from a node that stands still should be given up: the node is not home any more, or answers
   * nobody here. "A gateway cut off from the home only: the replica says home_alive; that gateway answers 503."
   */
  async #isGone(transfer: RunningTransfer, nodeId: string): Promise<boolean> {
    if (await this.#liveness.isAlive(nodeId)) return false;
    if (transfer.row.homeNodeId === nodeId) await this.recover(transfer);
    if (transfer.row.state === 'open' && transfer.row.homeNodeId !== nodeId) return true;
    return (await this.#deps.client.probe(nodeId)) !== 'alive';
  }

  /** "Sealed: go on at the next byte from another holder." An open file is read at its home only. */
  async #holderOf(transfer: RunningTransfer, file: RunningFile, failed: ReadonlySet<string>): Promise<string> {
    const { nodeId } = this.#deps.engine;
    const { homeNodeId, replicaNodeId } = transfer.row;
    if (!file.isSealed || homeNodeId === nodeId) return homeNodeId;
    const holders = [homeNodeId];
    if (replicaNodeId !== null && replicaNodeId !== nodeId) holders.push(replicaNodeId);
    // "Any holder may serve sealed files whose values merge to the row's digest": also a former home, or a replica that
    // the row names no more.
    if (await this.#deps.engine.holdsAll(transfer, file)) holders.unshift(nodeId);
    const isDoubtful = (id: string) => Number(failed.has(id)) * 2 + Number(this.#liveness.isDoubtful(id));
    const [best = homeNodeId] = holders.sort((a, b) => isDoubtful(a) - isDoubtful(b));
    return best;
  }

  async *#piecesFrom(nodeId: string, source: PieceSource): AsyncGenerator<Piece, void, void> {
    const { transfer, file, from, to, signal } = source;
    if (nodeId === this.#deps.engine.nodeId) {
      yield* readPieces(source);
      return;
    }
    const { id: transferId, epoch } = transfer.row;
    const target = { nodeId, transferId, fileIndex: file.row.index, from, to, epoch };
    const reading = await this.#deps.client.read(target, signal).catch((fault: unknown) => {
      this.#liveness.doubt(nodeId);
      throw fault;
    });
    const stopWatching = watchProgress({
      progress: () => reading.progress,
      isGone: () => this.#isGone(transfer, nodeId),
      onGone: () => reading.break(noAnswer(null)),
    });
    try {
      // The node has it, and perhaps waits for its bytes: whoever reads may be told so.
      yield { bytes: [], release: () => {} };
      for (let piece = await reading.next(); piece !== null; piece = await reading.next()) yield piece;
    } catch (fault) {
      throw fault instanceof PeerLinkError ? fault : noAnswer(fault);
    } finally {
      stopWatching();
      reading.break(new Error('nobody reads any more'));
    }
  }
}

/** A fault that another node, or a moment, may cure. What the row says (ended, expired) it may not. */
function mayPass(fault: unknown): boolean {
  const type = typeOfFault(fault);
  if (type === 'internal' || type === 'not_found' || type === 'damaged') return true;
  return ERROR_TYPES[type].status === 503 || type === 'moved' || type === 'stale_epoch';
}

/** Why a run could not be forwarded, in a client's terms: it asks for the status and goes on. */
function forClient(fault: unknown): PeerLinkError {
  const type = typeOfFault(fault) === 'unavailable' ? 'unavailable' : 'moved';
  const known = fault instanceof PeerLinkError ? fault : null;
  return new PeerLinkError(type, 'The node that holds this transfer is changing. Ask for the status and go on.', {
    cause: fault,
    retryAfterSeconds: Math.max(1, known?.retryAfterSeconds ?? 1),
    ...(known?.data === undefined ? {} : { data: known.data }),
  });
}

function comeAgain(message: string, cause: unknown): PeerLinkError {
  return new PeerLinkError('moved', message, { cause, retryAfterSeconds: 1 });
}

async function atMost(work: Promise<void>, ms: number): Promise<void> {
  const stop = new AbortController();
  const late = delay(ms, undefined, { signal: stop.signal }).catch(() => {});
  await Promise.race([work, late]);
  stop.abort();
}
