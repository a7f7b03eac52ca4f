import type { DrainStatus } from '../contracts/actions.ts';

export interface DrainPorts {
  readonly nodeId: string;
  /** No cluster: what is stored here has no other place. */
  readonly isAlone: boolean;
  /** Out of placement at once; everybody is told. */
  readonly enterDraining: () => void;
  /** Nothing of the cluster is left here: everybody is told, and the process may be stopped. */
  readonly enterLeft: () => void;
  /** Hands transfers over until none is left or the time is over; bodies on their way may end within the patience. */
  readonly handOver: (limitMs: number, patienceMs: number) => Promise<boolean>;
  /** Asks the homes whose replica this node is to take another. */
  readonly releaseReplicas: () => Promise<void>;
  readonly count: () => Promise<DrainCounts>;
  readonly delay: (ms: number) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

export interface DrainCounts {
  /** Transfers at home here, and those of them without a copy in sync. */
  readonly homeCount: number;
  readonly singleCopyCount: number;
  /** Transfers stored here whose home does not answer, nor any other node that has all of them. */
  readonly strandedCount: number;
}

/** One round of the background; the next follows while something is left. */
const ROUND_MS = 60_000;
const ROUND_PATIENCE_MS = 30_000;
const ROUND_PAUSE_MS = 1_000;

/** Empties this node: on SIGTERM within a time, or for an operator who waits, however long it takes. */
export class NodeDrain {
  readonly #ports: DrainPorts;
  #isDraining = false;
  #isStopped = false;
  #isRunning = false;

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

  async status(): Promise<DrainStatus> {
    const counted = await this.#ports.count().catch(() => null);
    return {
      nodeId: this.#ports.nodeId,
      homeCount: counted?.homeCount ?? null,
      onlyCopyCount: counted === null ? null : counted.singleCopyCount + counted.strandedCount,
    };
  }

  #enter(): void {
    if (this.#isDraining) return;
    this.#isDraining = true;
    this.#ports.enterDraining();
  }

  async #run(): Promise<void> {
    for (let isReleased = false; ; ) {
      await this.#empty();
      // Only where an operator scales down: a node that is restarted is back before its copies could be made anew.
      if (this.#isStopped) return;
      isReleased ||= await this.#release();
      const counted = await this.#ports.count().catch(() => null);
      // What nobody else may have is waited for, until its home is back, or it is at home here and handed over in turn.
      if (isReleased && counted?.homeCount === 0 && counted.strandedCount === 0) {
        this.#ports.enterLeft();
        return;
      }
      // It has nobody to give anything to, and stays what it is.
      if (this.#ports.isAlone) return;
      await this.#ports.delay(ROUND_PAUSE_MS);
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
