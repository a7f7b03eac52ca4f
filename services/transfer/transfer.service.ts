import { setTimeout as delay } from 'node:timers/promises';
import type { Context, ServiceSchema } from 'moleculer';
import { typeOfFault } from '../contracts/errors.ts';
import type { OpenTransferResponse } from '../contracts/http.ts';
import { type Call, defineService } from '../define-service.ts';
import type { LeaderTerm } from '../kernel/leader-term.ts';
import { type AtHomeDeps, answerAtHome, type HomeQuestion, openWhere } from './at-home.ts';
import { directActions } from './direct/direct-actions.ts';
import type { DirectSends } from './direct/direct-sends.ts';
import type { DirectUpkeep } from './direct/direct-upkeep.ts';
import type { LeaderTurns } from './leader-turns.ts';
import type { ChunkStore, HomeCounts, TransferRepository } from './ports.ts';
import { type BootDeclaration, recoverStored } from './recovery.ts';
import { replaceGone, replaceReplica } from './replace-replicas.ts';
import type { RunningTransfer } from './running-transfer.ts';
import { isSafeAtHome } from './safe-copies.ts';
import type { Scrub } from './scrub.ts';
import { sweepStore } from './sweep.ts';
import type { TransferControl } from './transfer-control.ts';
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
const RECOVER_AGAIN_MS = 5_000;
const MAX_RECOVER_PAUSE_MS = 60_000;
const CLOSED_SEEN_MS = 250;

/** 10,000 files take a node a moment. */
const OPEN_ANSWERS_MS = 8_000;
/** Longer than a home that lives ever takes, shorter than a page waits. */
const HOME_ANSWERS_MS = 2_000;
/** The home looks at each file, of 10,000 perhaps; nobody waits for a sweep. */
const CONFIRMED_MS = 30_000;

export interface TransferServiceDeps {
  readonly engine: TransferEngine;
  readonly control: TransferControl;
  readonly direct: DirectSends;
  readonly directUpkeep: DirectUpkeep;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** The node where a new transfer belongs. */
  readonly place: () => Promise<string>;
  /** See AtHomeDeps. */
  readonly recover: AtHomeDeps['recover'];
  /** As many nodes as asked for hold each transfer. */
  readonly replicationFactor: 1 | 2;
  /** Nobody else changes rows. */
  readonly isLone: boolean;
  /** Null when there are no other nodes. */
  readonly call: Call | null;
  /** The leader expires rows; everyone else leaves them. */
  readonly leaderTerm: () => LeaderTerm | null;
  readonly leaderTurns: Pick<LeaderTurns, 'turn'>;
  readonly onExpired: (count: number, term: LeaderTerm) => void;
  readonly scrub: Scrub;
  /** Nodes that were not seen for so long that nobody waits for them. Asked every 2 s: it counts only time it was asked in. */
  readonly goneNodeIds: () => Promise<readonly string[]>;
  /** See take-over.ts. Asked every 10 s: it counts only time it was asked in. */
  readonly takeOver: () => Promise<void>;
  /** See lost-transfers.ts: at each node. */
  readonly rescue: (transferIds: readonly string[]) => Promise<readonly string[]>;
  /** The same, at the leader. @returns how many ended */
  readonly settleLost: () => Promise<number>;
  readonly onCounted: (counted: HomeCounts) => void;
  /** False after a start with another boot id. */
  readonly isDiskTrusted: boolean;
  /** Null when there are no other nodes. */
  readonly boot: BootDeclaration | null;
  /** Everything stored before this process was looked at: what was verified after a boot need not be again. */
  readonly onRecovered: () => Promise<void>;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** Control of transfers: no bytes pass here. */
export function transferService(deps: TransferServiceDeps): ServiceSchema {
  const { control, engine } = deps;
  const loops: Loop[] = [];
  /** The same action, asked at the transfer's home. */
  const atHome = <T>(
    ctx: Context,
    transfer: RunningTransfer,
    here: () => Promise<T>,
    { isGuessWelcome, isRefusalTelling }: Pick<HomeQuestion<T>, 'isGuessWelcome' | 'isRefusalTelling'> = {
      isGuessWelcome: true,
    },
  ): Promise<T> => {
    const name = ctx.action?.name;
    if (isAsked(ctx) || name === undefined) return here();
    // Not asked twice: Moleculer's second try goes to any node, this one first, which would answer as if it were home.
    const ask = (nodeID: string) =>
      ctx.call<T, unknown>(name, ctx.params, { nodeID, timeout: HOME_ANSWERS_MS, retries: 0 });
    const question = { ask, here, isGuessWelcome, isRefusalTelling };
    return answerAtHome({ nodeId: engine.nodeId, recover: deps.recover }, transfer, question);
  };
  // The database's silence is told by others.
  const onFaultOrAway = (what: string, fault: unknown) => {
    if (typeOfFault(fault) !== 'unavailable') deps.onFault(what, fault);
  };
  let recovering: Promise<void> = Promise.resolve();
  return defineService({
    name: 'transfer',
    actions: {
      open: (ctx) => {
        const { caller, request, idempotencyKey } = ctx.params;
        const here = () => control.open(caller, request, idempotencyKey);
        if (isAsked(ctx)) return here();
        const there = (nodeID: string) =>
          ctx.call<OpenTransferResponse, unknown>('transfer.open', ctx.params, {
            nodeID,
            timeout: OPEN_ANSWERS_MS,
            retries: 0,
          });
        return openWhere(engine.nodeId, deps.place, { there, here });
      },
      get: async (ctx) => {
        const { caller, transferId } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.get(caller, transferId));
      },
      list: (ctx) => control.list(ctx.params.caller),
      status: async (ctx) => {
        const { caller, transferId } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.status(caller, transferId), {
          isGuessWelcome: false,
          isRefusalTelling: true,
        });
      },
      change: async (ctx) => {
        const { caller, transferId, change } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.change(caller, transferId, change));
      },
      end: async (ctx) => {
        await control.end(ctx.params.caller, ctx.params.transferId, ctx.params.reason);
        return null;
      },
      // Loaded, it is maintained: the home attaches a copy by itself.
      replicate: async (ctx) => {
        await engine.load(ctx.params.transferId);
        return null;
      },
      replace: async (ctx) => {
        await replaceReplica(engine, ctx.params.transferId, ctx.params.replicaNodeId);
        return null;
      },
      share: async (ctx) => {
        const { shareId, grant } = ctx.params;
        return atHome(ctx, await engine.loadShare(shareId), () => control.share(ctx.params.caller, shareId, grant));
      },
      rescue: (ctx) => deps.rescue(ctx.params.transferIds),
      grant: (ctx) => control.grant(ctx.params.shareId, ctx.params.password),
      ...directActions(deps.direct),
      receive: async (ctx) => {
        const { sessionId, transferId, request } = ctx.params;
        const transfer = await deps.direct.receiving(sessionId, transferId);
        const here = () => deps.direct.takeReceipts(sessionId, transferId, request).then(() => null);
        return atHome(ctx, transfer, here, { isGuessWelcome: false });
      },
      confirm: async (ctx) => ({ epoch: await isSafeAtHome(engine, ctx.params.transferId, deps.replicationFactor) }),
    },
    events: {
      // The rows of what this node works with say so within a second; this is sooner.
      'transfer.recipients.changed': async (ctx) => {
        const { transferIds, isAnswer } = ctx.params;
        if (!isAnswer) return;
        for (const id of transferIds) {
          await deps.direct.reread(id).catch(() => undefined);
          await deps.directUpkeep.obeyAnswer(id).catch(() => undefined);
        }
      },
      'transfer.state.changed': async (ctx) => {
        const { transferId, state, endReason } = ctx.params;
        if (state !== 'ended') return;
        engine.hearEnd(transferId, endReason);
        await deps.direct.reread(transferId).catch(() => undefined);
      },
    },
    async started() {
      recovering = recover(deps).catch((fault: unknown) => deps.onFault('recover', fault));
      loops.push(
        startLoop(MAINTAIN_EVERY_MS, () => maintain(deps), deps.onFault),
        startLoop(MAINTAIN_EVERY_MS, () => deps.directUpkeep.report(), deps.onFault),
        startLoop(SYNC_EVERY_MS, () => engine.syncSealed(), deps.onFault),
        startLoop(SWEEP_EVERY_MS, () => sweep(deps), deps.onFault),
        startLoop(REPLACE_EVERY_MS, () => replaceGone(deps), deps.onFault),
        startLoop(TAKE_OVER_EVERY_MS, deps.takeOver, onFaultOrAway),
        startLoop(SETTLE_EVERY_MS, () => settle(deps), onFaultOrAway),
        // Beside it, since to replace takes long. The database's silence is told by others.
        startLoop(
          LOOK_EVERY_MS,
          async () => void (await deps.goneNodeIds()),
          () => {},
        ),
        startLoop(SCRUB_EVERY_MS, () => deps.scrub.turn(), deps.onFault),
        startLoop(
          COUNT_EVERY_MS,
          counting(deps),
          () => {}, // The last count stays while the database is away.
        ),
      );
    },
    async stopped() {
      deps.scrub.stop();
      // Before the loops are awaited: a turn may be amid hundreds of updates, or wait for a database that is away.
      engine.beginClose();
      await Promise.all(loops.map((loop) => loop.stop()));
      await deps.directUpkeep.report().catch((fault: unknown) => deps.onFault('receipts', fault));
      await engine.close();
      await recovering;
    },
  });
}

/** Of a lone node counted more seldom while nothing runs that could change: each count costs it milliseconds. */
function counting({ engine, repository, isLone, onCounted }: TransferServiceDeps): () => Promise<void> {
  let restsUntilMs = Number.NEGATIVE_INFINITY;
  return async () => {
    const isAtRest = isLone && [...engine.running()].length === 0;
    if (isAtRest && performance.now() < restsUntilMs) return;
    onCounted(await repository.countByHome(engine.nodeId));
    restsUntilMs = performance.now() + COUNT_AT_REST_EVERY_MS;
  };
}

/** Another node's transfer service asks, and it has looked already for the one that should. */
function isAsked(ctx: Context): boolean {
  return ctx.level > 1;
}

/** Beside the service, so that it never delays `/readyz`; tried again while the database or another node is away. */
async function recover(deps: TransferServiceDeps): Promise<void> {
  const { engine, isDiskTrusted } = deps;
  for (let pauseMs = RECOVER_AGAIN_MS; !engine.isClosed; pauseMs = Math.min(2 * pauseMs, MAX_RECOVER_PAUSE_MS)) {
    try {
      if (await recoverStored(deps)) {
        engine.trust.confirmDisk();
        if (!isDiskTrusted) await deps.onRecovered();
        return;
      }
    } catch (fault) {
      deps.onFault('recover', fault);
    }
    for (let waited = 0; waited < pauseMs && !engine.isClosed; waited += CLOSED_SEEN_MS) {
      await delay(CLOSED_SEEN_MS);
    }
  }
}

async function sweep({ engine, store, repository, call }: TransferServiceDeps): Promise<void> {
  await sweepStore({
    nodeId: engine.nodeId,
    store,
    repository,
    whileUnused: (fileId, act) => engine.whileUnused(fileId, act),
    confirm: async ({ transferId, homeNodeId }) => {
      if (call === null) return null;
      const said = await call('transfer.confirm', { transferId }, { nodeId: homeNodeId, timeoutMs: CONFIRMED_MS });
      return said.epoch;
    },
  });
}

async function maintain(deps: TransferServiceDeps): Promise<void> {
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

/** Two that lead for a moment end the same ones, and each statement looks for itself whether a node is given up. */
async function settle({ leaderTerm, settleLost, onExpired }: TransferServiceDeps): Promise<void> {
  const term = leaderTerm();
  if (term === null) return;
  const endedCount = await settleLost();
  if (endedCount > 0) onExpired(endedCount, term);
}

interface Loop {
  stop(): Promise<void>;
}

/** Runs `act` again and again, never twice at once. */
function startLoop(everyMs: number, act: () => Promise<void>, onFault: (what: string, fault: unknown) => void): Loop {
  let timer: NodeJS.Timeout | null = null;
  let running: Promise<void> = Promise.resolve();
  let isStopped = false;
  const turn = () => {
    running = act()
      .catch((fault: unknown) => onFault('loop', fault))
      .then(() => {
        if (!isStopped) timer = setTimeout(turn, everyMs).unref();
      });
  };
  timer = setTimeout(turn, everyMs).unref();
  return {
    stop: async () => {
      isStopped = true;
      if (timer !== null) clearTimeout(timer);
      await running;
    },
  };
}
