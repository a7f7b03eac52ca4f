import { typeOfFault } from '../contracts/errors.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import { type Loop, startLoop } from '../kernel/loop.ts';
import type { DirectUpkeep } from './direct/direct-upkeep.ts';
import type { LeaderTurns } from './leader-turns.ts';
import type { ChunkStore, FileFate, HomeCounts, TransferRepository } from './ports.ts';
import { replaceGone } from './replace-replicas.ts';
import type { Scrub } from './scrub.ts';
import { sweepStore } from './sweep.ts';
import type { TransferEngine } from './transfer-engine.ts';

const MAINTAIN_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 60_000;
const SYNC_EVERY_MS = 10_000;
const COUNT_EVERY_MS = 5_000;
const COUNT_AT_REST_EVERY_MS = 30_000;
const REPLACE_EVERY_MS = 30_000;
const TAKE_OVER_EVERY_MS = 10_000;
const SETTLE_EVERY_MS = 10_000;
const LOOK_EVERY_MS = 2_000;
/** How often a pass that is due is looked for; the first one begins after so long. */
const SCRUB_EVERY_MS = 10_000;

export interface TransferLoopsDeps {
  readonly engine: TransferEngine;
  readonly directUpkeep: DirectUpkeep;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** Nobody else changes rows. */
  readonly isLone: boolean;
  /** The leader expires rows; everyone else leaves them. */
  readonly leaderTerm: () => LeaderTerm | null;
  readonly leaderTurns: Pick<LeaderTurns, 'turn'>;
  readonly onExpired: (count: number, term: LeaderTerm) => void;
  readonly scrub: Scrub;
  /** Asks the home of a copy whether it can do without it: see SweepPorts. */
  readonly confirm: (fate: FileFate) => Promise<number | null>;
  /** Nodes that were not seen for so long that nobody waits for them. Asked every 2 s: it counts only time it was asked in. */
  readonly goneNodeIds: () => Promise<readonly string[]>;
  /** See take-over.ts. Asked every 10 s: it counts only time it was asked in. */
  readonly takeOver: () => Promise<void>;
  /** See lost-transfers.ts: as the leader. @returns how many ended */
  readonly settleLost: () => Promise<number>;
  readonly onCounted: (counted: HomeCounts) => void;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** What a node does beside requests, again and again, as long as its transfer service runs. */
export function startTransferLoops(deps: TransferLoopsDeps): Loop {
  const onFault = (fault: unknown) => deps.onFault('loop', fault);
  // The database's silence is told by others.
  const onFaultUnlessAway = (fault: unknown) => {
    if (typeOfFault(fault) !== 'unavailable') onFault(fault);
  };
  const every = (everyMs: number, act: () => Promise<void>, tell = onFault) =>
    startLoop(everyMs, act, tell, { firstAfterMs: everyMs });
  const loops = [
    every(MAINTAIN_EVERY_MS, () => maintain(deps)),
    every(MAINTAIN_EVERY_MS, () => deps.directUpkeep.report()),
    every(SYNC_EVERY_MS, () => deps.engine.syncSealed()),
    every(SWEEP_EVERY_MS, () => sweep(deps)),
    every(REPLACE_EVERY_MS, () => replaceGone(deps)),
    every(TAKE_OVER_EVERY_MS, deps.takeOver, onFaultUnlessAway),
    every(SETTLE_EVERY_MS, () => settle(deps), onFaultUnlessAway),
    // Beside it, since to replace takes long. The database's silence is told by others.
    every(
      LOOK_EVERY_MS,
      async () => void (await deps.goneNodeIds()),
      () => {},
    ),
    every(SCRUB_EVERY_MS, () => deps.scrub.turn()),
    every(
      COUNT_EVERY_MS,
      counting(deps),
      () => {}, // The last count stays while the database is away.
    ),
  ];
  return {
    stop: async () => void (await Promise.all(loops.map((loop) => loop.stop()))),
  };
}

async function maintain(deps: TransferLoopsDeps): Promise<void> {
  // First, so that the leader's own uploads that moved are known to have.
  await deps.engine.maintain();
  try {
    const term = deps.leaderTerm();
    const endedCount = term === null ? 0 : await deps.leaderTurns.turn(term);
    if (term !== null && endedCount > 0) deps.onExpired(endedCount, term);
  } catch (fault) {
    deps.onFault('expire', fault);
  }
}

async function sweep({ engine, store, repository, confirm }: TransferLoopsDeps): Promise<void> {
  await sweepStore({
    nodeId: engine.nodeId,
    store,
    repository,
    whileUnused: (fileId, act) => engine.whileUnused(fileId, act),
    confirm,
    isClosed: () => engine.isClosed,
  });
}

/** Two that lead for a moment end the same ones, and each statement looks for itself whether a node is given up. */
async function settle({ leaderTerm, settleLost, onExpired }: TransferLoopsDeps): Promise<void> {
  const term = leaderTerm();
  if (term === null) return;
  const endedCount = await settleLost();
  if (endedCount > 0) onExpired(endedCount, term);
}

/** Of a lone node counted more seldom while nothing runs that could change: each count costs it milliseconds. */
function counting({ engine, repository, isLone, onCounted }: TransferLoopsDeps): () => Promise<void> {
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const isAtRest = isLone && engine.running().length === 0;
    if (isAtRest && performance.now() < restsUntilMs) return;
    onCounted(await repository.countByHome(engine.nodeId));
    restsUntilMs = performance.now() + COUNT_AT_REST_EVERY_MS;
  };
}
