import type { RunningTransfer } from './running-transfer.ts';

/** Transfers kept in memory while nobody uses them; used ones are bounded by connections. */
const MAX_IDLE_TRANSFERS = 2_000;
/** Their files' rows, of half a KiB each. */
const MAX_IDLE_FILES = 100_000;

/**
 * Which transfers this process works with. Each is there once: of two, one would not hear what is written to the other. So
 * whoever is asked for last is let go of last, and those in use take nobody's place.
 */
export class RunningTransfers {
  /** The one that nobody asked for longest is the first. */
  readonly #byId = new Map<string, RunningTransfer>();
  readonly #idByShare = new Map<string, string>();
  #fileCount = 0;

  /** As they are now. */
  all(): readonly RunningTransfer[] {
    return [...this.#byId.values()];
  }

  idOfShare(shareId: string): string | undefined {
    return this.#idByShare.get(shareId);
  }

  /** Without asking for it. */
  peek(transferId: string): RunningTransfer | undefined {
    return this.#byId.get(transferId);
  }

  get(transferId: string): RunningTransfer | undefined {
    const known = this.#byId.get(transferId);
    if (known === undefined) return undefined;
    this.#byId.delete(transferId);
    this.#byId.set(transferId, known);
    return known;
  }

  add(transfer: RunningTransfer): void {
    this.#byId.set(transfer.row.id, transfer);
    this.#idByShare.set(transfer.row.shareId, transfer.row.id);
    this.#fileCount += transfer.files.length;
  }

  remove(transfer: RunningTransfer): void {
    if (this.#byId.get(transfer.row.id) !== transfer) return;
    this.#byId.delete(transfer.row.id);
    this.#idByShare.delete(transfer.row.shareId);
    this.#fileCount -= transfer.files.length;
  }

  clear(): void {
    this.#byId.clear();
    this.#idByShare.clear();
    this.#fileCount = 0;
  }

  /** Those that nobody uses beyond so many as are kept. The one that was added last is none of them. */
  surplus(): readonly RunningTransfer[] {
    if (this.#byId.size <= MAX_IDLE_TRANSFERS && this.#fileCount <= MAX_IDLE_FILES) return [];
    const idle = this.all().filter((transfer) => !transfer.isBusy);
    let fileCount = idle.reduce((sum, { files }) => sum + files.length, 0);
    let dropped = 0;
    while (dropped < idle.length - 1 && (idle.length - dropped > MAX_IDLE_TRANSFERS || fileCount > MAX_IDLE_FILES)) {
      fileCount -= idle[dropped]?.files.length ?? 0;
      dropped += 1;
    }
    return idle.slice(0, dropped);
  }
}
