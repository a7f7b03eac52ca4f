import type { Recipient } from '../contracts/person.ts';
import type { Call } from '../define-service.ts';
import { RefreshTurns } from './refresh-turns.ts';
import type { Watch, Watches } from './watches.ts';

const EVERY_MS = 1_000;
/** "Once a second while bytes are taken": a little sooner than the next regular look. */
const BYTES_EVERY_MS = 900;

export interface RecipientNewsDeps {
  readonly call: Call;
  readonly watches: Pick<Watches, 'of'>;
  readonly nowMs: () => number;
  readonly onFault: (fault: unknown) => void;
}
export type TellRecipients = (watch: Watch, recipients: readonly Recipient[]) => void;

interface Followed {
  /** What its watchers were told last, as JSON. */
  told: string;
  toldAtMs: number;
}

/** `transfer.recipients`: senders who watch a direct send learn who answered and what each has. */
export class RecipientNews {
  readonly #deps: RecipientNewsDeps;
  readonly #followed = new Map<string, Followed>();
  readonly #turns: RefreshTurns<string>;
  #tell: TellRecipients = () => undefined;

  constructor(deps: RecipientNewsDeps) {
    this.#deps = deps;
    this.#turns = new RefreshTurns({
      keys: () => this.#watched(),
      refresh: (transferIds) => this.#refresh(transferIds),
      everyMs: EVERY_MS,
      onFault: deps.onFault,
    });
  }

  start(tell: TellRecipients): void {
    this.#tell = tell;
    this.#turns.start();
  }

  stop(): Promise<void> {
    return this.#turns.stop();
  }

  /** A sender began to watch: told at once whom it goes to; of a share nothing is ever told. */
  follow(watch: Watch): void {
    this.#first(watch).catch((fault: unknown) => {
      // Told with the next turn that has an answer: nobody watches twice.
      this.#followed.set(watch.transferId, { told: '', toldAtMs: Number.NEGATIVE_INFINITY });
      this.#deps.onFault(fault);
    });
  }

  /** A hint. */
  hear(transferIds: readonly string[], isAnswer: boolean): void {
    this.#turns.soon(transferIds.filter((id) => this.#followed.has(id) && (isAnswer || this.#isDue(id))));
  }

  async #first(watch: Watch): Promise<void> {
    const { transferId } = watch;
    const [found] = await this.#deps.call('transfer.recipients', { transferIds: [transferId] });
    if (found === undefined) return;
    const text = JSON.stringify(found.recipients);
    const followed = this.#followed.get(transferId);
    if (followed === undefined) this.#followed.set(transferId, { told: text, toldAtMs: this.#deps.nowMs() });
    this.#tell(watch, found.recipients);
    // Its other watchers were told something else meanwhile, earlier or later than this: all are told again.
    if (followed !== undefined && followed.told !== text) {
      followed.told = '';
      this.#turns.soon([transferId]);
    }
  }

  /** Those that still have a sender who watches here. */
  #watched(): readonly string[] {
    for (const transferId of [...this.#followed.keys()]) {
      if (this.#sendersOf(transferId).length === 0) this.#followed.delete(transferId);
    }
    return [...this.#followed.keys()].filter((transferId) => this.#isDue(transferId));
  }

  #isDue(transferId: string): boolean {
    const followed = this.#followed.get(transferId);
    return followed !== undefined && this.#deps.nowMs() - followed.toldAtMs >= BYTES_EVERY_MS;
  }

  #sendersOf(transferId: string): readonly Watch[] {
    return [...this.#deps.watches.of(transferId)].filter(({ isSenders }) => isSenders);
  }

  async #refresh(transferIds: readonly string[]): Promise<void> {
    const asked = transferIds.filter((id) => this.#followed.has(id));
    if (asked.length === 0) return;
    const found = await this.#deps.call('transfer.recipients', { transferIds: asked });
    // A share, whose first answer did not come.
    const known = new Set(found.map(({ transferId }) => transferId));
    for (const id of asked) if (!known.has(id)) this.#followed.delete(id);
    for (const { transferId, recipients } of found) {
      const followed = this.#followed.get(transferId);
      const text = JSON.stringify(recipients);
      if (followed === undefined || followed.told === text) continue;
      followed.told = text;
      followed.toldAtMs = this.#deps.nowMs();
      for (const watch of this.#sendersOf(transferId)) this.#tell(watch, recipients);
    }
  }
}
