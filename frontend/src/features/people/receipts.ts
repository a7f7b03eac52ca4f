/** Tells the server what is on this device, so that the sender sees it. What tells comes in through a port. */
import { MAX_RECEIPT_RANGES } from '../../../../services/contracts/limits.ts';
import type { ReceiptsRequest } from '../../../../services/contracts/people.ts';
import type { Answered } from '../../transfer-engine/transport.ts';

/** "About once a second", and once more at the end. */
const EVERY_MS = 1_000;
/** The last receipt ends the transfer for its sender: a node that is away has so long to come back. */
const LAST_TRIES = 60;

export interface ReceivedFile {
  readonly index: number;
  readonly sizeBytes: number;
}

export class Receipts {
  readonly #ask: (body: ReceiptsRequest) => Promise<Answered<unknown>>;
  readonly #timer: ReturnType<typeof setInterval>;
  /** Bytes of each file, until they were told. */
  readonly #untold = new Map<number, number>();
  #telling: Promise<boolean> | null = null;

  constructor(ask: (body: ReceiptsRequest) => Promise<Answered<unknown>>) {
    this.#ask = ask;
    this.#timer = setInterval(() => void this.#tell(), EVERY_MS);
  }

  /** The last byte is reported when the file is closed: before, a full disk may still take it back. */
  written(file: ReceivedFile, bytes: number): void {
    const sureBytes = Math.min(bytes, file.sizeBytes - 1);
    if (sureBytes > 0) this.#untold.set(file.index, sureBytes);
  }

  closed(file: ReceivedFile): void {
    this.#untold.set(file.index, file.sizeBytes);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Stops, and tells what is left until it is heard. */
  async finish(): Promise<void> {
    this.stop();
    for (let tries = 0; tries < LAST_TRIES && this.#untold.size > 0; tries++) {
      const isHeard = await this.#tell();
      if (!isHeard) await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
  }

  /** One at a time. @returns whether it was heard, or never will be */
  #tell(): Promise<boolean> {
    this.#telling ??= this.#send().finally(() => {
      this.#telling = null;
    });
    return this.#telling;
  }

  async #send(): Promise<boolean> {
    if (this.#untold.size === 0) return true;
    const told = [...this.#untold].slice(0, MAX_RECEIPT_RANGES);
    const received = Object.fromEntries(told.map(([index, bytes]) => [index, bytes > 0 ? [[0, bytes] as const] : []]));
    const answer = await this.#ask({ received });
    const isOver = answer.ok || (answer.fault.kind === 'problem' && answer.fault.retryAfterMs === null);
    if (!isOver) return false;
    for (const [index, bytes] of told) if (this.#untold.get(index) === bytes) this.#untold.delete(index);
    return true;
  }
}
