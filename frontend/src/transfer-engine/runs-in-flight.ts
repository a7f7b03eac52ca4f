/** The runs of an upload that were sent and are not answered, and what they mean for its chunks. Pure: the caller brings the time. */
import { CELL, type ChunkMap, type PlannedRun } from './chunk-map.ts';

export interface RunInFlight {
  readonly run: PlannedRun;
  readonly startedMs: number;
  /** Failures count once per round, however many runs were in flight when the line broke. */
  readonly round: number;
  sentBytes: number;
  movedMs: number;
}

export class RunsInFlight {
  readonly #map: ChunkMap;
  readonly #runs = new Map<number, RunInFlight>();
  #nextRunId = 1;
  #round = 0;

  constructor(map: ChunkMap) {
    this.#map = map;
  }

  get count(): number {
    return this.#runs.size;
  }

  /** By index of its file: bytes that left this machine in runs that are not answered yet. */
  sentUnansweredByFile(): ReadonlyMap<number, number> {
    const byFile = new Map<number, number>();
    for (const { run, sentBytes } of this.#runs.values()) {
      let storedBytes = 0;
      for (let chunk = run.firstChunk; chunk < run.endChunk; chunk++) {
        if (this.#map.stateOf(run.fileIndex, chunk) !== CELL.stored) continue;
        storedBytes += this.#map.bytesOf(run.fileIndex, chunk, chunk + 1);
      }
      // What was heard to be stored is counted there already.
      const bytes = Math.max(0, sentBytes - storedBytes);
      byFile.set(run.fileIndex, (byFile.get(run.fileIndex) ?? 0) + bytes);
    }
    return byFile;
  }

  /** By id, the oldest first; those that end meanwhile are left out. */
  entries(): Iterable<readonly [number, RunInFlight]> {
    return this.#runs.entries();
  }

  /** @returns the run's id */
  begin(run: PlannedRun, nowMs: number): number {
    this.#map.mark(run.fileIndex, run.firstChunk, run.endChunk, CELL.inFlight);
    const runId = this.#nextRunId++;
    this.#runs.set(runId, { run, startedMs: nowMs, movedMs: nowMs, round: this.#round, sentBytes: 0 });
    return runId;
  }

  /** @returns whether more of it has left than was known */
  moved(runId: number, sentBytes: number, nowMs: number): boolean {
    const flight = this.#runs.get(runId);
    if (!flight || sentBytes <= flight.sentBytes) return false;
    flight.sentBytes = sentBytes;
    flight.movedMs = nowMs;
    return true;
  }

  /** Something of this file was committed: its runs are alive. */
  heardOf(fileIndex: number, nowMs: number): void {
    for (const flight of this.#runs.values()) if (flight.run.fileIndex === fileIndex) flight.movedMs = nowMs;
  }

  /** All of it is stored. @returns null: it is none of these any more */
  answered(runId: number): RunInFlight | null {
    const flight = this.#take(runId);
    if (flight === null) return null;
    const { fileIndex, firstChunk, endChunk } = flight.run;
    this.#map.mark(fileIndex, firstChunk, endChunk, CELL.stored);
    return flight;
  }

  /** Its chunks wait again. @returns whether it is the first failure of its round; null: it is none of these any more */
  failed(runId: number): { readonly isFirstOfRound: boolean } | null {
    const flight = this.#take(runId);
    if (flight === null) return null;
    this.#release(flight);
    const isFirstOfRound = flight.round === this.#round;
    if (isFirstOfRound) this.#round++;
    return { isFirstOfRound };
  }

  /** None of them is waited for any more. @returns their ids */
  endAll(): readonly number[] {
    const runIds = [...this.#runs.keys()];
    for (const flight of this.#runs.values()) this.#release(flight);
    this.#runs.clear();
    return runIds;
  }

  #take(runId: number): RunInFlight | null {
    const flight = this.#runs.get(runId) ?? null;
    this.#runs.delete(runId);
    return flight;
  }

  #release({ run }: RunInFlight): void {
    this.#map.release(run.fileIndex, run.firstChunk, run.endChunk);
  }
}
