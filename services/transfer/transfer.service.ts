import type { Context, ServiceSchema } from 'moleculer';
import { typeOfFault } from '../contracts/errors.ts';
import { defineService } from '../define-service.ts';
import type { ChunkStore, TransferRepository } from './ports.ts';
import type { RunningTransfer } from './running-transfer.ts';
import { expireRows, sweepStore } from './sweep.ts';
import type { TransferControl } from './transfer-control.ts';
import type { TransferEngine } from './transfer-engine.ts';

const MAINTAIN_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 60_000;
const SYNC_EVERY_MS = 10_000;

/** Longer than a home that lives ever takes, shorter than a page waits. */
const HOME_ANSWERS_MS = 2_000;

export interface TransferServiceDeps {
  readonly engine: TransferEngine;
  readonly control: TransferControl;
  readonly repository: TransferRepository;
  readonly store: ChunkStore;
  readonly uploadTtlSeconds: number;
  /** The leader expires rows; everyone else leaves them. */
  readonly isLeader: () => boolean;
  /** Everything stored before this process was looked at: what was verified after a boot need not be again. */
  readonly onRecovered: () => Promise<void>;
  readonly onFault: (what: string, fault: unknown) => void;
}

/** Control of transfers: no bytes pass here. */
export function transferService(deps: TransferServiceDeps): ServiceSchema {
  const { control, engine } = deps;
  const loops: Loop[] = [];
  /**
   * Which chunks are there is known at the home of an open transfer only: the same action is asked there. When it does
   * not answer, what the rows say is better than nothing.
   */
  const atHome = async <T>(ctx: Context, transfer: RunningTransfer, here: () => Promise<T>): Promise<T> => {
    const { homeNodeId, state } = transfer.row;
    const isAsked = ctx.level > 1;
    if (isAsked || state !== 'open' || homeNodeId === engine.nodeId || ctx.action?.name === undefined) return here();
    try {
      return await ctx.call<T, unknown>(ctx.action.name, ctx.params, { nodeID: homeNodeId, timeout: HOME_ANSWERS_MS });
    } catch (fault) {
      if (typeOfFault(fault) !== 'internal') throw fault;
      return here();
    }
  };
  let recovering: Promise<void> = Promise.resolve();
  return defineService({
    name: 'transfer',
    actions: {
      open: (ctx) => control.open(ctx.params.caller, ctx.params.request, ctx.params.idempotencyKey),
      get: async (ctx) => {
        const { caller, transferId } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.get(caller, transferId));
      },
      list: (ctx) => control.list(ctx.params.caller),
      status: async (ctx) => {
        const { caller, transferId } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.status(caller, transferId));
      },
      change: async (ctx) => {
        const { caller, transferId, change } = ctx.params;
        return atHome(ctx, await control.owned(caller, transferId), () => control.change(caller, transferId, change));
      },
      end: async (ctx) => {
        await control.end(ctx.params.caller, ctx.params.transferId, ctx.params.reason);
        return null;
      },
      share: async (ctx) => {
        const { shareId, grant } = ctx.params;
        return atHome(ctx, await engine.loadShare(shareId), () => control.share(shareId, grant));
      },
      grant: (ctx) => control.grant(ctx.params.shareId, ctx.params.password),
    },
    async started() {
      recovering = recover(deps).catch((fault: unknown) => deps.onFault('recover', fault));
      loops.push(
        startLoop(MAINTAIN_EVERY_MS, () => maintain(deps), deps.onFault),
        startLoop(SYNC_EVERY_MS, () => engine.syncSealed(), deps.onFault),
        startLoop(SWEEP_EVERY_MS, async () => void (await sweepStore(deps.store, deps.repository)), deps.onFault),
      );
    },
    async stopped() {
      await Promise.all(loops.map((loop) => loop.stop()));
      await engine.close();
      await recovering;
    },
  });
}

async function recover(deps: TransferServiceDeps): Promise<void> {
  if (await deps.engine.recover()) await deps.onRecovered();
}

async function maintain(deps: TransferServiceDeps): Promise<void> {
  try {
    if (deps.isLeader()) await expireRows(deps.repository, deps.uploadTtlSeconds);
  } catch (fault) {
    deps.onFault('expire', fault);
  }
  await deps.engine.maintain();
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
