import { typeOfFault } from '../../services/contracts/errors.ts';
import { Invariants } from './invariants.ts';
import { ModelLinks } from './model-links.ts';
import { ModelNode, type ModelProcess, type ModelWorld, nodeNamed } from './model-node.ts';
import { ModelRows } from './model-rows.ts';
import { chunkOf, SPENT } from './model-store.ts';
import { Scheduler } from './scheduler.ts';

/** What may happen in a schedule. Probabilities are per second of virtual time unless they say otherwise. */
export interface Chaos {
  /** Per message or statement. */
  readonly loss: number;
  readonly duplication: number;
  /** Share of messages and statements that take up to `longMs`. */
  readonly lateShare: number;
  readonly longMs: number;
  /** Share of a disk's steps that take up to three seconds. */
  readonly diskLateShare: number;
  readonly kill: number;
  readonly freeze: number;
  readonly cut: number;
  readonly databaseCut: number;
  readonly diskFull: number;
  /** A node loses what its machine held in memory. */
  readonly reboot: number;
  /** A home, too, whose replica is in sync; and a file that was never synced with its name. */
  readonly rebootsHomes: boolean;
  readonly end: number;
  /** An operator gives up on a node that is dead, frozen or cut off. */
  readonly giveUp: number;
}

export const CALM: Chaos = {
  loss: 0,
  duplication: 0,
  lateShare: 0,
  longMs: 0,
  diskLateShare: 0,
  kill: 0,
  freeze: 0,
  cut: 0,
  databaseCut: 0,
  diskFull: 0,
  reboot: 0,
  rebootsHomes: false,
  end: 0,
  giveUp: 0,
};

export interface ModelOptions {
  readonly seed: number;
  readonly nodes: number;
  /** Per transfer, the chunks of each of its files. */
  readonly transfers: readonly (readonly number[])[];
  readonly chaos: Chaos;
  readonly durability?: 'process' | 'power';
  readonly replicationFactor?: 1 | 2;
  readonly sweeps?: boolean;
  readonly givesUp?: boolean;
}

/** A cluster in one process: the real engines, home sides and replica sides over ports that fail as the seed says. */
export class Model implements ModelWorld {
  readonly scheduler: Scheduler;
  readonly rows = new ModelRows();
  readonly links: ModelLinks;
  readonly nodes: readonly ModelNode[];
  readonly durability: 'process' | 'power';
  readonly replicationFactor: 1 | 2;
  readonly sweeps: boolean;
  readonly givesUp: boolean;
  readonly invariants: Invariants;
  readonly #cuts = new Set<string>();
  readonly #databaseCuts = new Set<string>();
  chaos: Chaos;

  constructor(options: ModelOptions) {
    this.scheduler = new Scheduler(options.seed);
    this.chaos = options.chaos;
    this.durability = options.durability ?? 'process';
    this.replicationFactor = options.replicationFactor ?? 2;
    this.sweeps = options.sweeps ?? false;
    this.givesUp = options.givesUp ?? false;
    this.links = new ModelLinks(this.scheduler, {
      isCut: (a, b) => this.#cuts.has(pair(a, b)),
      isLost: () => this.#isBy(this.chaos.loss),
      isDuplicated: () => this.#isBy(this.chaos.duplication),
      delayMs: () => this.#delayMs(),
    });
    this.nodes = Array.from({ length: options.nodes }, (_, index) => new ModelNode('ABC'.charAt(index), this));
    options.transfers.forEach((counts, index) => {
      this.rows.insert(`t${index}`, this.nodes[index % this.nodes.length]?.id ?? 'A', counts);
    });
    this.invariants = new Invariants(this);
    for (const node of this.nodes) node.start();
  }

  databaseWay(nodeId: string) {
    return {
      isCut: () => this.#databaseCuts.has(nodeId),
      isLost: () => this.#isBy(this.chaos.loss),
      delayMs: () => this.#delayMs(),
    };
  }

  diskDelayMs(): number {
    return this.scheduler.chance.next() * (this.#isBy(this.chaos.diskLateShare) ? 3_000 : 3);
  }

  candidates(exclude: readonly string[]): readonly string[] {
    const able = this.nodes.filter((node) => !exclude.includes(node.id) && node.process !== null && !node.isFrozen);
    return able.length < 2 || this.chaos === CALM ? able.map((node) => node.id) : [this.scheduler.chance.pick(able).id];
  }

  isLostByReboot(): boolean {
    return this.scheduler.chance.is(0.6);
  }

  isNameLostByReboot(): boolean {
    return this.chaos.rebootsHomes && this.scheduler.chance.is(0.3);
  }

  node(id: string): ModelNode {
    return nodeNamed(this, id);
  }

  cut(a: string, b: string): void {
    this.scheduler.note(`cut ${a} ${b}`);
    this.#cuts.add(pair(a, b));
  }

  cutFromDatabase(id: string): void {
    this.scheduler.note(`${id} is cut from the database`);
    this.#databaseCuts.add(id);
  }

  /** As the operator's command: what is open and lost ends at once, the rest in the nodes' own turns. */
  giveUp(id: string): void {
    this.scheduler.note(`the operator gives up on ${id}`);
    this.rows.givenUp.add(id);
    for (const row of this.rows.lost()) if (row.state === 'open') this.rows.end(row.id);
  }

  /** Nobody who looks sees it live, whether or not it does. */
  seemsGone(node: ModelNode): boolean {
    return node.process === null || node.isFrozen || this.#databaseCuts.has(node.id);
  }

  heal(): void {
    this.scheduler.note('links heal');
    this.#cuts.clear();
    this.#databaseCuts.clear();
  }

  /** All is well from now on: nodes run, links and disks work, nothing is lost or late. */
  calm(): void {
    this.heal();
    this.chaos = CALM;
    for (const node of this.nodes) {
      node.disk.isFull = false;
      this.thaw(node);
      node.start();
    }
  }

  freeze(node: ModelNode): void {
    this.scheduler.note(`${node.id} freezes`);
    node.isFrozen = true;
  }

  thaw(node: ModelNode): void {
    if (node.isFrozen) this.scheduler.note(`${node.id} thaws`);
    node.isFrozen = false;
  }

  async run(ms: number): Promise<void> {
    await this.scheduler.runFor(ms, () => this.invariants.check());
  }

  async until(what: string, isTrue: () => boolean, limitMs = 60_000): Promise<void> {
    await this.scheduler.runUntil(what, isTrue, limitMs, () => this.invariants.check());
  }

  /**
   * One request of a client: writes a chunk at the home that the row names, as a gateway would. What it resolves to is
   * what the home did, whether or not the client hears of it.
   */
  async write(
    transferId: string,
    fileIndex: number,
    index: number,
    variant: number,
    at: ModelProcess | null = this.node(this.rows.row(transferId).homeNodeId).process,
  ): Promise<string> {
    if (at === null) return 'unavailable';
    const bytes = chunkOf(variant);
    try {
      const transfer = await at.engine.load(transferId);
      const file = transfer.file(fileIndex);
      const outcome = await at.engine.writeChunk(transfer, file, { index, bytes: [bytes] }, undefined, () => {
        // "A chunk's buffers may be reused once `onSpent` was called."
        bytes.fill(SPENT);
      });
      this.scheduler.note(`acknowledged by ${at.name}: ${transferId} ${fileIndex}/${index}=${variant} ${outcome}`);
      this.invariants.acknowledged(transferId, file.row.id, index, variant);
      return outcome;
    } catch (fault) {
      return typeOfFault(fault) === 'internal'
        ? `internal: ${fault instanceof Error ? fault.stack : fault}`
        : typeOfFault(fault);
    }
  }

  /** "Gateway: `promote`": asks the replica of the row, which decides for itself. */
  askToPromote(transferId: string, from: string): void {
    const { homeNodeId, replicaNodeId, state } = this.rows.row(transferId);
    if (replicaNodeId === null || state !== 'open') return;
    const home = this.node(homeNodeId);
    this.links.deliver(`promote ${transferId} ${from}>${replicaNodeId}`, from, this.node(replicaNodeId), (process) => {
      if (process === null) return;
      void process.engine
        .replicaTransfer(transferId)
        .then((transfer) => process.replica.promote(transfer, () => this.links.probe(process, home)))
        .then(
          (outcome) => this.scheduler.note(`${process.name} promote ${transferId}: ${outcome.kind}`),
          () => {},
        );
    });
  }

  #isBy(probability: number): boolean {
    return probability > 0 && this.scheduler.chance.is(probability);
  }

  #delayMs(): number {
    const { chance } = this.scheduler;
    if (this.#isBy(this.chaos.lateShare)) return chance.next() * this.chaos.longMs;
    return 0.5 + chance.next() * 4;
  }
}

function pair(a: string, b: string): string {
  return a < b ? `${a}|${b}` : `${b}|${a}`;
}
