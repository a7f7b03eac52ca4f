import { CALM, Model } from './schedule.ts';

/** A cluster in which nothing fails but what a test makes fail. `t0` has four chunks in one file, at home on A. */
export function calmModel(
  nodes: number,
  over: { replicationFactor?: 1 | 2; givesUp?: boolean; transfers?: readonly (readonly number[])[] } = {},
) {
  return new Model({ seed: 7, nodes, transfers: over.transfers ?? [[4]], chaos: CALM, ...over });
}

/** The same, once B is the replica in sync of `t0`. */
export async function inSyncModel(nodes = 2, transfers: readonly (readonly number[])[] = [[4]]): Promise<Model> {
  const model = calmModel(nodes, { transfers });
  await inSync(model);
  return model;
}

export async function inSync(model: Model, limitMs = 30_000): Promise<void> {
  await model.until('a copy in sync', () => model.rows.row('t0').replicaState === 'in_sync', limitMs);
}

/** Lets time go by until the promise settles. */
export async function outcomeOf<T>(model: Model, promise: Promise<T>, limitMs = 30_000): Promise<T> {
  let settled: { value: T } | null = null;
  promise.then(
    (value) => {
      settled = { value };
    },
    () => {},
  );
  await model.until('an answer', () => settled !== null, limitMs);
  return promise;
}

export function write(model: Model, index: number, variant: number, at?: string): Promise<string> {
  return outcomeOf(
    model,
    at === undefined
      ? model.write('t0', 0, index, variant)
      : model.write('t0', 0, index, variant, model.node(at).process),
  );
}

/** Asks for a promotion again and again, as a gateway does, until the row names this home. */
export async function promoted(model: Model, to: string, from = to, limitMs = 20_000): Promise<number> {
  const startMs = model.scheduler.nowMs;
  await model.until(
    `${to} is home`,
    () => {
      if (model.rows.row('t0').homeNodeId === to) return true;
      if (model.scheduler.nowMs - startMs < limitMs - 1_000) askedAt(model, from);
      return false;
    },
    limitMs,
  );
  const tookMs = model.scheduler.nowMs - startMs;
  // It hears of it, too.
  await model.run(50);
  return tookMs;
}

const lastAsk = new WeakMap<Model, number>();
function askedAt(model: Model, from: string): void {
  const { nowMs } = model.scheduler;
  if (nowMs - (lastAsk.get(model) ?? Number.NEGATIVE_INFINITY) < 100) return;
  lastAsk.set(model, nowMs);
  model.askToPromote('t0', from);
}
