import { PeerLinkError } from '../../services/contracts/errors.ts';
import { ChunkMap } from '../../services/transfer/chunk-map.ts';
import type { ChunkCopies } from '../../services/transfer/mending.ts';
import type { TransferRepository, TransferRow } from '../../services/transfer/ports.ts';
import { recoverStored } from '../../services/transfer/recovery.ts';
import { FillSlots } from '../../services/transfer/replication/fill-slots.ts';
import { HomeSide } from '../../services/transfer/replication/home-side.ts';
import { ReplicaSide } from '../../services/transfer/replication/replica-side.ts';
import type { RunningTransfer } from '../../services/transfer/running-transfer.ts';
import { isSafeAtHome } from '../../services/transfer/safe-copies.ts';
import { type SweepReport, sweepStore } from '../../services/transfer/sweep.ts';
import { takeOver } from '../../services/transfer/take-over.ts';
import { TransferEngine } from '../../services/transfer/transfer-engine.ts';
import { givenUpOf, heedOperator } from './model-given-up.ts';
import type { ModelLinks } from './model-links.ts';
import { type DatabaseWay, type ModelRows, repositoryOf } from './model-rows.ts';
import { chunkOf, ModelDisk, ModelStore } from './model-store.ts';
import type { Place, Scheduler } from './scheduler.ts';

const EPOCH_MS = Date.UTC(2026, 0, 1);
const MAINTAIN_MS = 1_000;
const TAKE_OVER_MS = 10_000;
const ADOPT_MS = 3_000;
const SWEEP_MS = 4_000;

/** What all nodes share. */
export interface ModelWorld {
  readonly scheduler: Scheduler;
  readonly rows: ModelRows;
  readonly links: ModelLinks;
  readonly nodes: readonly ModelNode[];
  readonly durability: 'process' | 'power';
  readonly replicationFactor: 1 | 2;
  readonly databaseWay: (nodeId: string) => DatabaseWay;
  readonly diskDelayMs: () => number;
  /** Nodes that a home may attach, in the order of wish. */
  readonly candidates: (exclude: readonly string[]) => readonly string[];
  /** Nodes look through their copies by themselves, again and again. */
  readonly sweeps: boolean;
  /** An operator may give up on nodes, so they announce themselves and look who was given up. */
  readonly givesUp: boolean;
  readonly isLostByReboot: () => boolean;
  readonly isNameLostByReboot: () => boolean;
}

/** One life of a node: memory that is gone with it. */
export class ModelProcess implements Place {
  readonly node: ModelNode;
  readonly engine: TransferEngine;
  readonly replica: ReplicaSide;
  readonly store: ModelStore;
  readonly repository: TransferRepository;
  readonly name: string;
  readonly #world: ModelWorld;
  isDead = false;

  constructor(node: ModelNode, world: ModelWorld, isDiskTrusted: boolean) {
    this.node = node;
    this.#world = world;
    node.lifeCount += 1;
    this.name = `${node.id}${node.lifeCount}`;
    const { scheduler, durability } = world;
    const repository = repositoryOf(world.rows, scheduler, this, this.name, world.databaseWay(node.id));
    this.repository = repository;
    const delay = (ms: number, signal?: AbortSignal) => scheduler.delay(this, ms, signal);
    const nowMs = () => scheduler.nowMs;
    const connector = world.links.connectorOf(this, (id) => nodeNamed(world, id));
    const slots = new FillSlots();
    this.store = new ModelStore(node.disk, scheduler, this, () => world.diskDelayMs());
    this.engine = new TransferEngine({
      nodeId: node.id,
      repository,
      store: this.store,
      nowMs: () => EPOCH_MS + scheduler.nowMs,
      monotonicMs: nowMs,
      isDiskTrusted,
      durability,
      createHomeSide: (transfer) =>
        new HomeSide(
          {
            nodeId: node.id,
            replicationFactor: world.replicationFactor,
            repository,
            connector,
            slots,
            placement: { choose: async (exclude) => world.candidates(exclude)[0] ?? null },
            nowMs,
            delay,
            onEvent: (event, transferId, nodeId) =>
              scheduler.note(`${this.name} ${transferId} ${event} ${nodeId ?? ''}`),
          },
          transfer,
        ),
      askToAdopt: (row) => this.#askToAdopt(world, row),
      copies: copiesOf(world, this),
      publishProgress: () => {},
      publishState: () => {},
      onFault: (what, fault) => {
        if (!(fault instanceof PeerLinkError))
          node.faults.push(`${what}: ${fault instanceof Error ? fault.stack : fault}`);
      },
    });
    this.replica = new ReplicaSide({
      nodeId: node.id,
      repository,
      load: (transferId) => this.engine.replicaTransfer(transferId),
      nowMs,
      delay,
      isDiskTrusted,
      isPowerSafe: durability === 'power',
    });
    this.engine.useReplicaSide(this.replica);
    this.#maintain(scheduler);
    this.#takeOver(scheduler);
    this.#recover(repository, isDiskTrusted);
    if (world.sweeps) this.#sweepSoon(scheduler);
    if (world.givesUp) heedOperator(world, this, ask);
  }

  get isFrozen(): boolean {
    return this.node.isFrozen;
  }

  /** As a node service after its start, again until the database answers. */
  #recover(repository: TransferRepository, isDiskTrusted: boolean): void {
    const { engine, replica, store } = this;
    const boot = isDiskTrusted
      ? null
      : {
          declareSyncing: async (id: string) => replica.declareSyncing(await engine.replicaTransfer(id)),
          finishDeclaring: () => replica.finishDeclaring(),
        };
    const again = () => this.#world.scheduler.at(MAINTAIN_MS, '', this, () => this.#recover(repository, isDiskTrusted));
    recoverStored({ engine, repository, store, boot, isDiskTrusted }).then(
      (isComplete) => (isComplete ? engine.trust.confirmDisk() : again()),
      again,
    );
  }

  #maintain(scheduler: Scheduler): void {
    scheduler.at(MAINTAIN_MS, '', this, () => {
      void this.engine.maintain().finally(() => this.#maintain(scheduler));
    });
  }

  #takeOver(scheduler: Scheduler): void {
    const world = this.#world;
    const { engine, replica, repository } = this;
    const others = () => world.nodes.filter((node) => node !== this.node);
    // It writes to the table of nodes.
    const isHeardOf = (node: ModelNode) =>
      node.process !== null && !node.isFrozen && !world.databaseWay(node.id).isCut();
    scheduler.at(TAKE_OVER_MS, '', this, () => {
      void takeOver({
        engine,
        repository,
        otherNodes: async () => others().map((node) => ({ id: node.id, isHeardOf: isHeardOf(node) })),
        homes: replica.homes,
        answers: (id) => world.links.probe(this, nodeNamed(world, id)),
        promote: async (id, isHomeThere) => replica.promote(await engine.replicaTransfer(id), isHomeThere),
        nowMs: () => scheduler.nowMs,
      }).finally(() => this.#takeOver(scheduler));
    });
  }

  /** "Not named by the row: unlink once its home confirms that as many nodes as asked for are complete, else keep." */
  async sweep(): Promise<SweepReport> {
    const { engine, store, repository } = this;
    const world = this.#world;
    const confirm = ({ transferId, homeNodeId }: { transferId: string; homeNodeId: string }) =>
      ask(world, this, homeNodeId, 'confirm', async (home) => {
        const epoch = await isSafeAtHome(home.engine, transferId, world.replicationFactor);
        return { epoch };
      }).then(({ epoch }) => epoch);
    const whileUnused: TransferEngine['whileUnused'] = (fileId, act) => engine.whileUnused(fileId, act);
    const isClosed = () => engine.isClosed;
    const swept = await sweepStore({ nodeId: this.node.id, store, repository, confirm, whileUnused, isClosed });
    if (swept.releasedCount > 0) world.scheduler.note(`${this.name} lets go of ${swept.releasedCount} files`);
    return swept;
  }

  #sweepSoon(scheduler: Scheduler): void {
    scheduler.at(SWEEP_MS, '', this, () => {
      void this.sweep()
        .catch(() => {}) // The database is away, as in the service's own loop.
        .finally(() => this.#sweepSoon(scheduler));
    });
  }

  /** "As H with in-sync R ask R to promote (no probe)", and a drain. */
  #askToAdopt(world: ModelWorld, row: TransferRow): Promise<unknown> {
    const { replicaNodeId } = row;
    if (replicaNodeId === null) return Promise.reject(new PeerLinkError('unavailable', 'no replica'));
    const to = nodeNamed(world, replicaNodeId);
    return new Promise((resolve, reject) => {
      const late = () => reject(new PeerLinkError('unavailable', 'no answer'));
      const cancel = world.scheduler.at(ADOPT_MS, '', this, late);
      world.links.deliver(`adopt ${row.id} ${this.node.id}>${to.id}`, this.node.id, to, (process) => {
        const promoting = process?.engine
          .replicaTransfer(row.id)
          .then((transfer) => process.replica.promote(transfer, null));
        promoting?.then(
          () =>
            world.links.deliver(`adopted ${row.id} ${to.id}>${this.node.id}`, to.id, this.node, () => {
              cancel();
              resolve(null);
            }),
          () => {},
        );
      });
    });
  }
}

/** A machine with its disk; a process lives on it, or none. */
export class ModelNode implements Place {
  readonly id: string;
  readonly disk: ModelDisk;
  readonly faults: string[] = [];
  readonly #world: ModelWorld;
  process: ModelProcess | null = null;
  lifeCount = 0;
  isFrozen = false;
  readonly isDead = false;
  /** Transfers of which this machine may have lost bytes, until a row says that it knows. */
  readonly mayLack = new Set<string>();
  #isSameBoot = true;

  constructor(id: string, world: ModelWorld) {
    this.id = id;
    this.#world = world;
    this.disk = new ModelDisk(id);
  }

  start(): void {
    if (this.process !== null) return;
    this.#world.scheduler.note(`${this.id} starts${this.#isSameBoot ? '' : ' after a reboot'}`);
    this.process = new ModelProcess(this, this.#world, this.#isSameBoot);
  }

  /** SIGKILL: memory is gone, what lies on the disk stays. */
  kill(): void {
    const { process } = this;
    if (process === null) return;
    this.#world.scheduler.note(`${process.name} is killed`);
    process.isDead = true;
    this.process = null;
    this.isFrozen = false;
    process.store.abandon(() => this.#world.scheduler.chance.is(0.5));
    this.#world.links.processDied(process);
  }

  /** The machine too: what was not synced may be lost. */
  reboot(): void {
    this.kill();
    this.disk.reboot(
      () => this.#world.isLostByReboot(),
      () => this.#world.isNameLostByReboot(),
    );
    this.#isSameBoot = false;
    // "`power`: fdatasync of bytes and chaining values on both copies before each acknowledgement": nothing lacks.
    if (this.#world.durability === 'process') for (const id of this.#world.rows.transfers.keys()) this.mayLack.add(id);
    this.#world.scheduler.note(`${this.id}'s machine reboots`);
  }
}

export function nodeNamed(world: Pick<ModelWorld, 'nodes'>, id: string): ModelNode {
  const node = world.nodes.find((each) => each.id === id);
  if (node === undefined) throw new Error(`no node ${id}`);
  return node;
}

/** Asks another node's process something; one that is dead, or whose answer is lost, says nothing. */
function ask<T>(
  world: ModelWorld,
  from: ModelProcess,
  nodeId: string,
  what: string,
  act: (process: ModelProcess) => T | Promise<T>,
): Promise<T> {
  return new Promise((resolve, reject) => {
    const late = () => reject(new PeerLinkError('unavailable', 'no answer'));
    const cancel = world.scheduler.at(ADOPT_MS, '', from, late);
    const to = nodeNamed(world, nodeId);
    const answer = (result: T) =>
      world.links.deliver(`${what} ${nodeId}>${from.node.id}`, nodeId, from.node, (home) => {
        cancel();
        if (home === from) resolve(result);
      });
    world.links.deliver(`${what} ${from.node.id}>${nodeId}`, from.node.id, to, (other) => {
      if (other === null) return;
      const result = act(other);
      // What fails there is not told here: it is as good as no answer.
      if (result instanceof Promise) result.then(answer, () => {});
      else answer(result);
    });
  });
}

export type Ask = typeof ask;

/** What other nodes hold, as this process may ask them. */
function copiesOf(world: ModelWorld, process: ModelProcess): ChunkCopies {
  return {
    holders: async (_row, scope) => {
      const others = world.nodes.filter((node) => node !== process.node).map((node) => node.id);
      if (scope === 'named' || !world.givesUp) return others;
      const givenUp = await givenUpOf(world, process);
      return others.filter((id) => !givenUp.has(id));
    },
    answering: () => world.nodes.filter((node) => node !== process.node).map(({ id }) => id),
    isGivenUp: async (nodeId) => world.givesUp && (await givenUpOf(world, process)).has(nodeId),
    values: (nodeId, _transfer: RunningTransfer, file) =>
      ask(world, process, nodeId, 'copy', ({ node }) => {
        const found = node.disk.files.get(file.row.id);
        return found === undefined ? null : new ChunkMap(found.values.all());
      }),
    read: (nodeId, _transfer, file, index) =>
      ask(world, process, nodeId, 'copy', ({ node }) => {
        const variant = node.disk.sound(file.row.id, index);
        return variant === null ? null : chunkOf(variant);
      }),
  };
}
