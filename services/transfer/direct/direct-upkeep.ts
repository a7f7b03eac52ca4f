import type { LeaderTerm } from '../../kernel/leader-term.ts';
import type { DirectSends } from './direct-sends.ts';
import type { DirectRepository, ReceiptReport } from './ports.ts';
import { ReceiptBook } from './receipt-book.ts';
import { RecipientStreams } from './recipient-streams.ts';

/** Files in one report; the next one goes on at once. */
const REPORTED_AT_ONCE = 500;
const EXPIRED_A_TURN = 500;
const DELETE_EVERY_MS = 30_000;

/** One stream to a recipient, as it is counted. */
export interface RecipientStream {
  /** The recipient's socket took these bytes of a file, half-open. */
  taken(fileIndex: number, from: number, to: number): void;
  /** Everything was taken that will be. */
  end(): void;
}

export interface DirectUpkeepDeps {
  readonly direct: Pick<DirectSends, 'report' | 'obeyEnd' | 'tellAnswered'>;
  readonly repository: Pick<DirectRepository, 'endOver' | 'settle' | 'deleteOver'>;
  /** Durations. */
  readonly nowMs: () => number;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** What goes on beside requests: receipts once a second, and the leader's part: what is over ends. */
export class DirectUpkeep {
  readonly #deps: DirectUpkeepDeps;
  readonly #book = new ReceiptBook();
  readonly #streams = new RecipientStreams();
  #reporting: Promise<void> | null = null;
  #deletedAtMs: number;

  constructor(deps: DirectUpkeepDeps) {
    this.#deps = deps;
    this.#deletedAtMs = deps.nowMs();
  }

  /** @param cut ends the stream: the recipient has left, or declined. */
  begin(transferId: string, sessionId: string, cut: () => void): RecipientStream {
    const forget = this.#streams.add(transferId, sessionId, cut);
    return {
      taken: (fileIndex, from, to) => this.#book.taken({ transferId, sessionId, fileIndex }, from, to),
      end: () => {
        forget();
        this.report().catch((fault: unknown) => this.#deps.onFault('receipts', fault));
      },
    };
  }

  /** Tells the database what was taken. What it does not take now is told again. @throws unavailable */
  async report(): Promise<void> {
    // What came while a report was on its way is in the next one.
    if (this.#reporting !== null) await this.#reporting.catch(() => undefined);
    if (this.#book.size === 0) return;
    this.#reporting ??= this.#reportAll().finally(() => {
      this.#reporting = null;
    });
    await this.#reporting;
  }

  /** Ends what is over, as the leader. @returns how many transfers it ended */
  async lead(term: LeaderTerm): Promise<number> {
    const { direct, repository, nowMs } = this.#deps;
    direct.tellAnswered(await repository.settle(EXPIRED_A_TURN, term));
    const ended = await repository.endOver(term);
    await direct.obeyEnd(ended);
    if (nowMs() - this.#deletedAtMs >= DELETE_EVERY_MS) {
      this.#deletedAtMs = nowMs();
      await repository.deleteOver(EXPIRED_A_TURN, term);
    }
    return ended.length;
  }

  /** What was there when it began: while a stream moves there is always more, and that is the next turn's. */
  async #reportAll(): Promise<void> {
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
