import { setTimeout as delay } from 'node:timers/promises';
import { ERROR_TYPES, PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { PutRunResponse } from '../../contracts/http.ts';
import { MIB } from '../../contracts/limits.ts';
import type { ForwardedRun, RunBody } from '../data-plane/deps.ts';
import type { Piece, PieceSource } from '../data-plane/pieces.ts';
import { readPieces } from '../data-plane/read-pieces.ts';
import { KeptPieces } from '../data-plane/reader-memory.ts';
import type { PromoteOutcome, ReplicaSide } from '../replication/replica-side.ts';
import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import { OtherHolders, type OtherHoldersDeps } from './other-holders.ts';
import { Outage } from './outage.ts';
import type { PeerClient, PeerReading } from './peer-client.ts';
import { noAnswer } from './peer-faults.ts';
import { PeerLiveness } from './peer-liveness.ts';
import { watchProgress } from './progress-watch.ts';
import { toldOf } from './told-file.ts';

/** A frozen node's replica takes over within 4.5 s; another one may follow. Then the reader is told. */
const GIVE_UP_MS = 12_000;
const TRY_AGAIN_MS = 100;
/** What a stream from another node may have that its client has not taken: blocks of 1 MiB, 2 MiB full and one being filled. */
const PEER_READ_BYTES = 3 * MIB;
/** The replica's own probe, 3 s, and its statement. So long a run waits that comes while another node takes over. */
const TAKE_OVER_MS = 4_000;
/** A home that lives answers in a few milliseconds. */
const ANSWERS_AT_ONCE_MS = 250;

export interface PeerRoutingDeps extends Pick<OtherHoldersDeps, 'nodeIds' | 'answeringNodeIds'> {
  readonly engine: TransferEngine;
  readonly client: Pick<PeerClient, 'probe' | 'promote' | 'forwardRun' | 'read' | 'holds'>;
  readonly replica: Pick<ReplicaSide, 'promote'>;
  /** Without one: 12 s. */
  readonly giveUpMs?: number;
}

/** Where one reader has tried. */
interface Attempts {
  readonly failed: Set<string>;
  /** A node that may have the file did not answer, when all were asked. */
  isSomebodySilent: boolean;
}

/** One attempt to find out who has a transfer, shared by all who ask for it. */
interface Recovery {
  readonly done: Promise<void>;
  /** The home that was known when it began answers this node. */
  readonly isHomeAlive: Promise<boolean>;
}

/** "Any node takes any chunk and serves any byte of any transfer": how this node reaches the one that has it. */
export class PeerRouting {
  readonly #deps: PeerRoutingDeps;
  readonly #liveness: PeerLiveness;
  readonly #others: OtherHolders;
  readonly #recovering = new Map<string, Recovery>();

  constructor(deps: PeerRoutingDeps) {
    this.#deps = deps;
    this.#liveness = new PeerLiveness((nodeId, deadlineMs) => deps.client.probe(nodeId, deadlineMs));
    this.#others = new OtherHolders({
      nodeId: deps.engine.nodeId,
      nodeIds: deps.nodeIds,
      answeringNodeIds: deps.answeringNodeIds,
      holds: (nodeId, { row }, file, signal) => {
        const told = toldOf(row, file.row);
        const { id: transferId, epoch } = row;
        return deps.client.holds({ nodeId, transferId, fileIndex: file.row.index, epoch, told }, signal);
      },
    });
  }

  isHere(transfer: RunningTransfer): boolean {
    return transfer.row.homeNodeId === this.#deps.engine.nodeId;
  }

  /**
   * Streams a client's run to the home. @throws what the home answered; moved or unavailable, with the time after which
   * the client should ask for the status and go on, when the home broke in the middle; ClientGone
   */
  async forwardRun(transfer: RunningTransfer, run: ForwardedRun, body: RunBody): Promise<PutRunResponse> {
    const recovery = this.#recovering.get(transfer.row.id);
    if (recovery !== undefined && !(await recovery.isHomeAlive)) await atMost(recovery.done, TAKE_OVER_MS);
    const { id, homeNodeId, epoch } = transfer.row;
    try {
      if (this.isHere(transfer)) throw forClient(null, true);
      const target = { nodeId: homeNodeId, transferId: id, epoch, ...run };
      return await this.#deps.client.forwardRun(target, body, this.#watchOf(transfer, homeNodeId, null));
    } catch (fault) {
      const type = typeOfFault(fault);
      if (type !== 'unavailable' && type !== 'moved' && type !== 'stale_epoch') throw fault;
      const isKnown = transfer.row.homeNodeId !== homeNodeId;
      if (!isKnown) void this.recover(transfer);
      throw forClient(fault, isKnown);
    }
  }

  /**
   * The bytes of a range, from here or from whichever node has them, going on elsewhere at the next byte when one
   * dies. @throws what the last node said, after 12 s in which none could be read from
   */
  async *readAnywhere(source: PieceSource): AsyncGenerator<Piece, void, void> {
    const { transfer, file, signal } = source;
    const { engine, giveUpMs = GIVE_UP_MS } = this.#deps;
    let position = source.from;
    // Of what is sealed no byte can be lost and sent anew.
    const generation = file.isSealed ? null : transfer.row.generation;
    // "The generation rises if committed chunks were lost": one of them may have been read, and come again otherwise.
    const isOther = () => generation !== null && generation !== transfer.row.generation && position > source.from;
    const outage = new Outage();
    const attempts: Attempts = { failed: new Set(), isSomebodySilent: false };
    const { failed } = attempts;
    // Whether the generation is to be looked at anew: a home that has lost chunks raises it before it answers, perhaps only now.
    let isGoingOn = false;
    for (;;) {
      const nodeId = await this.#holderOf(transfer, file, attempts);
      try {
        for await (const piece of this.#piecesFrom(nodeId, { ...source, from: position })) {
          if (isGoingOn) {
            await engine.reread(transfer);
            if (isOther()) throw noAnswer(null);
            isGoingOn = false;
          }
          const lengthBytes = piece.bytes.reduce((sum, bytes) => sum + bytes.length, 0);
          outage.answered();
          if (lengthBytes > 0) {
            position += lengthBytes;
            outage.moved();
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
        const isDamaged = typeOfFault(fault) === 'damaged';
        const isDoubtful = isDamaged && attempts.isSomebodySilent;
        // Damage does not pass with time: when each copy has it, the chunk is named. One that is silent may be whole.
        const isFinal = wasTried && isDamaged && !isDoubtful;
        const mayGoOn = mayPass(fault) && !isFinal && outage.failed() < giveUpMs;
        if (!mayGoOn) throw isDoubtful ? noAnswer(fault) : fault;
        await this.recover(transfer);
        transfer.assertReadable(engine.nowMs);
        if (isOther()) throw noAnswer(fault);
        isGoingOn = generation !== null && position > source.from;
        signal.throwIfAborted();
        await delay(TRY_AGAIN_MS);
      }
    }
  }

  /**
   * Finds out who has the transfer now: re-reads the row and asks the replica to take over, which does so only if its
   * own probe of the home fails. Bus silence alone never promotes anything. Repeatable; several callers share one
   * attempt.
   */
  recover(transfer: RunningTransfer): Promise<void> {
    const { id, homeNodeId } = transfer.row;
    let recovery = this.#recovering.get(id);
    if (recovery === undefined) {
      const isHomeAlive = this.isHere(transfer) ? Promise.resolve(true) : this.#liveness.isAlive(homeNodeId);
      const done = this.#recover(transfer, isHomeAlive)
        .catch((fault: unknown) => this.#deps.engine.reportFault('recover', fault))
        .finally(() => this.#recovering.delete(id));
      recovery = { done, isHomeAlive };
      this.#recovering.set(id, recovery);
    }
    return recovery.done;
  }

  async #recover(transfer: RunningTransfer, isHomeAlive: Promise<boolean>): Promise<void> {
    const { engine } = this.#deps;
    const { homeNodeId } = transfer.row;
    await engine.reread(transfer);
    const { row } = transfer;
    if (row.homeNodeId !== homeNodeId || this.isHere(transfer) || row.state !== 'open') return;
    if (row.replicaState !== 'in_sync') return;
    // Both probe at the same time. A home that answers here may be cut off from the replica and from the database, and
    // then cannot commit: only the replica's own probe finds that out.
    let isHomeThere = false;
    const asked = this.#askForPromotion(transfer).then((outcome) => {
      isHomeThere = outcome?.kind === 'home_alive';
    });
    // A replica that cannot be asked is no fault while its home lives.
    const tried = asked.catch(() => {});
    if (await isHomeAlive) await atMost(tried, TAKE_OVER_MS);
    else await asked;
    if (!isHomeThere) await engine.reread(transfer);
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
   * When a stream to or from a node that stands still is given up: the node is not home any more, or answers nobody
   * here. "A gateway cut off from the home only: the replica says home_alive; that gateway answers 503."
   * @param file what is read; null for a run
   */
  #watchOf(transfer: RunningTransfer, nodeId: string, file: RunningFile | null) {
    // What is sealed is read wherever it is whole.
    const hasLeft = () =>
      file?.isSealed !== true && transfer.row.state === 'open' && transfer.row.homeNodeId !== nodeId;
    const isGone = async () => {
      const isAlive = this.#liveness.isAlive(nodeId);
      const isHome = transfer.row.state === 'open' && transfer.row.homeNodeId === nodeId;
      // A read of what is still being sent may well stand still; a run does so when its home cannot commit.
      if (isHome && (file === null || !(await isSoon(isAlive, ANSWERS_AT_ONCE_MS)))) await this.recover(transfer);
      if (hasLeft()) return true;
      if (await isAlive) return false;
      // Where nobody else has it, leaving would gain nothing: once more, for longer.
      return transfer.row.replicaNodeId !== null || (await this.#deps.client.probe(nodeId)) !== 'alive';
    };
    return { hasLeft, isGone };
  }

  /** "Sealed: go on at the next byte from another holder." An open file is read at its home only. */
  async #holderOf(transfer: RunningTransfer, file: RunningFile, attempts: Attempts): Promise<string> {
    const { nodeId } = this.#deps.engine;
    const { failed } = attempts;
    const { homeNodeId, replicaNodeId } = transfer.row;
    // A home that has lost the file, or its list, is one holder less.
    if (!file.isSealed || (homeNodeId === nodeId && !failed.has(nodeId))) return homeNodeId;
    const holders = [homeNodeId];
    if (replicaNodeId !== null && replicaNodeId !== nodeId) holders.push(replicaNodeId);
    // "Any holder may serve sealed files whose values merge to the row's digest": also a former home, or a replica that
    // the row names no more.
    if (homeNodeId !== nodeId && (await this.#deps.engine.holdsAll(transfer, file))) holders.unshift(nodeId);
    if (holders.every((id) => failed.has(id))) {
      const found = await this.#others.find(transfer, file, failed);
      attempts.isSomebodySilent = found.isSomebodySilent;
      if (found.nodeId !== null) return found.nodeId;
    }
    // One that failed this very reader is a worse choice than one that failed somebody.
    const doubtOf = (id: string) => Number(failed.has(id)) * 2 + Number(this.#liveness.isDoubtful(id));
    const [best = homeNodeId] = holders.sort((a, b) => doubtOf(a) - doubtOf(b));
    return best;
  }

  async *#piecesFrom(nodeId: string, source: PieceSource): AsyncGenerator<Piece, void, void> {
    const { transfer, file, from, to, requestId, signal } = source;
    if (nodeId === this.#deps.engine.nodeId) {
      yield* readPieces(source);
      return;
    }
    const { id: transferId, epoch } = transfer.row;
    const asked = requestId === undefined ? {} : { requestId };
    const told = toldOf(transfer.row, file.row);
    const target = { nodeId, transferId, fileIndex: file.row.index, from, to, epoch, told, ...asked };
    const gone = new AbortController();
    let reading: PeerReading | null = null;
    // From before the head: a node that is cut off takes no connection, a frozen one answers nothing on it.
    const stopWatching = watchProgress({
      ...this.#watchOf(transfer, nodeId, file),
      progress: () => (reading === null ? 0 : reading.progress),
      onGone: () => gone.abort(noAnswer(null)),
    });
    const share = source.deps.readers.enter(source.cut);
    const kept = new KeptPieces(share, PEER_READ_BYTES);
    let isDrained = false;
    try {
      await share.borrow(PEER_READ_BYTES, signal);
      reading = await this.#deps.client.read(target, AbortSignal.any([signal, gone.signal]));
      // The node has it, and perhaps waits for its bytes: whoever reads may be told so.
      yield { bytes: [], release: () => {} };
      for (let piece = await reading.next(); piece !== null; piece = await reading.next()) yield kept.add(piece);
      isDrained = true;
    } catch (fault) {
      if (reading === null) this.#liveness.doubt(nodeId);
      throw fault instanceof PeerLinkError ? fault : noAnswer(fault);
    } finally {
      stopWatching();
      reading?.break(new Error('nobody reads any more'));
      kept.end(isDrained);
    }
  }
}

/** A fault that another node, or a moment, may cure. What the row says (ended, expired) it may not. */
function mayPass(fault: unknown): boolean {
  const type = typeOfFault(fault);
  if (type === 'internal' || type === 'not_found' || type === 'damaged') return true;
  return ERROR_TYPES[type].status === 503 || type === 'moved' || type === 'stale_epoch';
}

/**
 * Why a run could not be forwarded, in a client's terms: it asks for the status and goes on, at once where it is known
 * by now who has the transfer.
 */
function forClient(fault: unknown, isNewHomeKnown: boolean): PeerLinkError {
  const type = typeOfFault(fault) === 'unavailable' && !isNewHomeKnown ? 'unavailable' : 'moved';
  const known = fault instanceof PeerLinkError ? fault : null;
  return new PeerLinkError(type, 'The node that holds this transfer is changing. Ask for the status and go on.', {
    cause: fault,
    retryAfterSeconds: isNewHomeKnown ? 0 : Math.max(1, known?.retryAfterSeconds ?? 1),
    ...(known?.data === undefined ? {} : { data: known.data }),
  });
}

/** Resolves with the work, or after so long. @throws what the work throws in that time */
async function atMost(work: Promise<unknown>, ms: number): Promise<void> {
  const stop = new AbortController();
  const late = delay(ms, undefined, { signal: stop.signal }).catch(() => {});
  await Promise.race([work, late]).finally(() => stop.abort());
}

/** Whether it says yes in this time. */
async function isSoon(question: Promise<boolean>, ms: number): Promise<boolean> {
  let said = false;
  await atMost(
    question.then((answer) => (said = answer)),
    ms,
  );
  return said;
}
