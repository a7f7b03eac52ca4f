/**
 * One upload at work: performs what the machine decides, and tells how it goes ten times a second. Runs in the worker;
 * the Blob slices it sends are read by the browser as they leave, so the bytes never lie in the page's memory.
 */
import type { TransferStatusResponse } from '../../../services/contracts/http.ts';
import type { EngineFile } from './chunk-map.ts';
import { mayBeAskedAgain } from './fault.ts';
import { firstAnswer } from './first-answer.ts';
import type { NodeRoute } from './node-book.ts';
import { OWN } from './node-choice.ts';
import { leftMsAt, RateMeter } from './rate-meter.ts';
import type { UploadTransport } from './transport.ts';
import type { UploadEffect, UploadEvent } from './upload-events.ts';
import { UploadMachine } from './upload-machine.ts';
import type { UploadPhase } from './upload-phase.ts';

export const TICK_MS = 100;
/** Longer than a replica needs to find its home frozen and to take over. */
const PROBE_TIMEOUT_MS = 8_000;
const MAX_PROBES = 2;
/** What Chromium and Firefox open to an origin over HTTP/1.1. */
const CONNECTIONS_PER_ORIGIN = 6;
/** Behind one address there are several nodes: asking it again may reach another one. */
const TRIES_OF_ONE_ADDRESS = 3;

export interface SessionPlan {
  readonly files: readonly EngineFile[];
  readonly maxRunBytes: number;
  readonly window: number;
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  /** Node whose disk held the transfer when this was planned; null when nobody knows. */
  readonly homeNodeId: string | null;
  /** A direct send that was just offered. */
  readonly awaitsAnswer?: boolean;
}
export interface SessionPorts {
  readonly now: () => number;
  readonly transport: UploadTransport;
  readonly route: NodeRoute;
  /** Uploads that run now, this one among them: they share a browser's connections to an origin. */
  readonly sharers: () => number;
  readonly publish: (snapshot: UploadSnapshot) => void;
}
export interface FileProgress {
  readonly index: number;
  readonly storedBytes: number;
  /** Stored, and of what is on its way at most one chunk: buffers on the way take in whole runs long before they move. */
  readonly movedBytes: number;
}
/** What changed since the last one. */
export interface UploadSnapshot {
  readonly phase: UploadPhase;
  /** False until the server has said what is stored: the counts then say nothing. */
  readonly isStoredKnown: boolean;
  readonly storedBytes: number;
  /** Of all files. */
  readonly movedBytes: number;
  readonly bytesPerSecond: number | null;
  readonly remainingMs: number | null;
  /** New cell states from a cell index on. */
  readonly cells: readonly { readonly from: number; readonly states: Uint8Array }[];
  /** None before it is known what is stored. */
  readonly files: readonly FileProgress[];
  readonly digests: readonly (string | null)[];
}

export class UploadSession {
  readonly #machine: UploadMachine;
  readonly #plan: SessionPlan;
  readonly #ports: SessionPorts;
  readonly #files: readonly (Blob | null)[];
  readonly #aborts = new Map<number, AbortController>();
  readonly #rate = new RateMeter();
  /** By file; NaN before anything was told of it. */
  readonly #told: { readonly storedBytes: Float64Array; readonly movedBytes: Float64Array };
  #timer: ReturnType<typeof setInterval> | null = null;
  #address: string;
  #probes = 0;
  #published = '';

  /** `files[i]` may be null when all of file i is stored already. */
  constructor(plan: SessionPlan, files: readonly (Blob | null)[], ports: SessionPorts) {
    this.#plan = plan;
    this.#files = files;
    this.#ports = ports;
    this.#address = ports.route.ranked()[0] ?? OWN;
    this.#machine = new UploadMachine({
      ...plan,
      window: () => this.#window(),
      hasOthers: () => ports.route.hasOthers(),
      random: Math.random,
    });
    const untold = () => new Float64Array(files.length).fill(Number.NaN);
    this.#told = { storedBytes: untold(), movedBytes: untold() };
  }

  get isOver(): boolean {
    return this.#machine.isOver;
  }

  /** Whether runs are on the way or may be at any moment: not while it is paused, stopped or not yet accepted. */
  get usesConnections(): boolean {
    return this.#machine.isGoingOn && this.#machine.phase.name !== 'asking';
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.dispatch({ type: 'start' });
  }

  dispatch(event: UploadEvent): void {
    const phaseBefore = this.#machine.phase;
    const effects = this.#machine.handle(event, this.#ports.now());
    for (const effect of effects) this.#perform(effect);
    if (this.#machine.phase.name !== phaseBefore.name) {
      this.#rate.reset();
      this.#publish();
    }
    if (this.#machine.isOver && this.#timer !== null) {
      clearInterval(this.#timer);
      this.#timer = null;
      this.#publish();
    }
  }

  #tick(): void {
    const machine = this.#machine;
    if (machine.phase.name === 'sending') {
      this.#rate.note(machine.map.storedBytes + machine.sentUnansweredBytes, this.#ports.now());
    }
    this.dispatch({ type: 'tick' });
    this.#publish();
  }

  #perform(effect: UploadEffect): void {
    switch (effect.type) {
      case 'send':
        void this.#send(effect);
        return;
      case 'abort':
        this.#aborts.get(effect.runId)?.abort();
        this.#aborts.delete(effect.runId);
        return;
      case 'ask_status':
        void this.#askStatus();
        return;
      case 'probe':
        void this.#probe();
        return;
    }
  }

  async #send({ runId, run }: Extract<UploadEffect, { type: 'send' }>): Promise<void> {
    const abort = new AbortController();
    this.#aborts.set(runId, abort);
    const file = this.#files[run.fileIndex];
    const body = file?.slice(run.offsetBytes, run.offsetBytes + run.sizeBytes);
    if (!body || body.size !== run.sizeBytes) {
      this.#unreadable(runId, run.fileIndex);
      return;
    }
    this.#leaveIfAvoided();
    const address = this.#address;
    const answer = await this.#ports.transport.put(
      address,
      run,
      body,
      (sentBytes) => this.dispatch({ type: 'run_moved', runId, sentBytes }),
      abort.signal,
    );
    if (!this.#aborts.delete(runId)) return;
    if (answer.ok) {
      this.dispatch({ type: 'run_answered', runId, answer: answer.value });
      return;
    }
    // To a request, a file that is gone looks like a dead line: only reading it tells the two apart.
    if (answer.fault.kind === 'network') {
      if (!(await isReadable(body))) {
        this.#unreadable(runId, run.fileIndex);
        return;
      }
      this.#ports.route.lost(address);
    }
    this.dispatch({ type: 'run_failed', runId, fault: answer.fault });
  }

  #unreadable(runId: number, fileIndex: number): void {
    this.#aborts.delete(runId);
    this.dispatch({ type: 'run_failed', runId, fault: { kind: 'unreadable', fileIndex } });
  }

  async #askStatus(): Promise<void> {
    const { route } = this.#ports;
    this.#leaveIfAvoided();
    const before = this.#address;
    const others = route.ranked().filter((address) => address !== before);
    const found = await this.#firstStatus([before, ...others], this.#plan.ackTimeoutMs);
    if (found === null) return;
    const { address, answer } = found;
    if (!answer.ok) {
      this.dispatch({ type: 'status_failed', fault: answer.fault });
      return;
    }
    if (address !== before && this.#address === before) route.lost(before);
    this.#settleOn(address, answer.value);
    this.dispatch({ type: 'status', answer: answer.value, hasMoved: this.#address !== before });
  }

  /** Not this node: its connections may all be held by the runs that do not move. Behind one address, that again. */
  async #probe(): Promise<void> {
    const { route } = this.#ports;
    const stuck = this.#address;
    const others = route.ranked().filter((address) => address !== stuck);
    const isProxied = others.length === 0 && route.hasOthers();
    if (this.#probes >= MAX_PROBES || (others.length === 0 && !isProxied)) return;
    this.#probes += 1;
    const found = await this.#firstStatus(isProxied ? [stuck] : others, PROBE_TIMEOUT_MS);
    this.#probes -= 1;
    if (!found?.answer.ok || this.#address !== stuck || this.#machine.isOver) return;
    if (!this.#machine.isStuck(this.#ports.now())) return;
    if (!isProxied) route.lost(stuck);
    this.#settleOn(found.address, found.answer.value);
    this.dispatch({ type: 'moved' });
  }

  #firstStatus(addresses: readonly string[], timeoutMs: number) {
    const asked =
      addresses.length === 1 && this.#ports.route.hasOthers()
        ? Array.from({ length: TRIES_OF_ONE_ADDRESS }, () => addresses[0] ?? OWN)
        : addresses;
    return firstAnswer(
      asked,
      (address) => this.#ports.transport.status(address, timeoutMs),
      (answer) => answer.ok || !mayBeAskedAgain(answer.fault),
    );
  }

  /** The home itself where it has an address of its own that answers, else whoever answered. */
  #settleOn(address: string, { homeNodeId }: TransferStatusResponse): void {
    this.#ports.route.learnHome(homeNodeId);
    this.#address = this.#ports.route.homeAddress() ?? address;
  }

  /** "A client leaves a draining node for new runs": those in flight end where they are. */
  #leaveIfAvoided(): void {
    const { route } = this.#ports;
    if (!route.isAvoided(this.#address)) return;
    this.#address = route.ranked().find((address) => !route.isAvoided(address)) ?? this.#address;
  }

  /** One connection to the page's own origin stays free: a stalled line must not keep the page from asking anything. */
  #window(): number {
    const most = this.#address === OWN ? CONNECTIONS_PER_ORIGIN - 1 : CONNECTIONS_PER_ORIGIN;
    return Math.max(1, Math.min(this.#plan.window, Math.floor(most / this.#ports.sharers())));
  }

  #publish(): void {
    const { map, phase, digests, isStoredKnown } = this.#machine;
    const ahead = this.#aheadByFile();
    const movedBytes = [...ahead.values()].reduce((sum, bytes) => sum + bytes, map.storedBytes);
    const rate = phase.name === 'sending' ? this.#rate.bytesPerSecond(this.#ports.now()) : null;
    const changes = map.takeChanges();
    const summary = `${JSON.stringify(phase)} ${movedBytes} ${Math.round(rate ?? -1)} ${digests.length} ${isStoredKnown}`;
    if (changes.length === 0 && summary === this.#published) return;
    this.#published = summary;
    this.#ports.publish({
      phase,
      isStoredKnown,
      storedBytes: map.storedBytes,
      movedBytes,
      bytesPerSecond: rate,
      remainingMs: leftMsAt(rate, movedBytes, map.totalBytes),
      cells: changes.map(([from, end]) => ({ from, states: map.cells.slice(from, end) })),
      files: isStoredKnown ? this.#filesNow(ahead) : [],
      digests,
    });
  }

  /** By index of its file: what is told to be there of what is on its way. */
  #aheadByFile(): ReadonlyMap<number, number> {
    const ahead = new Map<number, number>();
    for (const [index, sentBytes] of this.#machine.sentUnansweredByFile()) {
      ahead.set(index, Math.min(sentBytes, this.#plan.files[index]?.chunkSizeBytes ?? 0));
    }
    return ahead;
  }

  /** Those of which something has changed since they were told of. */
  #filesNow(ahead: ReadonlyMap<number, number>): readonly FileProgress[] {
    const told = this.#told;
    const files: FileProgress[] = [];
    this.#machine.map.storedBytesByFile.forEach((storedBytes, index) => {
      const movedBytes = storedBytes + (ahead.get(index) ?? 0);
      if (told.storedBytes[index] === storedBytes && told.movedBytes[index] === movedBytes) return;
      told.storedBytes[index] = storedBytes;
      told.movedBytes[index] = movedBytes;
      files.push({ index, storedBytes, movedBytes });
    });
    return files;
  }
}

/** Its first byte and its last: of a file that was cut short meanwhile, some browsers still read the beginning. */
async function isReadable(body: Blob): Promise<boolean> {
  try {
    await body.slice(0, 1).arrayBuffer();
    const last = await body.slice(body.size - 1).arrayBuffer();
    return last.byteLength === 1;
  } catch {
    return false;
  }
}
