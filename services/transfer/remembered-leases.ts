import { typeOfFault } from '../contracts/errors.ts';
import { LEASE_IDLE_MS, LEASE_MAX_OVERREAD, MAX_REMEMBERED_LEASES } from '../contracts/limits.ts';
import { refusalOf } from './lease-budget.ts';
import type { BeginOutcome, DownloadLease, LeaseFlight, LeaseOutcome, LeaseRepository, PlannedFile } from './ports.ts';

interface Remembered {
  readonly lease: DownloadLease;
  readonly tokenKey: string;
  knownAtMs: number;
  /** What streams were let begin on memory alone may send, by file. */
  readonly lentBytes: Map<number, number>;
}

const keyOf = (transferId: string, tokenHash: Uint8Array) =>
  `${transferId} ${Buffer.from(tokenHash).toString('base64url')}`;

/**
 * "While PostgreSQL is away limited shares go on under a lease already given": leases this node was told of in the last ten
 * minutes let further streams begin without the database, each file at most as much as the database would allow by what
 * was known last. Nothing new is given and nothing consumed without it.
 */
export class RememberedLeases implements LeaseRepository {
  readonly #leases: LeaseRepository;
  readonly #nowMs: () => number;
  readonly #byToken = new Map<string, Remembered>();
  readonly #byId = new Map<string, Remembered>();

  constructor(leases: LeaseRepository, nowMs: () => number) {
    this.#leases = leases;
    this.#nowMs = nowMs;
  }

  async acquire(args: Parameters<LeaseRepository['acquire']>[0]): Promise<LeaseOutcome> {
    const outcome = await this.#leases.acquire(args);
    if (outcome.outcome === 'granted') {
      const { transferId, holder } = args;
      const lease = { id: outcome.leaseId, transferId, holder, state: 'active', servedBytes: {} } as const;
      this.#remember(keyOf(transferId, args.tokenHash), lease);
    }
    return outcome;
  }

  async findByToken(transferId: string, tokenHash: Uint8Array): Promise<DownloadLease | null> {
    const tokenKey = keyOf(transferId, tokenHash);
    try {
      const lease = await this.#leases.findByToken(transferId, tokenHash);
      if (lease === null) this.#forget(this.#byToken.get(tokenKey));
      else this.#remember(tokenKey, lease);
      return lease;
    } catch (fault) {
      const known = this.#freshOf(this.#byToken.get(tokenKey));
      if (known === null || typeOfFault(fault) !== 'unavailable') throw fault;
      return known.lease;
    }
  }

  async takeUp(args: Parameters<LeaseRepository['takeUp']>[0]): Promise<DownloadLease | null> {
    const lease = await this.#leases.takeUp(args);
    if (lease !== null) {
      // Its old token is no longer one.
      this.#forget(this.#byId.get(lease.id));
      this.#remember(keyOf(args.transferId, args.tokenHash), lease);
    }
    return lease;
  }

  async begin(leaseId: string, flight: LeaseFlight, planned: readonly PlannedFile[]): Promise<BeginOutcome> {
    const known = this.#byId.get(leaseId);
    try {
      const begun = await this.#leases.begin(leaseId, flight, planned);
      if (begun === 'gone') this.#forget(known);
      known?.lentBytes.clear();
      return begun;
    } catch (fault) {
      const fresh = this.#freshOf(known);
      if (fresh === null || typeOfFault(fault) !== 'unavailable') throw fault;
      const lent = planned.map(
        ({ fileIndex, plannedBytes }) => [fileIndex, (fresh.lentBytes.get(fileIndex) ?? 0) + plannedBytes] as const,
      );
      const isTooMuch = planned.some(
        ({ fileIndex, sizeBytes }, at) =>
          (fresh.lease.servedBytes[fileIndex] ?? 0) + (lent[at]?.[1] ?? 0) > sizeBytes * LEASE_MAX_OVERREAD,
      );
      // What was lent may come back unused, which is known when the database is there again.
      if (isTooMuch) return refusalOf(planned, fresh.lease.servedBytes);
      for (const [fileIndex, lentBytes] of lent) fresh.lentBytes.set(fileIndex, lentBytes);
      return 'begun';
    }
  }

  record(...args: Parameters<LeaseRepository['record']>): Promise<boolean> {
    return this.#leases.record(...args);
  }

  consume(leaseId: string): Promise<boolean> {
    return this.#leases.consume(leaseId);
  }

  /** Null: it was told of too long ago, its slot may be somebody else's. */
  #freshOf(known: Remembered | undefined): Remembered | null {
    return known !== undefined && this.#nowMs() - known.knownAtMs < LEASE_IDLE_MS ? known : null;
  }

  #remember(tokenKey: string, lease: DownloadLease): void {
    this.#forget(this.#byToken.get(tokenKey));
    const known = { lease, tokenKey, knownAtMs: this.#nowMs(), lentBytes: new Map<number, number>() };
    this.#byToken.set(tokenKey, known);
    this.#byId.set(lease.id, known);
    if (this.#byToken.size <= MAX_REMEMBERED_LEASES) return;
    const [oldest] = this.#byToken.values();
    this.#forget(oldest);
  }

  #forget(known: Remembered | undefined): void {
    if (known === undefined) return;
    this.#byToken.delete(known.tokenKey);
    if (this.#byId.get(known.lease.id) === known) this.#byId.delete(known.lease.id);
  }
}
