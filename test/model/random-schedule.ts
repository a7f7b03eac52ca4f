import type { ModelNode } from './model-node.ts';
import { type Chaos, Model, type ModelOptions } from './schedule.ts';
import { settled } from './scheduler.ts';

const CHAOS_MS = 20_000;
const TICK_MS = 50;
const RECOVERY_MS = 240_000;
const VARIANTS = 3;

export interface ScheduleReport {
  readonly seed: number;
  readonly stepCount: number;
  readonly acknowledgedCount: number;
  readonly fault: Error | null;
  readonly trace: readonly string[];
}

/** Everything a schedule is follows from its seed. */
export function optionsOf(seed: number): ModelOptions {
  const { chance } = new Model({ seed, nodes: 1, transfers: [], chaos: {} as Chaos }).scheduler;
  const often = (probability: number, most: number) => (chance.is(probability) ? chance.next() * most : 0);
  const fileCount = 1 + chance.below(3);
  const counts = Array.from({ length: fileCount }, () => 2 + chance.below(3));
  // And of those: home and replica, reboots and sweeps all meet it.
  const givesUp = seed >= 10_000 && seed % 5 === 3;
  return {
    seed,
    nodes: 2 + chance.below(2),
    transfers: chance.is(0.2) ? [counts, [2]] : [counts],
    durability: chance.is(0.15) ? 'power' : 'process',
    // Of those from here on, for the same reason as below.
    sweeps: seed >= 10_000 && seed % 4 === 0,
    givesUp,
    chaos: {
      loss: often(0.5, 0.15),
      duplication: often(0.4, 0.2),
      lateShare: often(0.7, 0.3),
      longMs: chance.pick([50, 500, 4_000, 8_000]),
      diskLateShare: often(0.5, 0.3),
      kill: often(0.7, 1.2),
      freeze: often(0.4, 0.6),
      cut: often(0.4, 0.8),
      databaseCut: often(0.4, 0.8),
      diskFull: often(0.1, 0.3),
      reboot: often(0.3, 0.8),
      // Odd ones from here on, so that the schedules that found something before are what they were.
      rebootsHomes: seed >= 10_000 && seed % 2 === 1,
      end: often(0.05, 0.1),
      giveUp: givesUp ? 2 : 0,
    },
  };
}

/** Runs one schedule: chaos for a while, then calm, in which everything must come to its good end. */
export async function runSchedule(seed: number): Promise<ScheduleReport> {
  const model = new Model(optionsOf(seed));
  let fault: Error | null = null;
  try {
    const clients = new Clients(model);
    await rage(model, clients);
    model.calm();
    await model.until('every chunk is acknowledged or refused for good', () => clients.isDone, RECOVERY_MS);
    await model.until('files are sealed and copies in sync', () => isWhole(model), RECOVERY_MS);
    model.invariants.checkNothingLost();
  } catch (thrown) {
    fault = thrown instanceof Error ? thrown : new Error(String(thrown));
  } finally {
    for (const node of model.nodes) node.kill();
    await settled();
  }
  const { scheduler, invariants } = model;
  const { stepCount, trace } = scheduler;
  return { seed, stepCount, acknowledgedCount: invariants.acknowledgedCount, fault, trace };
}

async function rage(model: Model, clients: Clients): Promise<void> {
  const { chance } = model.scheduler;
  for (let spentMs = 0; spentMs < CHAOS_MS; spentMs += TICK_MS) {
    const { chaos } = model;
    const happens = (perSecond: number) => chance.is((perSecond * TICK_MS) / 1000);
    const node = chance.pick(model.nodes);
    if (happens(chaos.kill)) node.kill();
    if (happens(chaos.freeze)) model.freeze(node);
    if (happens(chaos.databaseCut)) model.cutFromDatabase(node.id);
    if (happens(chaos.cut)) model.cut(node.id, chance.pick(model.nodes).id);
    if (happens(chaos.diskFull)) node.disk.isFull = !node.disk.isFull;
    if (happens(chaos.reboot) && mayReboot(model, node)) node.reboot();
    if (happens(chaos.end)) endOne(model);
    if (model.givesUp && happens(chaos.giveUp) && model.seemsGone(node)) model.giveUp(node.id);
    if (happens(0.7)) model.heal();
    for (const one of model.nodes) {
      if (happens(2)) one.start();
      if (happens(0.4)) model.thaw(one);
    }
    clients.turn();
    await model.run(TICK_MS);
  }
}

/** One machine's memory at a time, and no home's that is alone: of more nothing is promised, unless all was synced. */
function mayReboot(model: Model, node: ModelNode): boolean {
  if (model.durability === 'power') return true;
  const homes = [...model.rows.transfers.values()].filter((row) => row.homeNodeId === node.id);
  const mayHomes = homes.every((row) => model.chaos.rebootsHomes && row.replicaState === 'in_sync');
  return mayHomes && model.nodes.every((one) => one.mayLack.size === 0);
}

function endOne(model: Model): void {
  const id = model.scheduler.chance.pick([...model.rows.transfers.keys()]);
  model.scheduler.note(`${id} is ended`);
  model.rows.end(id);
}

interface Wish {
  readonly transferId: string;
  readonly fileIndex: number;
  readonly index: number;
  readonly variant: number;
  /** Its sender comes then. */
  readonly fromMs: number;
  isBusy: boolean;
  isDone: boolean;
}

/** Senders that repeat what was not acknowledged, several for one chunk with different bytes. */
class Clients {
  readonly #model: Model;
  readonly #wishes: Wish[];

  constructor(model: Model) {
    this.#model = model;
    const { chance } = model.scheduler;
    this.#wishes = [...model.rows.files].flatMap(([transferId, files]) =>
      files.flatMap((file) =>
        Array.from({ length: (file.sizeBytes ?? 0) / file.chunkSizeBytes }, (_, index) => index).flatMap((index) => {
          const wish = (): Wish => ({
            transferId,
            fileIndex: file.index,
            index,
            variant: 1 + chance.below(VARIANTS),
            fromMs: (chance.next() * CHAOS_MS * 3) / 4,
            isBusy: false,
            isDone: false,
          });
          return Array.from({ length: 1 + chance.below(3) }, wish);
        }),
      ),
    );
    this.#repeat();
  }

  get isDone(): boolean {
    return this.#wishes.every((wish) => wish.isDone);
  }

  /** A few of them begin something. */
  turn(): void {
    const { chance } = this.#model.scheduler;
    const wish = chance.pick(this.#wishes);
    if (chance.is(0.6) && this.#model.scheduler.nowMs >= wish.fromMs) this.#begin(wish);
  }

  /** Once chaos is over: those who have no acknowledgement ask again and again. */
  #repeat(): void {
    this.#model.scheduler.at(1_000, '', null, () => {
      // Somebody looks at the share: its home knows it then.
      for (const row of this.#model.rows.transfers.values()) {
        const { process, isFrozen } = this.#model.node(row.homeNodeId);
        if (process !== null && !isFrozen) process.engine.load(row.id).catch(() => {});
      }
      for (const wish of this.#wishes) if (!wish.isDone && this.#model.scheduler.chance.is(0.25)) this.#begin(wish);
      this.#repeat();
    });
  }

  #begin(wish: Wish): void {
    const { chance } = this.#model.scheduler;
    // Also what is done already, and what is under way: a client repeats what it got no answer for.
    if (wish.isBusy && chance.is(0.7)) return;
    const { transferId, fileIndex, index, variant } = wish;
    const row = this.#model.rows.row(transferId);
    if (row.state === 'ended') {
      wish.isDone = true;
      return;
    }
    // Mostly the home; now and then whoever believes that it is, which a stale gateway still asks.
    const at = chance.is(0.85) ? this.#model.node(row.homeNodeId) : chance.pick(this.#model.nodes);
    const process = at.isFrozen ? null : at.process;
    wish.isBusy = true;
    const answered = (outcome: string) => {
      wish.isBusy = false;
      // "A client must not take 409 chunk_conflict for a loss": the chunk is there, with another's bytes.
      if (['committed', 'same', 'chunk_conflict', 'ended'].includes(outcome)) wish.isDone = true;
      else this.#model.askToPromote(transferId, chance.pick(this.#model.nodes).id);
    };
    if (process === null) answered('unavailable');
    else void this.#model.write(transferId, fileIndex, index, variant, process).then(answered);
    // It gives up waiting for a node that died.
    this.#model.scheduler.at(5_000, '', null, () => {
      wish.isBusy = false;
    });
  }
}

/** Sealed, each with two copies in sync that the row names, or ended. */
function isWhole(model: Model): boolean {
  return [...model.rows.transfers.values()].every(
    (row) => row.state === 'ended' || (row.state === 'sealed' && row.replicaState === 'in_sync'),
  );
}
