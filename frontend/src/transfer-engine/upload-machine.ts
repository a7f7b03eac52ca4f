/**
 * Decides what an upload does next. Events in, effects out: no clock, socket, file or timer of its own, so that every
 * order of answers, cuts and clicks can be tried in a test. The shell (upload-session.ts) performs the effects and
 * sends a `tick` a few times a second.
 */
import type { PutRunResponse, TransferStatusResponse } from '../../../services/contracts/http.ts';
import { adoptStatus } from './adopt-status.ts';
import { CELL, ChunkMap, type ChunkRange, type EngineFile } from './chunk-map.ts';
import { type Fault, type Remedy, remedyFor } from './fault.ts';
import { FIRST_RUN_BYTES, nextRunBytes } from './run-size.ts';
import { RunsInFlight } from './runs-in-flight.ts';
import { PROBE_AFTER_MS, Silence } from './silence.ts';
import type { UploadEffect, UploadEvent } from './upload-events.ts';
import { GOING_ON, OVER, type UploadPhase } from './upload-phase.ts';
import { type TriesConfig, UploadTries } from './upload-tries.ts';

export interface MachineConfig extends TriesConfig {
  readonly files: readonly EngineFile[];
  readonly maxRunBytes: number;
  /** Runs in flight at once; asked whenever one may begin, since it depends on where they go. */
  readonly window: () => number;
  readonly ackTimeoutMs: number;
  /** A direct send that nobody has answered yet: nothing is sent before somebody accepts. */
  readonly awaitsAnswer?: boolean;
}

/** A person takes their time, and is heard of sooner over the socket: this is for pages whose socket is gone. */
export const ASK_AGAIN_MS = 10_000;

export class UploadMachine {
  readonly map: ChunkMap;
  phase: UploadPhase = { name: 'checking' };
  /** Per file, once sealed. */
  digests: readonly (string | null)[] = [];
  readonly #config: MachineConfig;
  readonly #runs: RunsInFlight;
  readonly #tries: UploadTries;
  #runBytes: number;
  #needsStatus = true;
  #isStatusAsked = false;
  /** Nothing was on the way when it was asked, and all of it counted as stored: the answer knows better than that. */
  #isLastWordAsked = false;
  #generation: number | null = null;
  #isAccepted = false;
  #nextTryMs = 0;
  readonly #silence = new Silence();

  constructor(config: MachineConfig) {
    this.#config = config;
    this.map = new ChunkMap(config.files);
    this.#runs = new RunsInFlight(this.map);
    this.#tries = new UploadTries(config);
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
    return this.#runs.count;
  }

  /** By index of its file: bytes that left this machine in runs that are not answered yet. */
  sentUnansweredByFile(): ReadonlyMap<number, number> {
    return this.#runs.sentUnansweredByFile();
  }

  /** Of all files. */
  get sentUnansweredBytes(): number {
    let bytes = 0;
    for (const ofFile of this.sentUnansweredByFile().values()) bytes += ofFile;
    return bytes;
  }

  /** Runs are in flight and nothing has moved for PROBE_AFTER_MS. */
  isStuck(nowMs: number): boolean {
    return this.#runs.count > 0 && this.#silence.isLongerThan(PROBE_AFTER_MS, nowMs);
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
        this.#silence.moved(nowMs);
        if (this.#config.awaitsAnswer) this.#awaitAnswer(nowMs, effects);
        return;
      case 'tick':
        this.#tick(nowMs, effects);
        return;
      case 'run_moved':
        if (this.#runs.moved(event.runId, event.sentBytes, nowMs)) this.#silence.moved(nowMs);
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
        this.#networkBack(nowMs);
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
    if (this.#needsStatus || (this.map.isComplete && this.#runs.count === 0)) {
      if (!this.#isStatusAsked) {
        this.#isStatusAsked = true;
        this.#isLastWordAsked = this.map.isComplete && this.#runs.count === 0;
        effects.push({ type: 'ask_status' });
      }
      return;
    }
    // What is on the way again is said once something has moved.
    const isAsking = this.phase.name === 'asking' && !this.#isAccepted;
    if (!isAsking && this.phase.name !== 'sending' && this.phase.name !== 'moving') this.phase = { name: 'sending' };
    // Whether somebody has accepted unheard, a single chunk finds out.
    while (this.#runs.count < (isAsking ? 1 : this.#config.window())) {
      const run = this.map.nextRun(isAsking ? 1 : this.#runBytes);
      if (!run) return;
      effects.push({ type: 'send', runId: this.#runs.begin(run, nowMs), run });
    }
  }

  #tick(nowMs: number, effects: UploadEffect[]): void {
    if (this.#runs.count === 0) return;
    if (this.#silence.isProbeDue(nowMs)) effects.push({ type: 'probe' });
    const { ackTimeoutMs } = this.#config;
    for (const [runId, flight] of this.#runs.entries()) {
      // While others move, a run may be waiting for its turn on a connection: it gets three times as long.
      const patienceMs = ackTimeoutMs * (this.#silence.isLongerThan(ackTimeoutMs, nowMs) ? 1 : 3);
      if (nowMs - flight.movedMs < patienceMs) continue;
      effects.push({ type: 'abort', runId });
      this.#runFailed(runId, { kind: 'timeout' }, nowMs, effects);
      if (!GOING_ON.has(this.phase.name)) return;
    }
  }

  #runAnswered(runId: number, answer: PutRunResponse, nowMs: number): void {
    const flight = this.#runs.answered(runId);
    if (flight === null) return;
    const tookMs = nowMs - flight.startedMs;
    this.#runBytes = nextRunBytes(this.#runBytes, flight.run.sizeBytes, tookMs, this.#config.maxRunBytes);
    this.#progressed(nowMs);
    // Sealed: the digests of all files come with the status. Ended: the status says why.
    if (answer.state !== 'open') this.#needsStatus = true;
  }

  #runFailed(runId: number, fault: Fault, nowMs: number, effects: UploadEffect[]): void {
    const failure = this.#runs.failed(runId);
    if (failure === null) return;
    // Part of the body may be committed: nothing of it is sent again before the server has said what it has.
    this.#needsStatus = true;
    this.#applyFault(fault, failure.isFirstOfRound, nowMs, effects);
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
    const { phase, waitMs } = this.#tries.after(fault, remedy);
    this.#tryAt(Math.max(this.#nextTryMs, nowMs + waitMs));
    if (phase.name === 'stalled') this.#stop(phase, effects);
    else this.phase = phase;
  }

  #statusCame(answer: TransferStatusResponse, hasMoved: boolean, nowMs: number, effects: UploadEffect[]): void {
    if (!this.#isStatusAsked) return;
    this.#isStatusAsked = false;
    if (hasMoved && this.#runs.count > 0) {
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
    adoptStatus(this.map, answer, mayHaveLost);
    if (answer.state === 'sealed') {
      this.digests = answer.files.map((file) => file.digest);
      this.#stop({ name: 'sealed' }, effects);
      return;
    }
    if (this.map.storedBytes > before) this.#progressed(nowMs);
    this.#needsStatus = false;
    if (!GOING_ON.has(this.phase.name)) return;
    // Everything is there and the seal is not yet: look again at a calm pace.
    if (this.map.isComplete) this.#tryAt(nowMs + this.#tries.nextPauseMs());
  }

  #committed(fileIndex: number, ranges: readonly ChunkRange[], nowMs: number): void {
    const file = this.map.files[fileIndex];
    if (!file) return;
    for (const [first, end] of ranges) this.map.mark(fileIndex, first, Math.min(end, file.chunkCount), CELL.stored);
    this.#silence.moved(nowMs);
    this.#runs.heardOf(fileIndex, nowMs);
  }

  #networkBack(nowMs: number): void {
    this.#tries.forgetFailures();
    // Another network may let through what this one did not.
    if (this.phase.name === 'stalled' && this.phase.fault.kind === 'timeout') this.#resume(nowMs);
    else this.#tryAt(nowMs);
  }

  #resume(nowMs: number): void {
    if (this.phase.name !== 'paused' && this.phase.name !== 'stalled') {
      if (this.phase.name === 'waiting' || this.phase.name === 'offline') this.#tryAt(nowMs);
      return;
    }
    // What is there is asked for first: that was made sure when it stopped.
    this.phase = { name: 'checking' };
    this.#tries.beginAnew();
    this.#tryAt(nowMs);
  }

  /** Nobody's fault: it is neither counted nor said to be one. The home may hear of an answer a moment after us. */
  #awaitAnswer(nowMs: number, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.phase = { name: 'asking' };
    this.#tryAt(nowMs + (this.#isAccepted ? this.#tries.nextPauseMs() : ASK_AGAIN_MS));
  }

  #moved(nowMs: number, effects: UploadEffect[]): void {
    if (!GOING_ON.has(this.phase.name)) return;
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.#isStatusAsked = false;
    this.#silence.probeLater();
    this.phase = { name: 'moving' };
    this.#tryAt(nowMs);
  }

  #recheck(nowMs: number, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#needsStatus = true;
    this.#tryAt(nowMs);
  }

  #progressed(nowMs: number): void {
    this.#silence.moved(nowMs);
    this.#silence.probeSoonAgain();
    this.#tries.beginAnew();
    if (this.phase.name === 'moving' || this.phase.name === 'asking') this.phase = { name: 'sending' };
  }

  #tryAt(timeMs: number): void {
    this.#nextTryMs = timeMs;
    this.#silence.notBefore(timeMs);
  }

  #stop(phase: UploadPhase, effects: UploadEffect[]): void {
    this.#abortRuns(effects);
    this.#isStatusAsked = false;
    this.#needsStatus = true;
    this.phase = phase;
  }

  #abortRuns(effects: UploadEffect[]): void {
    for (const runId of this.#runs.endAll()) effects.push({ type: 'abort', runId });
  }
}

/** Why it ended, where that is nobody's doing: as the server answers whoever writes on. */
function faultOfEnd({ endReason }: TransferStatusResponse): Fault | null {
  if (endReason !== 'node_lost') return null;
  return { kind: 'problem', type: 'ended', retryAfterMs: null, data: { endReason } };
}
