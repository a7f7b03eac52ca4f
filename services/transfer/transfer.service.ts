import type { ServiceSchema } from 'moleculer';
import { defineService } from '../define-service.ts';
import type { ChunkStore, TransferRepository } from './ports.ts';
import { expireRows, sweepStore } from './sweep.ts';
import type { TransferControl } from './transfer-control.ts';
import type { TransferEngine } from './transfer-engine.ts';

const MAINTAIN_EVERY_MS = 1_000;
const SWEEP_EVERY_MS = 60_000;
const SYNC_EVERY_MS = 10_000;

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
  let recovering: Promise<void> = Promise.resolve();
  return defineService({
    name: 'transfer',
    actions: {
      open: (ctx) => control.open(ctx.params.caller, ctx.params.request, ctx.params.idempotencyKey),
      get: (ctx) => control.get(ctx.params.caller, ctx.params.transferId),
      list: (ctx) => control.list(ctx.params.caller),
      status: (ctx) => control.status(ctx.params.caller, ctx.params.transferId),
      change: (ctx) => control.change(ctx.params.caller, ctx.params.transferId, ctx.params.change),
      end: async (ctx) => {
        await control.end(ctx.params.caller, ctx.params.transferId, ctx.params.reason);
        return null;
      },
      share: (ctx) => control.share(ctx.params.shareId, ctx.params.grant),
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
