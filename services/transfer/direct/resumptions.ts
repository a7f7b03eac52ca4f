import { MIB } from '../../contracts/limits.ts';
import type { DirectRepository, ReceiptOf } from './ports.ts';

/**
 * What a node can have sent and not told when it was killed: a second or two at 250 Mbit/s and more, and what is with the
 * socket. Who names a byte that is further away did not get there by bytes that were lost.
 */
const MAX_UNTOLD_BYTES = 64 * MIB;
/** Files counted here that are remembered; of one that is forgotten a look ahead may be believed. */
const MAX_COUNTED = 10_000;
/** Waiting for the database; the next one is not credited. */
const MAX_WAITING = 10_000;

interface Resumption extends ReceiptOf {
  readonly at: number;
}

/**
 * Recipients who go on at a byte after their node was killed: what it had sent and not told is known by them alone. They
 * are believed for what lies between the receipts and that byte, when it is no more than a node can leave untold, and when
 * nothing of that file was counted here: a node that lives knows itself what it has sent, and a player that looks at the
 * end of a file, or a client that takes it in several streams, asks for the same as one that goes on.
 */
export class Resumptions {
  readonly #repository: Pick<DirectRepository, 'reached'>;
  readonly #counted = new Set<string>();
  #waiting: Resumption[] = [];

  constructor(repository: Pick<DirectRepository, 'reached'>) {
    this.#repository = repository;
  }

  get size(): number {
    return this.#waiting.length;
  }

  /** Bytes of this file were sent by this node. @returns whether they are the first ones */
  counted(of: ReceiptOf): boolean {
    const key = `${of.transferId} ${of.sessionId} ${of.fileIndex}`;
    if (this.#counted.has(key)) return false;
    for (const oldest of this.#counted) {
      if (this.#counted.size < MAX_COUNTED) break;
      this.#counted.delete(oldest);
    }
    this.#counted.add(key);
    return true;
  }

  /** Its recipient went on at that byte, which was there. */
  add(of: ReceiptOf, at: number): void {
    if (this.#waiting.length < MAX_WAITING) this.#waiting.push({ ...of, at });
  }

  /** Tells what is to be believed. What the database does not answer is asked again. @throws unavailable */
  async credit(believe: (of: ReceiptOf, from: number, to: number) => void): Promise<void> {
    const asked = this.#waiting;
    if (asked.length === 0) return;
    this.#waiting = [];
    const reached = await this.#repository.reached(asked).catch((fault: unknown) => {
      this.#waiting = [...asked, ...this.#waiting].slice(0, MAX_WAITING);
      throw fault;
    });
    for (const [place, resumption] of asked.entries()) {
      const from = reached[place] ?? 0;
      // Whose first bytes were never told did not begin at the first one.
      if (from > 0 && from < resumption.at && resumption.at - from <= MAX_UNTOLD_BYTES) {
        believe(resumption, from, resumption.at);
      }
    }
  }
}
