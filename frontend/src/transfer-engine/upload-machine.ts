/**
 * Decides what an upload does next. Events in, effects out: no clock, socket, file or timer of its own, so that every
 * order of answers, cuts and clicks can be tried in a test. The shell (upload-session.ts) performs the effects and
 * sends a `tick` a few times a second.
 */
import type { PutRunResponse, TransferState, TransferStatusResponse } from '../../../services/contracts/http.ts';
import { backoffMs } from './backoff.ts';
import { CELL, ChunkMap, type ChunkRange, type EngineFile, type PlannedRun } from './chunk-map.ts';
import { type Fault, isOfNode, type Remedy, remedyFor } from './fault.ts';
import { FIRST_RUN_BYTES, nextRunBytes } from './run-size.ts';

export interface MachineConfig {
  readonly files: readonly EngineFile[];
  readonly maxRunBytes: number;
  /** Runs in flight at once; asked whenever one may begin, since it depends on where they go. */
  readonly window: () => number;
  /** Whether another node may take over from one that is lost, as far as is known now. */
  readonly hasOthers: () => boolean;
  readonly ackTimeoutMs: number;
  /** Failures in a row without progress before the person is asked. */
  readonly maxRetries: number;
  readonly random: () => number;
  /** A direct send that nobody has answered yet: nothing is sent before somebody accepts. */
  readonly awaitsAnswer?: boolean;
}

export type UploadPhase =
  /** Asking the server which chunks it has. */
  | { readonly name: 'checking' }
  | { readonly name: 'sending' }
  /** No recipient has accepted yet: goes on when told so, and looks by itself now and then. */
  | { readonly name: 'asking' }
  /** The server asked for patience, or a retry is due; goes on by itself. */
  | { readonly name: 'waiting'; readonly fault: Fault }
  /** The node went away; another one is being found, or was. */
  | { readonly name: 'moving' }
  /** No connection; goes on by itself. */
  | { readonly name: 'offline' }
  | { readonly name: 'paused' }
  /** Retries are used up; the person says when to go on. */
  | { readonly name: 'stalled'; readonly fault: Fault }
  | { readonly name: 'sealed' }
  | { readonly name: 'ended'; readonly fault: Fault | null }
  | { readonly name: 'failed'; readonly fault: Fault }
  | { readonly name: 'cancelled' };

export type UploadEvent =
  | { readonly type: 'start' }
  | { readonly type: 'tick' }
  | { readonly type: 'run_moved'; readonly runId: number; readonly sentBytes: number }
  | { readonly type: 'run_answered'; readonly runId: number; readonly answer: PutRunResponse }
  | { readonly type: 'run_failed'; readonly runId: number; readonly fault: Fault }
  /** `hasMoved`: another node than the one that runs went to so far answered it. */
  | { readonly type: 'status'; readonly answer: TransferStatusResponse; readonly hasMoved?: boolean }
  | { readonly type: 'status_failed'; readonly fault: Fault }
  /** Heard over the socket: sooner than the run's own answer. */
  | { readonly type: 'committed'; readonly fileIndex: number; readonly ranges: readonly ChunkRange[] }
  | { readonly type: 'transfer_state'; readonly state: TransferState }
  /** A recipient of a direct send wants it. */
  | { readonly type: 'accepted' }
  /** Another node answered where the present one did not. */
  | { readonly type: 'moved' }
  | { readonly type: 'network_lost' }
  | { readonly type: 'network_back' }
  | { readonly type: 'pause' }
  | { readonly type: 'resume' }
  | { readonly type: 'cancel' };

export type UploadEffect =
  | { readonly type: 'send'; readonly runId: number; readonly run: PlannedRun }
  | { readonly type: 'abort'; readonly runId: number }
  | { readonly type: 'ask_status' }
  /** Nothing moved for PROBE_AFTER_MS: see whether another node answers. */
  | { readonly type: 'probe' };

export const PROBE_AFTER_MS = 3_000;
/** Moving again and again helps nobody on a line that is merely slow: each time without progress waits twice as long. */
const PROBE_AFTER_MOST_MS = 30_000;
/** Failures in a row that are taken for a node that went away while others are there; then it looks like the line. */
const MOVES_IN_A_ROW = 4;
/** A person takes their time, and is heard of sooner over the socket: this is for pages whose socket is gone. */
export const ASK_AGAIN_MS = 10_000;
/** Another node may answer sooner than this one hopes to. */
const ASKED_PATIENCE_MS = 1_000;

interface RunInFlight {
  readonly run: PlannedRun;
  readonly startedMs: number;
  /** Failures count once per round, however many runs were in flight when the line broke. */
  readonly round: number;
  sentBytes: number;
  movedMs: number;
}

/** Phases in which bytes move or will by themselves. */
export const GOING_ON: ReadonlySet<string> = new Set<UploadPhase['name']>([
  'checking',
  'sending',
  'asking',
  'waiting',
  'moving',
  'offline',
]);
const OVER: ReadonlySet<UploadPhase['name']> = new Set(['sealed', 'ended', 'failed', 'cancelled']);

export class UploadMachine {
  readonly map: ChunkMap;
  phase: UploadPhase = { name: 'checking' };
  /** Per file, once sealed. */
  digests: readonly (string | null)[] = [];
  readonly #config: MachineConfig;
  readonly #runs = new Map<number, RunInFlight>();
  #nextRunId = 1;
  #runBytes: number;
  #needsStatus = true;
  #isStatusAsked = false;
  /** Nothing was on the way when it was asked, and all of it counted as stored: the answer knows better than that. */
  #isLastWordAsked = false;
  #generation: number | null = null;
  #failures = 0;
  #retries = 0;
  #round = 0;
  #isAccepted = false;
  #nextTryMs = 0;
  #movedMs = 0;
  #probedMs = 0;
  #probeAfterMs = PROBE_AFTER_MS;

  constructor(config: MachineConfig) {
    this.#config = config;
    this.map = new ChunkMap(config.files);
    this.#runBytes = Math.min(FIRST_RUN_BYTES, config.maxRunBytes);
  }

  get isOver(): boolean {
    return OVER.has(this.phase.name);
  }

  /** Goes on by itself. */
  get isGoingOn(): boolean {
    return GOING_ON.has(this.phase.name);
  }

  /** The server has said what is stored: before that, nothing of it is known here. */
  get isStoredKnown(): boolean {
    return this.#generation !== null;
  }

  get runsInFlight(): number {
    return this.#runs.size;
  }

  /** Bytes that left this machine in runs that are not answered yet. */
  get sentUnansweredBytes(): number {
    let bytes = 0;
    for (const { run, sentBytes } of this.#runs.values()) {
      let storedBytes = 0;
      for (let chunk = run.firstChunk; chunk < run.endChunk; chunk++) {
        if (this.map.stateOf(run.fileIndex, chunk) !== CELL.stored) continue;
        storedBytes += this.map.bytesOf(run.fileIndex, chunk, chunk + 1);
      }
      // What was heard to be stored is counted there already.
      bytes += Math.max(0, sentBytes - storedBytes);
    }
    return bytes;
  }

  /** Runs are in flight and nothing has moved for PROBE_AFTER_MS. */
  isStuck(nowMs: number): boolean {
    return this.#runs.size > 0 && nowMs - this.#movedMs >= PROBE_AFTER_MS;
  }

  handle(event: UploadEvent, nowMs: number): UploadEffect[] {
    if (this.isOver) return [];
    const effects: UploadEffect[] = [];
    this.#take(event, nowMs, effects);
    this.#pump(nowMs, effects);
    return effects;
  }

  #take(event: UploadEvent, nowMs: number, effects: UploadEffect[]): void {
    switch (event.type) {
      case 'start':
        this.#movedMs = nowMs;
        if (this.#config.awaitsAnswer) this.#awaitAnswer(nowMs, effects);
        return;
      case 'tick':
        this.#tick(nowMs, effects);
        return;
      case 'run_moved':
        this.#runMoved(event.runId, event.sentBytes, nowMs);
        return;
      case 'run_answered':
        this.#runAnswered(event.runId, event.answer, nowMs);
        return;
      case 'run_failed':
        this.#runFailed(event.runId, event.fault, nowMs, effects);
        return;
      case 'status':
        this.#statusCame(event.answer, event.hasMoved ?? false, nowMs, effects);
        return;
      case 'status_failed':
        this.#statusFailed(event.fault, nowMs, effects);
        return;
      case 'committed':
        this.#committed(event.fileIndex, event.ranges, nowMs);
        return;
      case 'transfer_state':
        if (event.state === 'open') return;
        this.#needsStatus = true;
        if (this.phase.name === 'asking') this.#tryAt(nowMs);
        return;
      case 'accepted':
        // Told again and again, it would knock again and again.
        if (this.#isAccepted) return;
        this.#isAccepted = true;
        if (this.phase.name === 'asking') this.#tryAt(nowMs);
        return;
      case 'moved':
        this.#moved(nowMs, effects);
        return;
      case 'network_lost':
        // Only a hint: a server on this very machine is reachable without a network. The status request tells.
        if (GOING_ON.has(this.phase.name)) this.#recheck(nowMs, effects);
        return;
      case 'network_back':
        this.#failures = 0;
        // Another network may let through what this one did not.
        if (this.phase.name === 'stalled' && this.phase.fault.kind === 'timeout') this.#resume(nowMs);
        else this.#tryAt(nowMs);
        return;
      case 'pause':
        if (GOING_ON.has(this.phase.name) || this.phase.name === 'stalled') this.#stop({ name: 'paused' }, effects);
        return;
      case 'resume':
        this.#resume(nowMs);
        return;
      case 'cancel':
        this.#stop({ name: 'cancelled' }, effects);
        return;
    }
  }

  /** Sends what may be sent now. The only place where runs begin. */
  #pump(nowMs: number, effects: UploadEffect[]): void {
    if (!GOING_ON.has(this.phase.name) || nowMs < this.#nextTryMs) return;
    if (this.#needsStatus || (this.map.isComplete && this.#runs.size === 0)) {
      if (!this.#isStatusAsked) {
        this.#isStatusAsked = true;
        this.#isLastWordAsked = this.map.isComplete && this.#runs.size === 0;
        effects.push({ type: 'ask_status' });
      }
      return;
    }
    // What is on the way again is said once something has moved.
    const isAsking = this.phase.name === 'asking' && !this.#isAccepted;
    if (!isAsking && this.phase.name !== 'sending' && this.phase.name !== 'moving') this.phase = { name: 'sending' };
    // Whether somebody has accepted unheard, a single chunk finds out.
    while (this.#runs.size < (isAsking ? 1 : this.#config.window())) {
      const run = this.map.nextRun(isAsking ? 1 : this.#runBytes);
      if (!run) return;
      this.map.mark(run.fileIndex, run.firstChunk, run.endChunk, CELL.inFlight);
      const runId = this.#nextRunId++;
      this.#runs.set(runId, { run, startedMs: nowMs, movedMs: nowMs, round: this.#round, sentBytes: 0 });
      effects.push({ type: 'send', runId, run });
    }
  }

  #tick(nowMs: number, effects: UploadEffect[]): void {
    if (this.#runs.size === 0) return;
    if (nowMs - this.#movedMs >= this.#probeAfterMs && nowMs - this.#probedMs >= PROBE_AFTER_MS) {
      this.#probedMs = nowMs;
      effects.push({ type: 'probe' });
    }
    for (const [runId, flight] of this.#runs) {
      // While others move, a run may be waiting for its turn on a connection: it gets three times as long.
      const patienceMs = this.#config.ackTimeoutMs * (nowMs - this.#movedMs < this.#config.ackTimeoutMs ? 3 : 1);
      if (nowMs - flight.movedMs < patienceMs) continue;
      effects.push({ type: 'abort', runId });
      this.#runFailed(runId, { kind: 'timeout' }, nowMs, effects);
      if (!GOING_ON.has(this.phase.name)) return;
    }
  }

  #runMoved(runId: number, sentBytes: number, nowMs: number): void {
    const flight = this.#runs.get(runId);
    if (!flight || sentBytes <= flight.sentBytes) return;
    flight.sentBytes = sentBytes;
    flight.movedMs = nowMs;
    this.#movedMs = nowMs;
  }

  #runAnswered(runId: number, answer: PutRunResponse, nowMs: number): void {
    const flight = this.#runs.get(runId);
    if (!flight) return;
    this.#runs.delete(runId);
    const { fileIndex, firstChunk, endChunk, sizeBytes } = flight.run;
    this.map.mark(fileIndex, firstChunk, endChunk, CELL.stored);
    this.#runBytes = nextRunBytes(this.#runBytes, sizeBytes, nowMs - flight.startedMs, this.#config.maxRunBytes);
    this.#progressed(nowMs);
    // Sealed: the digests of all files come with the status. Ended: the status says why.
    if (answer.state !== 'open') this.#needsStatus = true;
  }

  #runFailed(runId: number, fault: Fault, nowMs: number, effects: UploadEffect[]): void {
    const flight = this.#runs.get(runId);
    if (!flight) return;
    this.#runs.delete(runId);
    this.map.release(flight.run.fileIndex, flight.run.firstChunk, flight.run.endChunk);
    // Part of the body may be committed: nothing of it is sent again before the server has said what it has.
    this.#needsStatus = true;
    const isFirstOfRound = flight.round === this.#round;
    if (isFirstOfRound) this.#round++;
    this.#applyFault(fault, isFirstOfRound, nowMs, effects);
  }

  #statusFailed(fault: Fault, nowMs: number, effects: UploadEffect[]): void {
    if (!this.#isStatusAsked) return;
    this.#isStatusAsked = false;
    if (!GOING_ON.has(this.phase.name)) return;
    // Nobody says what is stored: that is no chunk's fault but a line or a server that is away, however silently.
    this.#applyFault(fault, true, nowMs, effects, fault.kind === 'timeout' ? 'reconnect' : remedyFor(fault));
  }

  #applyFault(
    fault: Fault,
    counts: boolean,
    nowMs: number,
    effects: UploadEffect[],
    remedy: Remedy = remedyFor(fault),
  ): void {
    if (fault.kind === 'problem' && fault.type === 'not_accepted') {
      this.#awaitAnswer(nowMs, effects);
      return;
    }
    if (remedy === 'end') {
      this.#stop({ name: 'ended', fault }, effects);
      return;
    }
    if (remedy === 'fail') {
      this.#stop({ name: 'failed', fault }, effects);
      return;
    }
    if (remedy === 'ask') {
      this.#stop({ name: 'stalled', fault }, effects);
      return;
    }
    if (!counts) return;
    const attempt = this.#failures++;
    const mayMove = this.#config.hasOthers() && attempt < MOVES_IN_A_ROW && isOfNode(fault);
    const wishedMs = fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0;
    const askedMs = mayMove ? Math.min(wishedMs, ASKED_PATIENCE_MS) : wishedMs;
    this.#tryAt(Math.max(this.#nextTryMs, nowMs + Math.max(askedMs, backoffMs(attempt, this.#config.random))));
    if (mayMove) {
      this.phase = { name: 'moving' };
    } else if (remedy === 'reconnect') {
      this.phase = { name: 'offline' };
    } else if (remedy === 'wait') {
      this.phase = { name: 'waiting', fault };
    } else if (++this.#retries > this.#config.maxRetries) {
      this.#stop({ name: 'stalled', fault }, effects);
    } else {
      this.phase = { name: 'waiting', fault };
    }
  }

  #statusCame(answer: TransferStatusResponse, hasMoved: boolean, nowMs: number, effects: UploadEffect[]): void {
    if (!this.#isStatusAsked) return;
    this.#isStatusAsked = false;
    if (hasMoved && this.#runs.size > 0) {
      // They still go to the node that was left, and may be committed after this answer was made: look again.
      this.#moved(nowMs, effects);
      return;
    }
    if (answer.state === 'ended') {
      this.#stop({ name: 'ended', fault: faultOfEnd(answer) }, effects);
      return;
    }
    // What was heard over the socket may be of a home that is lost by now: believed for ever, it would never be sent.
    const isNewer = this.#generation !== null && answer.generation > this.#generation;
    const mayHaveLost = isNewer || this.#isLastWordAsked;
    this.#generation = answer.generation;
    const before = this.map.storedBytes;
    for (const file of answer.files) {
      const wholeFile: ChunkRange[] = [[0, file.chunkCount ?? 0]];
      this.map.adopt(file.index, answer.state === 'sealed' ? wholeFile : file.committed, mayHaveLost);
    }
    if (answer.state === 'sealed') {
      this.digests = answer.files.map((file) => file.digest);
      this.#stop({ name: 'sealed' }, effects);
      return;
    }
    if (this.map.storedBytes > before) this.#progressed(nowMs);
    this.#needsStatus = false;
    if (!GOING_ON.has(this.phase.name)) return;
    // Everything is there and the seal is not yet: look again at a calm pace.
    if (this.map.isComplete) this.#tryAt(nowMs + backoffMs(this.#failures++, this.#config.random));
  }

  #committed(fileIndex: number, ranges: readonly ChunkRange[], nowMs: number): void {
    const file = this.map.files[fileIndex];
    if (!file) return;
    for (const [first, end] of ranges) this.map.mark(fileIndex, first, Math.min(end, file.chunkCount), CELL.stored);
    this.#movedMs = nowMs;
    for (const flight of this.#runs.values()) if (flight.run.fileIndex === fileIndex) flight.movedMs = nowMs;
  }

  #resume(nowMs: number): void {
    if (this.phase.name !== 'paused' && this.phase.name !== 'stalled') {
      if (this.phase.name === 'waiting' || this.phase.name === 'offline') this.#tryAt(nowMs);
      return;
    }
    this.phase = { name: 'checking' };
    this.#needsStatus = true;
    this.#failures = 0;
    this.#retries = 0;
    this.#tryAt(nowMs);
  }

  /** Nobody's fault: it is neither counted nor said to be one. The home may hear of an answer a moment after us. */
  #awaitAnswer(nowMs: number, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.phase = { name: 'asking' };
    this.#tryAt(nowMs + (this.#isAccepted ? backoffMs(this.#failures++, this.#config.random) : ASK_AGAIN_MS));
  }

  #moved(nowMs: number, effects: UploadEffect[]): void {
    if (!GOING_ON.has(this.phase.name)) return;
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.#isStatusAsked = false;
    this.#probeAfterMs = Math.min(this.#probeAfterMs * 2, PROBE_AFTER_MOST_MS);
    this.phase = { name: 'moving' };
    this.#tryAt(nowMs);
  }

  #recheck(nowMs: number, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.#tryAt(nowMs);
  }

  #progressed(nowMs: number): void {
    this.#movedMs = nowMs;
    this.#failures = 0;
    this.#retries = 0;
    this.#probeAfterMs = PROBE_AFTER_MS;
    if (this.phase.name === 'moving' || this.phase.name === 'asking') this.phase = { name: 'sending' };
  }

  #tryAt(timeMs: number): void {
    this.#nextTryMs = timeMs;
    this.#movedMs = Math.max(this.#movedMs, timeMs);
  }

  #stop(phase: UploadPhase, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#isStatusAsked = false;
    this.#needsStatus = true;
    this.phase = phase;
  }

  #abortRuns(effects: UploadEffect[]): void {
    for (const [runId, { run }] of this.#runs) {
      effects.push({ type: 'abort', runId });
      this.map.release(run.fileIndex, run.firstChunk, run.endChunk);
    }
    this.#runs.clear();
  }
}

/** Why it ended, where that is nobody's doing: as the server answers whoever writes on. */
function faultOfEnd({ endReason }: TransferStatusResponse): Fault | null {
  if (endReason !== 'node_lost') return null;
  return { kind: 'problem', type: 'ended', retryAfterMs: null, data: { endReason } };
}
