import { ENDED_ROW_KEPT_MS, LEASE_IDLE_MS } from '../contracts/limits.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import { UnbrokenWatch } from '../kernel/unbroken-watch.ts';
import type { DirectUpkeep } from './direct/direct-upkeep.ts';
import type { TransferRepository } from './ports.ts';

/** Rows in one statement; what is left is due still, and the next turn goes on. */
const BATCH = 500;
/** Homes tell the database once a second which uploads move, and streams every 2 s what they sent: so long they have had the chance to. */
const TOLD_WITHIN_MS = 30_000;
/** A turn comes once a second; an answer takes the database 2 s at most, or does not come. */
const LONGEST_DELAY_MS = 5_000;
/** A lone node looks again after so long in any case: somebody may have set the clock that the rows go by. */
const LONGEST_REST_MS = 10_000;

export interface LeaderTurnsPorts {
  readonly repository: Pick<TransferRepository, 'dueIn' | 'endExpired' | 'deleteEndedRows'>;
  readonly sends: Pick<DirectUpkeep, 'lead' | 'deleteOver'>;
  /** TTL_UPLOAD_STATE. */
  readonly uploadTtlSeconds: number;
  /** Nobody else changes rows: what they say of the future holds until this process changes them. */
  readonly isLone: boolean;
  /** For durations. */
  readonly nowMs: () => number;
}

/**
 * What the leader does with transfers, once a second: it asks what is due, in one cheap statement, and does that. A lone node
 * rests until the first of it is due. While the database was away nobody could say that an upload or a download moved, so none
 * is taken for abandoned until it has answered for half a minute. The same when somebody set the clock that the rows go by, or
 * the machine slept: then everything seems to have stood still for as long.
 */
export class LeaderTurns {
  readonly #ports: LeaderTurnsPorts;
  #answers: UnbrokenWatch;
  /** How far the rows' clock was ahead of the one for durations when it was seen last. */
  #aheadMs: number | null = null;
  #restsUntilMs = Number.NEGATIVE_INFINITY;

  constructor(ports: LeaderTurnsPorts) {
    this.#ports = ports;
    this.#answers = this.#newWatch();
  }

  /** A transfer was opened, or is to end at another time: something may be due sooner than the rows said. */
  readonly lookAgain = (): void => {
    this.#restsUntilMs = Number.NEGATIVE_INFINITY;
  };

  /** @returns how many transfers it ended. @throws unavailable */
  async turn(term: LeaderTerm): Promise<number> {
    const { isLone, nowMs } = this.#ports;
    const beganAtMs = nowMs();
    if (beganAtMs < this.#restsUntilMs) return 0;
    // Before the rows are asked: what is opened meanwhile takes it back.
    this.#restsUntilMs = beganAtMs + LONGEST_REST_MS;
    try {
      const { endedCount, nextMs } = await this.#act(term);
      const restMs = isLone ? Math.max(0, nextMs) : 0;
      this.#restsUntilMs = Math.min(this.#restsUntilMs, beganAtMs + restMs);
      return endedCount;
    } catch (fault) {
      this.lookAgain();
      throw fault;
    }
  }

  async #act(term: LeaderTerm): Promise<{ readonly endedCount: number; readonly nextMs: number }> {
    const { repository, sends } = this.#ports;
    const endedKeptSeconds = ENDED_ROW_KEPT_MS / 1000;
    const due = await repository.dueIn({ ...this.#times(), endedKeptSeconds });
    this.#look(due.nowMs);
    // Asked for once more: what is due by a clock that was set just now is not done.
    const { uploadTtlSeconds, leaseIdleSeconds } = this.#times();
    const { expiryMs, sendsMs } = due;
    let endedCount = 0;
    if (expiryMs <= 0) {
      endedCount += (await repository.endExpired({ uploadTtlSeconds, leaseIdleSeconds, limit: BATCH, term })).length;
      await repository.deleteEndedRows(endedKeptSeconds, BATCH, term);
    }
    if (sendsMs <= 0) endedCount += await sends.lead(term);
    await sends.deleteOver(term);
    return { endedCount, nextMs: Math.min(expiryMs, sendsMs) };
  }

  /** Null: nobody can be sure yet what stands still. */
  #times(): { readonly uploadTtlSeconds: number | null; readonly leaseIdleSeconds: number | null } {
    const isCertain = this.#answers.durationMs(this.#ports.nowMs()) >= TOLD_WITHIN_MS;
    return isCertain
      ? { uploadTtlSeconds: this.#ports.uploadTtlSeconds, leaseIdleSeconds: LEASE_IDLE_MS / 1000 }
      : { uploadTtlSeconds: null, leaseIdleSeconds: null };
  }

  /** The database answered, at this time of its clock. */
  #look(rowsNowMs: number): void {
    const nowMs = this.#ports.nowMs();
    const aheadMs = rowsNowMs - nowMs;
    if (this.#aheadMs !== null && Math.abs(aheadMs - this.#aheadMs) > LONGEST_DELAY_MS)
      this.#answers = this.#newWatch();
    this.#aheadMs = aheadMs;
    this.#answers.saw(nowMs);
  }

  #newWatch(): UnbrokenWatch {
    return new UnbrokenWatch(LONGEST_DELAY_MS + (this.#ports.isLone ? LONGEST_REST_MS : 0));
  }
}
