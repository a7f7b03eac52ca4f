import type { RunningFile } from '../running-file.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { keep } from './peer-liveness.ts';

/** A node that lives says in milliseconds whether it holds a file. */
const ASK_MS = 1_500;
/** Readers that fail together share a search; one that began so long ago is made again. */
const FRESH_MS = 2_000;
/** Nodes asked at the same time. In a larger cluster the next ones follow when none of these has it. */
const AT_ONCE = 64;

export interface OtherHoldersDeps {
  readonly nodeId: string;
  /** Every node there is and that was seen lately enough not to be given up. @throws unavailable */
  readonly nodeIds: () => Promise<readonly string[]>;
  /** Nodes that answer the bus: known also while the database is away. */
  readonly answeringNodeIds: () => readonly string[];
  /** Whether a node holds all of a sealed file. @throws when it does not say */
  readonly holds: (
    nodeId: string,
    transfer: RunningTransfer,
    file: RunningFile,
    signal: AbortSignal,
  ) => Promise<boolean>;
}

interface Search {
  readonly startedAtMs: number;
  /** Grows while nodes answer. */
  readonly holders: string[];
  isSomebodySilent: boolean;
  /** Somebody has it, or all were asked. */
  first: Promise<void>;
  done: Promise<void>;
}

/** "Any holder may serve sealed files": which nodes hold one that those the row names did not give. */
export class OtherHolders {
  readonly #deps: OtherHoldersDeps;
  readonly #searches = new Map<string, Search>();

  constructor(deps: OtherHoldersDeps) {
    this.#deps = deps;
  }

  /**
   * A node that holds all of the file and did not fail; null when no other says that it does.
   * @returns and whether one that may hold it did not answer, or nobody can say who there is
   */
  async find(
    transfer: RunningTransfer,
    file: RunningFile,
    failed: ReadonlySet<string>,
  ): Promise<{ readonly nodeId: string | null; readonly isSomebodySilent: boolean }> {
    const search = this.#searchFor(transfer, file);
    const untried = () => search.holders.find((nodeId) => !failed.has(nodeId)) ?? null;
    await search.first;
    if (untried() === null) await search.done;
    return { nodeId: untried(), isSomebodySilent: search.isSomebodySilent };
  }

  #searchFor(transfer: RunningTransfer, file: RunningFile): Search {
    const known = this.#searches.get(file.row.id);
    if (known !== undefined && performance.now() - known.startedAtMs < FRESH_MS) return known;
    const now = Promise.resolve();
    const search: Search = {
      startedAtMs: performance.now(),
      holders: [],
      isSomebodySilent: false,
      first: now,
      done: now,
    };
    search.first = new Promise((resolve) => {
      search.done = this.#search(search, transfer, file, resolve).finally(resolve);
    });
    keep(this.#searches, file.row.id, search);
    return search;
  }

  /** Never rejects. */
  async #search(search: Search, transfer: RunningTransfer, file: RunningFile, onFound: () => void): Promise<void> {
    const nodeIds = await this.#others(search, transfer);
    for (let from = 0; from < nodeIds.length && search.holders.length === 0; from += AT_ONCE) {
      const late = AbortSignal.timeout(ASK_MS);
      const ask = async (nodeId: string) => {
        try {
          if (!(await this.#deps.holds(nodeId, transfer, file, late))) return;
          search.holders.push(nodeId);
          onFound();
        } catch {
          search.isSomebodySilent = true;
        }
      };
      await Promise.all(nodeIds.slice(from, from + AT_ONCE).map(ask));
    }
  }

  /** Also those that the row names: one that failed may have been silent, or have said that it has not got it. */
  async #others(search: Search, { row }: RunningTransfer): Promise<readonly string[]> {
    const awaited = await this.#deps.nodeIds().catch(() => {
      search.isSomebodySilent = true;
      return [];
    });
    const named = [row.homeNodeId, row.replicaNodeId].filter((id) => id !== null);
    const all = new Set([...named, ...this.#deps.answeringNodeIds(), ...awaited]);
    all.delete(this.#deps.nodeId);
    return [...all];
  }
}
