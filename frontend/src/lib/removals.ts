/**
 * Transfers that this page has the server delete. What is said to be deleted must be: one that the server was not told
 * of, or refused, stays here with its name until it is tried again. Pure: server and records come in through ports.
 */
import type { Fault } from '../transfer-engine/fault.ts';
import type { Answered } from '../transfer-engine/transport.ts';
import { createStore } from './store.ts';

export interface Removal {
  readonly transferId: string;
  readonly name: string;
  /** Where there is one: it works after the session has gone, too. */
  readonly uploadToken?: string;
}
export interface RemovalPorts {
  /** Ends what this page sends of it. */
  readonly stop: (transferId: string) => void;
  readonly ask: (removal: Removal, outlivesPage: boolean) => Promise<Answered<null>>;
  /** It is gone at the server: nothing of it needs to be remembered for another visit. */
  readonly forget: (transferId: string) => void;
}

/** Of more than these only the newest are told. */
const MAX_FAILED = 100;

export class Removals {
  readonly #ports: RemovalPorts;
  readonly #failed = createStore<readonly Removal[]>([]);

  constructor(ports: RemovalPorts) {
    this.#ports = ports;
  }

  /** Those that did not succeed, newest first. */
  readonly read = (): readonly Removal[] => this.#failed.read();
  readonly subscribe = (listener: () => void): (() => void) => this.#failed.subscribe(listener);

  /** Resolves when the server has answered, or could not be asked. */
  async remove(removal: Removal, { outlivesPage = false } = {}): Promise<void> {
    const { transferId } = removal;
    this.#ports.stop(transferId);
    const answer = await this.#ports.ask(removal, outlivesPage);
    const isGone = answer.ok || isOver(answer.fault);
    if (isGone) this.#ports.forget(transferId);
    this.#failed.change((before) => {
      const others = before.filter((one) => one.transferId !== transferId);
      if (isGone) return others.length === before.length ? before : others;
      return [removal, ...others].slice(0, MAX_FAILED);
    });
  }

  async tryAgain(): Promise<void> {
    await Promise.all(this.read().map((removal) => this.remove(removal)));
  }
}

function isOver(fault: Fault): boolean {
  return fault.kind === 'problem' && ['not_found', 'ended', 'expired', 'used_up'].includes(fault.type);
}
