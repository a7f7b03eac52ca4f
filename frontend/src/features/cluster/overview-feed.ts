/** Asks for the overview about once a second while somebody looks; less often while nobody answers; not at all when hidden. */
import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import { backoffMs } from '../../transfer-engine/backoff.ts';
import type { Fault } from '../../transfer-engine/fault.ts';
import type { Answered } from '../../transfer-engine/transport.ts';
import type { ClusterChange } from './cluster-picture.ts';

export interface FeedPorts {
  readonly ask: (signal: AbortSignal) => Promise<Answered<OperatorOverview>>;
  readonly tell: (change: ClusterChange) => void;
  readonly nowMs: () => number;
  readonly random: () => number;
  /** Calls back once, unless what it answers is called before. */
  readonly after: (ms: number, call: () => void) => () => void;
}

/** Less than a second: with the 800 ms that a node has to answer, what happened is seen within two on a busy machine, too. */
export const ASK_EVERY_MS = 750;
/** A server that needs almost a second for an answer is not asked again at once. */
const LEAST_PAUSE_MS = 250;
/** A node that froze is found out, and a proxy finds another, well within this. */
export const ANSWER_DEADLINE_MS = 4_000;
const MOST_PAUSE_MS = 8_000;

export class OverviewFeed {
  readonly #ports: FeedPorts;
  #asking: AbortController | null = null;
  #cancelNext: () => void = () => {};
  #failures = 0;

  constructor(ports: FeedPorts) {
    this.#ports = ports;
  }

  /** Asks at once and goes on; an answer still awaited is not wanted any more. */
  start(): void {
    this.stop();
    void this.#ask();
  }

  stop(): void {
    this.#cancelNext();
    this.#asking?.abort();
    this.#asking = null;
  }

  async #ask(): Promise<void> {
    const asking = new AbortController();
    this.#asking = asking;
    const askedMs = this.#ports.nowMs();
    const cancelDeadline = this.#ports.after(ANSWER_DEADLINE_MS, () =>
      asking.abort(new DOMException('no answer in time', 'TimeoutError')),
    );
    const answer = await this.#ports.ask(asking.signal);
    cancelDeadline();
    if (this.#asking !== asking) return;
    this.#asking = null;
    const pauseMs = answer.ok ? this.#heard(answer.value, this.#ports.nowMs() - askedMs) : this.#failed(answer.fault);
    if (pauseMs !== null) this.#cancelNext = this.#ports.after(pauseMs, () => void this.#ask());
  }

  #heard(overview: OperatorOverview, tookMs: number): number {
    this.#failures = 0;
    this.#ports.tell({ type: 'heard', overview, nowMs: this.#ports.nowMs() });
    return Math.max(LEAST_PAUSE_MS, ASK_EVERY_MS - tookMs);
  }

  /** How long to wait; null: asking again would not help. */
  #failed(fault: Fault): number | null {
    if (fault.kind === 'problem' && fault.type === 'bad_token') {
      this.#failures = 0;
      this.#ports.tell({ type: 'signed_out', isByServer: true });
      return null;
    }
    this.#ports.tell({ type: 'failed', fault });
    const askedMs = fault.kind === 'problem' ? (fault.retryAfterMs ?? 0) : 0;
    const pauseMs = backoffMs(this.#failures, this.#ports.random, ASK_EVERY_MS, MOST_PAUSE_MS);
    this.#failures += 1;
    return Math.max(pauseMs, askedMs);
  }
}
