/** Keeps the book of nodes fresh while there is something to send: who is there, and how far away. */
import type { ClusterResponse } from '../../../services/contracts/http.ts';
import { firstAnswer } from './first-answer.ts';
import type { NodeBook } from './node-book.ts';
import { OWN } from './node-choice.ts';

const LOOK_EVERY_MS = 5_000;
const ANSWER_TIMEOUT_MS = 2_000;
const MEASURED_FOR_MS = 60_000;
/** A turn costs a few small requests, however large the cluster is. */
const MEASURED_A_TURN = 4;

export interface ScoutPorts {
  readonly now: () => number;
  /** Null: no answer. */
  readonly cluster: (address: string, timeoutMs: number) => Promise<ClusterResponse | null>;
  /** Asks for something small. */
  readonly touch: (address: string, timeoutMs: number) => Promise<boolean>;
  readonly onNews: (cluster: ClusterResponse) => void;
}

export class NodeScout {
  readonly #book: NodeBook;
  readonly #ports: ScoutPorts;
  readonly #measuredAtMs = new Map<string, number>();
  #timer: ReturnType<typeof setTimeout> | null = null;
  /** Of the present run of turns; null while nothing is sent. */
  #run: symbol | null = null;

  constructor(book: NodeBook, ports: ScoutPorts) {
    this.#book = book;
    this.#ports = ports;
  }

  /** Looks at once and then every five seconds; repeatable. */
  start(): void {
    if (this.#run !== null || !this.#book.usesCluster) return;
    this.#run = Symbol('run');
    void this.#turn(this.#run);
  }

  stop(): void {
    this.#run = null;
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
  }

  /** A turn that outlasts its run is the last one of it, though another run has begun meanwhile. */
  async #turn(run: symbol): Promise<void> {
    await this.#look();
    for (const address of this.#toMeasure()) await this.#measure(address);
    if (this.#run === run) this.#timer = setTimeout(() => void this.#turn(run), LOOK_EVERY_MS);
  }

  async #look(): Promise<void> {
    const found = await firstAnswer(
      this.#book.measurable(),
      (address) => this.#ports.cluster(address, ANSWER_TIMEOUT_MS),
      (answer) => answer !== null,
    );
    if (!found?.answer) return;
    this.#book.learn(found.answer);
    this.#ports.onNews(found.answer);
  }

  #toMeasure(): readonly string[] {
    const addresses = this.#book.measurable();
    // With one there is nothing to choose.
    if (addresses.length < 2) return [];
    const isDue = (address: string) =>
      this.#ports.now() - (this.#measuredAtMs.get(address) ?? Number.NEGATIVE_INFINITY) >= MEASURED_FOR_MS;
    return addresses.filter(isDue).slice(0, MEASURED_A_TURN);
  }

  /** The second of two: the first one may open a connection. */
  async #measure(address: string): Promise<void> {
    const { now, touch } = this.#ports;
    this.#measuredAtMs.set(address, now());
    if (!(await touch(address, ANSWER_TIMEOUT_MS))) return;
    const askedMs = now();
    if (await touch(address, ANSWER_TIMEOUT_MS)) this.#book.measured(address, now() - askedMs);
  }
}

/** By fetch, without the cookie: any node answers. */
export function httpScout(ownAddress: () => string): Pick<ScoutPorts, 'cluster' | 'touch'> {
  const ask = (address: string, timeoutMs: number) =>
    fetch(`${address === OWN ? ownAddress() : address}/api/cluster`, {
      credentials: 'omit',
      cache: 'no-store',
      signal: AbortSignal.timeout(timeoutMs),
    });
  return {
    async cluster(address, timeoutMs) {
      try {
        const response = await ask(address, timeoutMs);
        return response.ok ? ((await response.json()) as ClusterResponse) : null;
      } catch {
        return null;
      }
    },
    async touch(address, timeoutMs) {
      try {
        const response = await ask(address, timeoutMs);
        await response.arrayBuffer();
        return response.ok;
      } catch {
        return false;
      }
    },
  };
}
