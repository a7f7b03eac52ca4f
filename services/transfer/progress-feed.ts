import { type Ranges, rangesOf } from '../kernel/ranges.ts';

const EVENTS_PER_SECOND = 10;

export interface Progress {
  readonly transferId: string;
  readonly generation: number;
  readonly committed: Readonly<Record<number, Ranges>>;
  /** Files sealed since the last event: digest in hex per file index. */
  readonly digests: Readonly<Record<number, string>>;
  readonly recipients: number;
}

interface Pending {
  generation: number;
  recipients: number;
  readonly byFile: Map<number, number[]>;
  readonly digests: Map<number, string>;
}

/** Gathers commits and tells them at most ten times a second a transfer: an event a chunk would cost more than the chunk. */
export class ProgressFeed {
  readonly #publish: (progress: Progress) => void;
  readonly #pending = new Map<string, Pending>();
  #timer: NodeJS.Timeout | null = null;

  constructor(publish: (progress: Progress) => void) {
    this.#publish = publish;
  }

  committed(transferId: string, generation: number, recipients: number, fileIndex: number, chunkIndex: number): void {
    const pending = this.#of(transferId, generation, recipients);
    const chunks = pending.byFile.get(fileIndex);
    if (chunks === undefined) pending.byFile.set(fileIndex, [chunkIndex]);
    else chunks.push(chunkIndex);
  }

  sealed(transferId: string, generation: number, recipients: number, fileIndex: number, digest: Uint8Array): void {
    this.#of(transferId, generation, recipients).digests.set(fileIndex, Buffer.from(digest).toString('hex'));
  }

  recipientsChanged(transferId: string, generation: number, recipients: number): void {
    this.#of(transferId, generation, recipients);
  }

  /** Tells what is gathered now, so that the news of a seal never comes before its last chunk. */
  flush(transferId: string): void {
    const pending = this.#pending.get(transferId);
    if (pending === undefined) return;
    this.#pending.delete(transferId);
    this.#tell(transferId, pending);
  }

  stop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    this.#pending.clear();
  }

  #of(transferId: string, generation: number, recipients: number): Pending {
    let pending = this.#pending.get(transferId);
    if (pending === undefined) {
      pending = { generation, recipients, byFile: new Map(), digests: new Map() };
      this.#pending.set(transferId, pending);
      this.#timer ??= setTimeout(() => this.#tellAll(), 1000 / EVENTS_PER_SECOND).unref();
    }
    pending.recipients = recipients;
    return pending;
  }

  #tellAll(): void {
    this.#timer = null;
    const all = [...this.#pending];
    this.#pending.clear();
    for (const [transferId, pending] of all) this.#tell(transferId, pending);
  }

  #tell(transferId: string, pending: Pending): void {
    this.#publish({
      transferId,
      generation: pending.generation,
      recipients: pending.recipients,
      digests: Object.fromEntries(pending.digests),
      committed: Object.fromEntries([...pending.byFile].map(([file, chunks]) => [file, rangesOf(chunks)])),
    });
  }
}
