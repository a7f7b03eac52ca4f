/**
 * Files that the page writes by its own hand out of links. They outlive the page of their link: whoever looks at
 * another one meanwhile loses nothing, and is told how it went.
 */
import { isSavingPhase, type SavePhase } from '../transfer-engine/file-saver.ts';
import { RateMeter } from '../transfer-engine/rate-meter.ts';
import type { SavePhaseListener } from './save-as.ts';
import { createStore } from './store.ts';

export interface Saving {
  readonly shareId: string;
  readonly name: string;
  readonly sizeBytes: number;
  /** `refused`: the chosen place could not be written. */
  readonly phase: SavePhase | { readonly name: 'refused' };
  readonly savedBytes: number;
  readonly bytesPerSecond: number | null;
  /** Its own page shows it: nobody else needs to. */
  readonly isInView: boolean;
}
/** Writes all of it. @throws when the place cannot be written */
export type WriteAll = (show: SavePhaseListener, signal: AbortSignal) => Promise<SavePhase>;

/** Often enough to look live, seldom enough to cost nothing. */
const SHOWN_EVERY_MS = 200;
/** Of those that are over and that nobody has looked at, only the newest are told of. */
const MAX_OVER = 20;

export function isSaving({ phase }: Saving): boolean {
  return isSavingPhase(phase.name);
}

export class Savings {
  readonly #store = createStore<ReadonlyMap<string, Saving>>(new Map());
  readonly #writers = new Map<string, AbortController>();
  readonly #inView = new Set<string>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** By share id, oldest first. */
  readonly read = (): ReadonlyMap<string, Saving> => this.#store.read();
  readonly subscribe = (listener: () => void): (() => void) => this.#store.subscribe(listener);
  readonly isBusy = (): boolean => [...this.read().values()].some(isSaving);

  /** Resolves when it is over. A second one of the same share while one runs does nothing. */
  async begin(shareId: string, file: { readonly name: string; readonly sizeBytes: number }, write: WriteAll) {
    if (this.#writers.has(shareId)) return;
    const abort = new AbortController();
    this.#writers.set(shareId, abort);
    this.#put({
      shareId,
      ...file,
      phase: { name: 'saving' },
      savedBytes: 0,
      bytesPerSecond: null,
      isInView: this.#inView.has(shareId),
    });
    let end: Saving['phase'];
    try {
      end = await write(this.#shownBy(shareId), abort.signal);
    } catch {
      end = { name: 'refused' };
    }
    this.#writers.delete(shareId);
    if (end.name === 'cancelled') this.#remove(shareId);
    else this.#change(shareId, { phase: end, bytesPerSecond: null });
  }

  stop(shareId: string): void {
    this.#writers.get(shareId)?.abort();
  }

  /** Its page is on the screen until the returned function is called; what was over by then has been seen. */
  show(shareId: string): () => void {
    this.#inView.add(shareId);
    this.#change(shareId, { isInView: true });
    return () => {
      this.#inView.delete(shareId);
      const saving = this.read().get(shareId);
      if (saving && !isSaving(saving)) this.#remove(shareId);
      else this.#change(shareId, { isInView: false });
    };
  }

  #shownBy(shareId: string): SavePhaseListener {
    const meter = new RateMeter();
    let shownAtMs = Number.NEGATIVE_INFINITY;
    let shown = '';
    return (phase, savedBytes) => {
      const nowMs = this.#now();
      // The file has its name only when it is closed: how it ended is said after that.
      const isOver = phase.name === 'saved' || phase.name === 'cancelled' || phase.name === 'failed';
      if (isOver || (phase.name === shown && nowMs - shownAtMs < SHOWN_EVERY_MS)) return;
      shown = phase.name;
      shownAtMs = nowMs;
      meter.note(savedBytes, nowMs);
      this.#change(shareId, { phase, savedBytes, bytesPerSecond: meter.bytesPerSecond(nowMs) });
    };
  }

  #put(saving: Saving): void {
    this.#store.change((before) => {
      const over = [...before.values()].filter((one) => !isSaving(one) && one.shareId !== saving.shareId);
      const dropped = new Set(over.slice(0, Math.max(0, over.length - MAX_OVER)).map(({ shareId }) => shareId));
      const kept = [...before].filter(([shareId]) => shareId !== saving.shareId && !dropped.has(shareId));
      return new Map([...kept, [saving.shareId, saving]]);
    });
  }

  #change(shareId: string, changes: Partial<Saving>): void {
    this.#store.change((before) => {
      const saving = before.get(shareId);
      return saving ? new Map(before).set(shareId, { ...saving, ...changes }) : before;
    });
  }

  #remove(shareId: string): void {
    this.#store.change((before) => new Map([...before].filter(([id]) => id !== shareId)));
  }
}

export const savings = new Savings(() => performance.now());
