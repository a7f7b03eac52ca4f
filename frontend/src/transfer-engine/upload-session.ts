/**
 * One upload at work: performs what the machine decides, and tells how it goes ten times a second. Runs in the worker;
 * the Blob slices it sends are read by the browser as they leave, so the bytes never lie in the page's memory.
 */
import type { EngineFile } from './chunk-map.ts';
import { RateMeter } from './rate-meter.ts';
import type { Answered, UploadTransport } from './transport.ts';
import { type UploadEffect, type UploadEvent, UploadMachine, type UploadPhase } from './upload-machine.ts';

export const TICK_MS = 100;
const PROBE_TIMEOUT_MS = 3_000;

export interface SessionPlan {
  readonly files: readonly EngineFile[];
  readonly maxRunBytes: number;
  readonly window: number;
  readonly ackTimeoutMs: number;
  readonly maxRetries: number;
  /** Origins of nodes that take this transfer's chunks, the preferred one first; '' is the page's own. */
  readonly endpoints: readonly string[];
}
export interface SessionPorts {
  readonly now: () => number;
  readonly transport: UploadTransport;
  readonly publish: (snapshot: UploadSnapshot) => void;
}
/** What changed since the last one. */
export interface UploadSnapshot {
  readonly phase: UploadPhase;
  readonly storedBytes: number;
  /** Stored, and on its way and not answered yet. */
  readonly movedBytes: number;
  readonly bytesPerSecond: number | null;
  readonly remainingMs: number | null;
  /** New cell states from a cell index on. */
  readonly cells: readonly { readonly from: number; readonly states: Uint8Array }[];
  readonly files: readonly { readonly index: number; readonly storedBytes: number }[];
  readonly digests: readonly (string | null)[];
}

export class UploadSession {
  readonly #machine: UploadMachine;
  readonly #plan: SessionPlan;
  readonly #ports: SessionPorts;
  readonly #files: readonly (Blob | null)[];
  readonly #aborts = new Map<number, AbortController>();
  readonly #rate = new RateMeter();
  readonly #publishedBytes: Float64Array;
  #timer: ReturnType<typeof setInterval> | null = null;
  #endpoint = 0;
  #published = '';

  /** `files[i]` may be null when all of file i is stored already. */
  constructor(plan: SessionPlan, files: readonly (Blob | null)[], ports: SessionPorts) {
    this.#plan = plan;
    this.#files = files;
    this.#ports = ports;
    this.#machine = new UploadMachine({ ...plan, random: Math.random });
    this.#publishedBytes = new Float64Array(files.length);
  }

  get isOver(): boolean {
    return this.#machine.isOver;
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
    const answer = await this.#ports.transport.put(
      this.#baseUrl(),
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
    if (answer.fault.kind === 'network' && !(await isReadable(body))) {
      this.#unreadable(runId, run.fileIndex);
      return;
    }
    this.dispatch({ type: 'run_failed', runId, fault: answer.fault });
  }

  #unreadable(runId: number, fileIndex: number): void {
    this.#aborts.delete(runId);
    this.dispatch({ type: 'run_failed', runId, fault: { kind: 'unreadable', fileIndex } });
  }

  async #askStatus(): Promise<void> {
    const answer = await this.#statusFromAnyNode(this.#plan.ackTimeoutMs);
    if (answer.ok) this.dispatch({ type: 'status', answer: answer.value });
    else this.dispatch({ type: 'status_failed', fault: answer.fault });
  }

  /** The present node first; on a dead line the others, and the first that answers becomes the present one. */
  async #statusFromAnyNode(timeoutMs: number): ReturnType<UploadTransport['status']> {
    let answer: Awaited<ReturnType<UploadTransport['status']>> | undefined;
    for (let step = 0; step < this.#plan.endpoints.length; step++) {
      const candidate = (this.#endpoint + step) % this.#plan.endpoints.length;
      const next = await this.#ports.transport.status(this.#plan.endpoints[candidate] ?? '', timeoutMs);
      answer ??= next;
      if (next.ok || next.fault.kind === 'problem') {
        this.#endpoint = candidate;
        return next;
      }
    }
    return answer ?? ({ ok: false, fault: { kind: 'network' } } satisfies Answered<never>);
  }

  /** Asks the other nodes only: this one's connections may all be held by the runs that do not move. */
  async #probe(): Promise<void> {
    const { endpoints } = this.#plan;
    for (let step = 1; step < endpoints.length; step++) {
      const candidate = (this.#endpoint + step) % endpoints.length;
      const answer = await this.#ports.transport.status(endpoints[candidate] ?? '', PROBE_TIMEOUT_MS);
      if (!answer.ok) continue;
      this.#endpoint = candidate;
      this.dispatch({ type: 'moved' });
      return;
    }
  }

  #baseUrl(): string {
    return this.#plan.endpoints[this.#endpoint] ?? '';
  }

  #publish(): void {
    const { map, phase, sentUnansweredBytes, digests } = this.#machine;
    const movedBytes = map.storedBytes + sentUnansweredBytes;
    const rate = phase.name === 'sending' ? this.#rate.bytesPerSecond() : null;
    const changes = map.takeChanges();
    const summary = `${JSON.stringify(phase)} ${movedBytes} ${Math.round(rate ?? -1)} ${digests.length}`;
    if (changes.length === 0 && summary === this.#published) return;
    this.#published = summary;
    const files: { index: number; storedBytes: number }[] = [];
    map.storedBytesByFile.forEach((storedBytes, index) => {
      if (this.#publishedBytes[index] === storedBytes) return;
      this.#publishedBytes[index] = storedBytes;
      files.push({ index, storedBytes });
    });
    this.#ports.publish({
      phase,
      storedBytes: map.storedBytes,
      movedBytes,
      bytesPerSecond: rate,
      remainingMs: rate ? ((map.totalBytes - movedBytes) / rate) * 1000 : null,
      cells: changes.map(([from, end]) => ({ from, states: map.cells.slice(from, end) })),
      files,
      digests,
    });
  }
}

async function isReadable(body: Blob): Promise<boolean> {
  try {
    await body.slice(0, 1).arrayBuffer();
    return true;
  } catch {
    return false;
  }
}
