import type { TrafficHistory, TrafficSamples } from '../contracts/http.ts';
import { MAX_NODES } from '../contracts/limits.ts';
import type { TrafficSample } from './ports.ts';

export const STEP_MS = 10_000;
/** 15 minutes. */
export const HISTORY_STEPS = 90;
/** Of that, and some more for a database that was away. */
export const SAMPLES_KEPT_MS = 20 * 60_000;
/** A step that has just ended is on its way to the database so long at most, when all is well. */
const SETTLED_AFTER_MS = 5_000;

type Counts = Pick<TrafficSample, 'clientBytesIn' | 'clientBytesOut' | 'peerBytes'>;

/** Cuts what a node has carried into steps, and keeps those that the database has not taken yet. */
export class TrafficRecorder {
  readonly #nodeId: string;
  readonly #runId: string;
  #stepMs: number;
  #counted: Counts = { clientBytesIn: 0, clientBytesOut: 0, peerBytes: 0 };
  #unsaved: TrafficSample[] = [];

  constructor(nodeId: string, runId: string, nowMs: number) {
    this.#nodeId = nodeId;
    this.#runId = runId;
    this.#stepMs = stepOf(nowMs);
  }

  /** @param totals since the start of the process */
  tick(nowMs: number, totals: Counts): void {
    const stepMs = stepOf(nowMs);
    // A clock that was set back by more than a moment ends the step as well.
    if (stepMs !== this.#stepMs) this.#cut(stepMs, totals);
  }

  /** Ends the step that is not over, for a process that ends. */
  finish(totals: Counts): void {
    this.#cut(this.#stepMs, totals);
  }

  /** Not saved yet, oldest first. */
  unsaved(): readonly TrafficSample[] {
    return this.#unsaved;
  }

  saved(samples: readonly TrafficSample[]): void {
    const gone = new Set(samples);
    this.#unsaved = this.#unsaved.filter((sample) => !gone.has(sample));
  }

  #cut(nextStepMs: number, totals: Counts): void {
    const { clientBytesIn, clientBytesOut, peerBytes } = this.#counted;
    const sample = {
      nodeId: this.#nodeId,
      runId: this.#runId,
      atMs: this.#stepMs,
      clientBytesIn: totals.clientBytesIn - clientBytesIn,
      clientBytesOut: totals.clientBytesOut - clientBytesOut,
      peerBytes: totals.peerBytes - peerBytes,
    };
    // The database is away: what it would forget at once need not wait for it.
    const deadlineMs = nextStepMs - SAMPLES_KEPT_MS;
    const kept = this.#unsaved.filter(({ atMs }) => atMs >= deadlineMs);
    this.#unsaved = [...kept, sample].slice(-SAMPLES_KEPT_MS / STEP_MS);
    this.#stepMs = nextStepMs;
    this.#counted = totals;
  }
}

/** The steps that a history shows now: from, and to where every node has had the time to write. */
export function historyWindow(nowMs: number): { readonly fromMs: number; readonly toMs: number } {
  const toMs = stepOf(nowMs - SETTLED_AFTER_MS);
  return { fromMs: toMs - HISTORY_STEPS * STEP_MS, toMs };
}

/** Samples as one list of steps a node and one of all; steps without a sample are 0. */
export function historyOf(samples: readonly TrafficSample[], toMs: number): TrafficHistory {
  const nodes = new Map<string, Series>();
  const total = emptySeries();
  for (const sample of samples) {
    const step = HISTORY_STEPS - (toMs - stepOf(sample.atMs)) / STEP_MS;
    if (step < 0 || step >= HISTORY_STEPS) continue;
    let series = nodes.get(sample.nodeId);
    if (series === undefined && nodes.size < MAX_NODES) {
      series = emptySeries();
      nodes.set(sample.nodeId, series);
    }
    for (const into of series === undefined ? [total] : [total, series]) addTo(into, step, sample);
  }
  const shown = [...nodes].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    endsAt: new Date(toMs).toISOString(),
    stepSeconds: STEP_MS / 1000,
    total,
    nodes: shown.map(([nodeId, series]) => ({ nodeId, ...series })),
  };
}

type Series = { readonly [K in keyof TrafficSamples]: number[] };

const emptySeries = (): Series => ({
  clientBytesIn: Array<number>(HISTORY_STEPS).fill(0),
  clientBytesOut: Array<number>(HISTORY_STEPS).fill(0),
  peerBytes: Array<number>(HISTORY_STEPS).fill(0),
});

function addTo(series: Series, step: number, sample: TrafficSample): void {
  for (const name of ['clientBytesIn', 'clientBytesOut', 'peerBytes'] as const) {
    series[name][step] = (series[name][step] ?? 0) + sample[name];
  }
}

const stepOf = (ms: number): number => Math.floor(ms / STEP_MS) * STEP_MS;
