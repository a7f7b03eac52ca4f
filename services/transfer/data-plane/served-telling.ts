import type { LeaseFlight, LeaseRepository, ServedSince } from '../ports.ts';

/** What one stream under a lease served, told to the lease's row now and then, and counted there once. */
export class ServedTelling {
  readonly #leases: Pick<LeaseRepository, 'record'>;
  readonly #leaseId: string;
  readonly #flight: () => LeaseFlight;
  readonly #untold = new Map<number, number>();
  #told: ServedSince = { number: 0, served: [], isLast: false };
  #isAnswered = true;
  #isLost = false;
  #telling: Promise<void> | null = null;

  /** @param flight where the stream is now */
  constructor(leases: Pick<LeaseRepository, 'record'>, leaseId: string, flight: () => LeaseFlight) {
    this.#leases = leases;
    this.#leaseId = leaseId;
    this.#flight = flight;
  }

  /** The lease is gone: its slot was given back. */
  get isLost(): boolean {
    return this.#isLost;
  }

  count(fileIndex: number, bytes: number): void {
    this.#untold.set(fileIndex, (this.#untold.get(fileIndex) ?? 0) + bytes);
  }

  /** While the database cannot answer nothing is told, and nothing is forgotten. Never rejects; one at a time. */
  tell(): Promise<void> {
    this.#telling ??= this.#tellAll(false)
      .catch(() => {})
      .finally(() => {
        this.#telling = null;
      });
    return this.#telling;
  }

  /** For the last time. The rows say "no stream" by themselves after some seconds of silence. Never rejects. */
  async end(): Promise<void> {
    await this.#telling;
    await this.#tellAll(true).catch(() => {});
  }

  async #tellAll(isLast: boolean): Promise<void> {
    // What got no answer may have been counted: as it was, and before anything else.
    if (!this.#isAnswered) await this.#record();
    const served = [...this.#untold].map(([fileIndex, servedBytes]) => ({ fileIndex, servedBytes }));
    this.#untold.clear();
    this.#told = { number: this.#told.number + 1, served, isLast };
    await this.#record();
  }

  async #record(): Promise<void> {
    this.#isAnswered = false;
    this.#isLost = !(await this.#leases.record(this.#leaseId, { ...this.#flight(), ...this.#told }));
    this.#isAnswered = true;
  }
}
