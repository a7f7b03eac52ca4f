import type { DrainStatus } from '../contracts/actions.ts';

export interface DrainPorts {
  readonly nodeId: string;
  /** No cluster: what is stored here has no other place. */
  readonly isAlone: boolean;
  /** Whether there is another node that stores transfers and does not say that it drains. Never rejects. */
  readonly isAnyOther: () => Promise<boolean>;
  /** Out of placement at once; everybody is told. */
  readonly enterDraining: () => void;
  /** Nothing of the cluster is left here: everybody is told, and the process may be stopped. */
  readonly enterLeft: () => void;
  /** Hands transfers over until none is left or the time is over; bodies on their way may end within the patience. */
  readonly handOver: (limitMs: number, patienceMs: number) => Promise<boolean>;
  /** Asks the homes whose replica this node is to take another. */
  readonly releaseReplicas: () => Promise<void>;
  /** Transfers at home here, and those of them without a copy in sync. */
  readonly countHomes: () => Promise<{ readonly homeCount: number; readonly singleCopyCount: number }>;
  /**
   * Transfers stored here whose home does not answer, nor any other node that has all of them. May take long: as long as any
   * node is silent, it looks at every stored file.
   */
  readonly countStranded: () => Promise<number>;
  readonly delay: (ms: number) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

/** One round of the background; the next follows while something is left. */
const ROUND_MS = 60_000;
const ROUND_PATIENCE_MS = 30_000;
const ROUND_PAUSE_MS = 1_000;
/** While nothing but copies of absent homes is left, which may be for hours, the pause doubles up to this. */
const MAX_ROUND_PAUSE_MS = 30_000;
/** Whoever asks what is left gives up after 5 s. */
const STATUS_MS = 3_000;
/** So long a count stands for one that takes longer than that: it would be as old by its own length. */
const COUNTED_LATELY_MS = 30_000;

/** Empties this node: on SIGTERM within a time, or for an operator who waits, however long it takes. */
export class NodeDrain {
  readonly #ports: DrainPorts;
  #isDraining = false;
  #isStopped = false;
  #isRunning = false;
  #counting: Promise<number> | null = null;
  #counted: { readonly count: number; readonly atMs: number } | null = null;

  constructor(ports: DrainPorts) {
    this.#ports = ports;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** For `node.drain`: begins, goes on beside whoever asked until nothing is left, and may be asked again. */
  begin(): void {
    this.#enter();
    if (this.#isRunning) return;
    this.#isRunning = true;
    this.#run()
      .catch(this.#ports.onFault)
      .finally(() => {
        this.#isRunning = false;
      });
  }

  /** For SIGTERM: resolves when nothing is left, at the latest when the time is over. */
  finish(limitMs: number, patienceMs: number): Promise<boolean> {
    this.#enter();
    this.#isStopped = true;
    return this.#ports.handOver(limitMs, patienceMs);
  }

  /**
   * @param limitMs where the copies of absent homes take longer to count, the last count stands for it; without one all only
   * copies are unknown, and who asks again hears of this count
   */
  async status(limitMs = STATUS_MS): Promise<DrainStatus> {
    const { nodeId, countHomes } = this.#ports;
    const asking = this.#ports.isAnyOther();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<null>((resolve) => {
      timer = setTimeout(resolve, limitMs, null);
    });
    const counted = await Promise.race([this.#countStranded().catch(() => null), late]);
    clearTimeout(timer);
    const strandedCount = counted ?? this.#countedLately();
    // Not before: what was stranded may be at home here by now.
    const homes = await countHomes().catch(() => null);
    const onlyCopyCount = homes === null || strandedCount === null ? null : homes.singleCopyCount + strandedCount;
    const isAlone = !(await asking);
    return { nodeId, homeCount: homes?.homeCount ?? null, onlyCopyCount, ...(isAlone ? { isAlone } : {}) };
  }

  /** Several that ask at once share one walk. */
  #countStranded(): Promise<number> {
    this.#counting ??= this.#walk().finally(() => {
      this.#counting = null;
    });
    return this.#counting;
  }

  async #walk(): Promise<number> {
    const count = await this.#ports.countStranded();
    this.#counted = { count, atMs: performance.now() };
    return count;
  }

  #countedLately(): number | null {
    const { count, atMs } = this.#counted ?? { count: null, atMs: 0 };
    return performance.now() - atMs <= COUNTED_LATELY_MS ? count : null;
  }

  #enter(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#ports.enterDraining();
  }

  async #run(): Promise<void> {
    let isReleased = false;
    for (let pauseMs = ROUND_PAUSE_MS; ; ) {
      await this.#empty();
      // Only where an operator scales down: a node that is restarted is back before its copies could be made anew.
      if (this.#isStopped) return;
      isReleased ||= await this.#release();
      const strandedCount = await this.#countStranded().catch(() => null);
      const homes = await this.#ports.countHomes().catch(() => null);
      const isEmpty = isReleased && homes?.homeCount === 0;
      // What nobody else may have is waited for, until its home is back, or it is at home here and handed over in turn.
      if (isEmpty && strandedCount === 0) {
        this.#ports.enterLeft();
        return;
      }
      // It has nobody to give anything to, and stays what it is.
      if (this.#ports.isAlone) return;
      await this.#ports.delay(pauseMs);
      pauseMs = isEmpty ? Math.min(2 * pauseMs, MAX_ROUND_PAUSE_MS) : ROUND_PAUSE_MS;
    }
  }

  /** @returns whether every home was asked */
  #release(): Promise<boolean> {
    return this.#ports.releaseReplicas().then(
      () => true,
      (fault: unknown) => {
        this.#ports.onFault(fault);
        return false;
      },
    );
  }

  /** Until nothing is at home here. */
  async #empty(): Promise<void> {
    let isEmpty = false;
    while (!isEmpty && !this.#isStopped) {
      isEmpty = await this.#ports.handOver(ROUND_MS, ROUND_PATIENCE_MS).catch((fault: unknown) => {
        this.#ports.onFault(fault);
        return false;
      });
      if (!isEmpty) await this.#ports.delay(ROUND_PAUSE_MS);
    }
  }
}
