import type { Context, ServiceSchema } from 'moleculer';
import type { OpenTransferResponse } from '../contracts/http.ts';
import { type Call, defineService } from '../define-service.ts';
import type { Loop } from '../kernel/loop.ts';
import { type AtHomeDeps, answerAtHome, type HomeQuestion, openWhere } from './at-home.ts';
import { directActions } from './direct/direct-actions.ts';
import type { DirectSends } from './direct/direct-sends.ts';
import type { ChunkStore, FileFate, TransferRepository } from './ports.ts';
import { type RecoveryRoundsPorts, recoverUntilDone } from './recovery.ts';
import { replaceReplica } from './replace-replicas.ts';
import type { RunningTransfer } from './running-transfer.ts';
import { isSafeAtHome } from './safe-copies.ts';
import type { TransferControl } from './transfer-control.ts';
import { startTransferLoops, type TransferLoopsDeps } from './transfer-loops.ts';

/** 10,000 files take a node a moment. */
const OPEN_ANSWERS_MS = 8_000;
/** Longer than a home that lives ever takes, shorter than a page waits. */
const HOME_ANSWERS_MS = 2_000;
/** The home looks at each file, of 10,000 perhaps; nobody waits for a sweep. */
const CONFIRMED_MS = 30_000;

export interface TransferServiceDeps extends Omit<TransferLoopsDeps, 'confirm'>, RecoveryRoundsPorts {
  readonly control: TransferControl;
  readonly direct: DirectSends;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  /** The node where a new transfer belongs. */
  readonly place: () => Promise<string>;
  /** See AtHomeDeps. */
  readonly recover: AtHomeDeps['recover'];
  /** As many nodes as asked for hold each transfer. */
  readonly replicationFactor: 1 | 2;
  /** Null when there are no other nodes. */
  readonly call: Call | null;
  /** See lost-transfers.ts: at each node. */
  readonly rescue: (transferIds: readonly string[]) => Promise<readonly string[]>;
}

/** Control of transfers: no bytes pass here. */
export function transferService(deps: TransferServiceDeps): ServiceSchema {
  const { control, engine } = deps;
  const atHome = homeAsker(deps);
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
    ...lifecycle(deps),
  });
}

/** Beside requests: what was stored before is looked at, and the loops run. */
function lifecycle(deps: TransferServiceDeps): Pick<ServiceSchema, 'started' | 'stopped'> {
  const { engine, call } = deps;
  let recovering: Promise<void> = Promise.resolve();
  let loops: Loop | null = null;
  const stopping = new AbortController();
  const confirm = async ({ transferId, homeNodeId }: FileFate) => {
    if (call === null) return null;
    const asked = call('transfer.confirm', { transferId }, { nodeId: homeNodeId, timeoutMs: CONFIRMED_MS });
    return (await unlessAborted(asked, stopping.signal))?.epoch ?? null;
  };
  return {
    async started() {
      recovering = recoverUntilDone(deps).catch((fault: unknown) => deps.onFault('recover', fault));
      // Each node that it asks has half a minute.
      const settleLost = async () => (await unlessAborted(deps.settleLost(), stopping.signal)) ?? 0;
      loops = startTransferLoops({ ...deps, confirm, settleLost });
    },
    async stopped() {
      deps.scrub.stop();
      stopping.abort();
      // Before the loops are awaited: a turn may be amid hundreds of updates, or wait for a database that is away.
      engine.beginClose();
      await loops?.stop();
      await deps.directUpkeep.report().catch((fault: unknown) => deps.onFault('receipts', fault));
      await engine.close();
      await recovering;
    },
  };
}

/** Null: the signal came first. */
function unlessAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const onAbort = () => resolve(null);
    signal.addEventListener('abort', onAbort, { once: true });
    const forget = () => signal.removeEventListener('abort', onAbort);
    work.then(resolve, reject).finally(forget);
    if (signal.aborted) onAbort();
  });
}

/** Asks the same action at the transfer's home, which is the only node that can answer it. */
function homeAsker({ engine, recover }: Pick<TransferServiceDeps, 'engine' | 'recover'>) {
  return <T>(
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
    return answerAtHome({ nodeId: engine.nodeId, recover }, transfer, question);
  };
}

/** Another node's transfer service asks, and it has looked already for the one that should. */
function isAsked(ctx: Context): boolean {
  return ctx.level > 1;
}
