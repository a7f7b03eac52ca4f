import type { TransferRow } from '../ports.ts';
import { type CasDeps, casUntilKnown, stopping } from './ownership-cas.ts';
import type { ReplicaTransfer } from './ports.ts';

export interface SyncingDeclarationsDeps extends CasDeps {
  readonly nodeId: string;
  /** True: the machine has not rebooted, and nothing need be declared. */
  readonly isDiskTrusted: boolean;
  /** Resolves when no write of any session of the transfer is in flight. */
  readonly endSession: (transferId: string) => Promise<void>;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/**
 * "Another boot id: as R of open transfers CAS(syncing), also when the row already says syncing; until that CAS is known R
 * takes no session and never promotes."
 */
export class SyncingDeclarations {
  readonly #deps: SyncingDeclarationsDeps;
  /** Transfers of which the row says `syncing` by a statement of this process. */
  readonly #declared = new Set<string>();
  readonly #declaring = new Map<string, Promise<void>>();
  #isFinished: boolean;

  constructor(deps: SyncingDeclarationsDeps) {
    this.#deps = deps;
    this.#isFinished = deps.isDiskTrusted;
  }

  /** Sealed transfers need no declaring: their bytes are verified against the row's digest. */
  isDueFor(row: TransferRow): boolean {
    return !this.#isFinished && row.state === 'open' && !this.#declared.has(row.id);
  }

  /** Repeatable, and at once where nothing is to be declared. @throws unavailable when the process ends first */
  async declare(transfer: ReplicaTransfer): Promise<void> {
    const { id } = transfer.row;
    if (!this.isDueFor(transfer.row)) return;
    let declaring = this.#declaring.get(id);
    if (declaring === undefined) {
      declaring = this.#declare(transfer).finally(() => this.#declaring.delete(id));
      this.#declaring.set(id, declaring);
    }
    await declaring;
  }

  /**
   * After every transfer whose row named this node as replica at some moment since the start was declared: whoever
   * attaches it from now on compares values in a session of this process, and no older update can land.
   */
  finish(): void {
    this.#isFinished = true;
    this.#declared.clear();
  }

  async #declare(transfer: ReplicaTransfer): Promise<void> {
    const { nodeId, endSession, signal } = this.#deps;
    await endSession(transfer.row.id);
    while (this.isDueFor(transfer.row) && transfer.row.replicaNodeId === nodeId) {
      const known = transfer.row;
      const isKnown = await casUntilKnown(this.#deps, transfer, { replicaState: 'syncing' }, signal);
      if (!isKnown) throw stopping();
      // Another's update of the same epoch won when it does not say syncing: then once more, at the new one.
      const { row } = transfer;
      if (row.epoch > known.epoch && row.replicaNodeId === nodeId && row.replicaState === 'syncing')
        this.#declared.add(row.id);
    }
  }
}
