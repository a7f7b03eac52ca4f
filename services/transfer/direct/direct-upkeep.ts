import { setTimeout as delay } from 'node:timers/promises';
import type { DirectCounter } from '../../kernel/direct-counter.ts';
import type { LeaderTerm } from '../../kernel/leader-term.ts';
import { isReading } from './direct-rules.ts';
import type { DirectSends } from './direct-sends.ts';
import type { DirectRepository, ReceiptReport } from './ports.ts';
import { ReceiptBook } from './receipt-book.ts';
import { RecipientStreams } from './recipient-streams.ts';
import { Resumptions } from './resumptions.ts';

/** Files in one report; the next one goes on at once. */
const REPORTED_AT_ONCE = 500;
const EXPIRED_A_TURN = 500;
const DELETE_EVERY_MS = 30_000;
/** The end of a download waits so long for the database: nobody's download is to fail because that is away. */
const LAST_RECEIPT_WAIT_MS = 1_000;

/** One stream to a recipient, as it is counted. */
export interface RecipientStream {
  /** The recipient's socket took these bytes of a file, half-open. */
  taken(fileIndex: number, from: number, to: number): void;
  /** Resolves once all that was taken until now is in the database, or after a while in which it does not answer. */
  told(): Promise<void>;
  /** Everything was taken that will be. */
  end(): void;
}

export interface DirectUpkeepDeps {
  readonly direct: Pick<DirectSends, 'report' | 'obeyEnd' | 'tellAnswered'>;
  readonly repository: Pick<DirectRepository, 'endOver' | 'settle' | 'deleteOver' | 'reached' | 'grantState'>;
  readonly counter: Pick<DirectCounter, 'offers' | 'received'>;
  /** Durations. */
  readonly nowMs: () => number;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** What goes on beside requests: receipts once a second, and the leader's part: what is over ends. */
export class DirectUpkeep {
  readonly #deps: DirectUpkeepDeps;
  readonly #book = new ReceiptBook();
  readonly #streams = new RecipientStreams();
  readonly #resumptions: Resumptions;
  #reporting: Promise<void> | null = null;
  #deletedAtMs: number;

  constructor(deps: DirectUpkeepDeps) {
    this.#deps = deps;
    this.#resumptions = new Resumptions(deps.repository);
    this.#deletedAtMs = deps.nowMs();
  }

  /**
   * @param cut ends the stream: the recipient has left, or declined.
   * @param goesOnAt the byte at which a client goes on to the end, as it does with what it has before it; else null
   */
  begin(transferId: string, sessionId: string, goesOnAt: number | null, cut: () => void): RecipientStream {
    const forget = this.#streams.add(transferId, sessionId, cut);
    const report = () => this.report().catch((fault: unknown) => this.#deps.onFault('receipts', fault));
    return {
      taken: (fileIndex, from, to) => {
        const of = { transferId, sessionId, fileIndex };
        this.#book.taken(of, from, to);
        this.#deps.counter.received(to - from);
        if (!this.#resumptions.counted(of)) return;
        if (goesOnAt === from) this.#resumptions.add(of, from);
        // Told at once, so that what follows is known to be a beginning of it whenever this node is killed.
        if (from === 0) void report();
      },
      told: async () => {
        const late = new AbortController();
        await Promise.race([
          report(),
          delay(LAST_RECEIPT_WAIT_MS, undefined, { signal: late.signal }).catch(() => undefined),
        ]);
        late.abort();
      },
      end: () => {
        forget();
        void report();
      },
    };
  }

  /** Tells the database what was taken. What it does not take now is told again. @throws unavailable */
  async report(): Promise<void> {
    // What came while a report was on its way is in the next one.
    if (this.#reporting !== null) await this.#reporting.catch(() => undefined);
    if (this.#book.size + this.#resumptions.size === 0) return;
    this.#reporting ??= this.#reportAll().finally(() => {
      this.#reporting = null;
    });
    await this.#reporting;
  }

  /** A hint: somebody has answered or left. A stream that waits for bytes has nothing to report, and is cut by this. */
  async obeyAnswer(transferId: string): Promise<void> {
    for (const sessionId of this.#streams.sessionsOf(transferId)) {
      const state = await this.#deps.repository.grantState(transferId, sessionId);
      if (!isReading(state)) this.#streams.cut(transferId, sessionId);
    }
  }

  /** Ends what is over, as the leader. @returns how many transfers it ended */
  async lead(term: LeaderTerm): Promise<number> {
    const { direct, repository, counter } = this.#deps;
    const settled = await repository.settle(EXPIRED_A_TURN, term);
    for (const outcome of settled.outcomes) counter.offers(outcome, 1);
    direct.tellAnswered(settled.transferIds);
    const ended = await repository.endOver(term);
    await direct.obeyEnd(ended);
    return ended.length;
  }

  /** As the leader, now and then: what nobody is shown any more goes. */
  async deleteOver(term: LeaderTerm): Promise<void> {
    const { repository, nowMs } = this.#deps;
    if (nowMs() - this.#deletedAtMs < DELETE_EVERY_MS) return;
    this.#deletedAtMs = nowMs();
    await repository.deleteOver(EXPIRED_A_TURN, term);
  }

  /** What was there when it began: while a stream moves there is always more, and that is the next turn's. */
  async #reportAll(): Promise<void> {
    await this.#resumptions.credit((of, from, to) => this.#book.taken(of, from, to));
    let left = this.#book.size;
    while (left > 0) {
      const reports = this.#book.take(Math.min(left, REPORTED_AT_ONCE));
      left -= reports.length;
      let refused: readonly ReceiptReport[];
      try {
        refused = await this.#deps.direct.report(reports);
      } catch (fault) {
        this.#book.giveBack(reports);
        throw fault;
      }
      for (const { transferId, sessionId } of refused) this.#streams.cut(transferId, sessionId);
    }
  }
}
