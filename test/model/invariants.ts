import { ChunkMap } from '../../services/transfer/chunk-map.ts';
import type { FileFate } from '../../services/transfer/ports.ts';
import type { ModelNode, ModelWorld } from './model-node.ts';
import { nodeNamed } from './model-node.ts';
import { digestOf, variantOf } from './model-store.ts';

/** A rule of docs/PROTOCOL.md that does not hold. */
export class Violation extends Error {
  override name = 'Violation';
}

/**
 * The invariants I1 to I6 over what a model can see at once and no node can: every disk, every row, every memory. Looked
 * at after each event.
 */
export class Invariants {
  readonly #world: ModelWorld;
  /** First value seen as committed, per chunk and generation. */
  readonly #committed = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();
  readonly #digests = new Map<string, string>();
  readonly #epochs = new Map<string, number>();
  /** By process and file. */
  readonly #fatesRead = new Map<string, FileFate>();
  violation: Violation | null = null;

  constructor(world: ModelWorld) {
    this.#world = world;
    world.rows.onDigest = (file, digest) => this.#sealed(file.id, file.transferId, digest);
    world.rows.onDeclared = (row) => nodeNamed(world, row.replicaNodeId ?? '').mayLack.delete(row.id);
    world.rows.onFatesRead = (processName, fates) => {
      for (const [fileId, fate] of fates) this.#fatesRead.set(`${processName} ${fileId}`, fate);
    };
    world.links.onViolation = (what) => this.#break(what);
    for (const node of world.nodes) node.disk.onRemove = (fileId) => this.#removed(node, fileId);
  }

  /** A home told a client that a chunk is committed. */
  acknowledged(transferId: string, fileId: string, index: number, variant: number): void {
    const key = `${fileId}/${index}@${this.#world.rows.row(transferId).generation}`;
    const known = this.#acknowledged.get(key);
    if (known !== undefined && known !== variant)
      this.#break(`two values were acknowledged for ${key}: ${known} and ${variant}`);
    this.#acknowledged.set(key, variant);
  }

  get acknowledgedCount(): number {
    return this.#acknowledged.size;
  }

  /** @throws Violation */
  check(): void {
    for (const id of this.#world.rows.transfers.keys()) {
      const row = this.#world.rows.row(id);
      if (row.epoch < (this.#epochs.get(id) ?? 0)) this.#break(`I1: the epoch of ${id} fell`);
      this.#epochs.set(id, row.epoch);
      if (row.state === 'ended') continue;
      this.#checkHomesMemory(id);
      this.#checkDisks(id);
    }
    for (const node of this.#world.nodes) for (const fault of node.faults) this.#break(`${node.id}: ${fault}`);
    if (this.violation !== null) throw this.violation;
  }

  /**
   * When all is well again: what was acknowledged in this generation is at its home, also after a boot. Of a sealed file
   * whose home rebooted the replica has it, from which each read and the scrub mend it. @throws Violation
   */
  checkNothingLost(): void {
    for (const [key, variant] of this.#acknowledged) {
      const [, fileId = '', index = '', generation = ''] = /^(.+)\/(\d+)@(\d+)$/.exec(key) ?? [];
      const row = [...this.#world.rows.transfers.values()].find(({ id }) => fileId.startsWith(`${id}-`));
      if (row === undefined || row.state === 'ended' || row.generation !== Number(generation)) continue;
      const isAt = (nodeId: string) => nodeNamed(this.#world, nodeId).disk.sound(fileId, Number(index)) === variant;
      const mayLack = row.state === 'sealed' && nodeNamed(this.#world, row.homeNodeId).mayLack.has(row.id);
      const isAtReplica = row.replicaNodeId !== null && row.replicaState === 'in_sync' && isAt(row.replicaNodeId);
      if (!isAt(row.homeNodeId) && !(mayLack && isAtReplica))
        this.#break(`${key}=${variant} was acknowledged and is lost`);
    }
    this.check();
  }

  /** I1, I3: what each process believes that thinks itself home, rightly or not. */
  #checkHomesMemory(id: string): void {
    const { rows, nodes } = this.#world;
    const now = rows.row(id);
    for (const node of nodes) {
      const transfer = [...(node.process?.engine.running() ?? [])].find((one) => one.row.id === id);
      if (transfer === undefined || transfer.row.homeNodeId !== node.id || transfer.row.state === 'ended') continue;
      const { home } = transfer;
      // "Q contains every node that any possibly-current row names in_sync: Q grows before the CAS is sent."
      const isInSync = now.homeNodeId === node.id && now.replicaState === 'in_sync';
      const mayBeInSync = [...rows.underWay].some(
        (one) =>
          one.id === id &&
          one.epoch === now.epoch &&
          now.homeNodeId === node.id &&
          one.change.replicaState === 'in_sync',
      );
      if ((isInSync || mayBeInSync) && home !== null && !home.needsReplica)
        this.#break(
          `I1: ${node.id} commits ${id} alone although ${isInSync ? 'its row' : 'a row on its way'} says in_sync`,
        );
      for (const file of transfer.files) {
        // After a boot values vouch for nothing until they are verified, and each read verifies for itself.
        if (file.isSealed || !file.isTrusted) continue;
        for (const [start, end] of file.values?.ranges() ?? []) {
          for (let index = start; index < end; index += 1) {
            const variant = variantOf(file.values?.get(index) ?? null);
            if (variant !== null)
              this.#readable(`${file.row.id}/${index}@${transfer.row.generation}`, variant, node, file.row.id, index);
          }
        }
      }
    }
  }

  /** "A committed chunk never changes in one generation; uncommitted ones are nowhere readable." */
  #readable(key: string, variant: number, node: ModelNode, fileId: string, index: number): void {
    const known = this.#committed.get(key);
    if (known !== undefined && known !== variant)
      this.#break(`I3: ${key} is readable as ${variant} at ${node.id} and was as ${known}`);
    this.#committed.set(key, variant);
    if (node.disk.files.get(fileId)?.chunks.get(index) !== variant)
      this.#break(`I2: ${node.id} vouches for ${key}=${variant} without its bytes`);
  }

  /** I2, I4: what the row promises of the disks. */
  #checkDisks(id: string): void {
    const row = this.#world.rows.row(id);
    const home = nodeNamed(this.#world, row.homeNodeId);
    const replica = row.replicaNodeId === null ? null : nodeNamed(this.#world, row.replicaNodeId);
    // Whom the row does not name nobody counts on.
    for (const node of this.#world.nodes) if (node !== home && node !== replica) node.mayLack.delete(id);
    for (const file of this.#world.rows.files.get(id) ?? []) {
      const count = (file.sizeBytes ?? 0) / file.chunkSizeBytes;
      for (let index = 0; index < count; index += 1) {
        const key = `${file.id}/${index}@${row.generation}`;
        const acknowledged = this.#acknowledged.get(key);
        if (acknowledged !== undefined && !home.mayLack.has(id) && home.disk.sound(file.id, index) !== acknowledged)
          this.#break(`I2: ${key}=${acknowledged} was acknowledged and is not at its home ${home.id}`);
        if (row.replicaState !== 'in_sync' || replica === null || replica.mayLack.has(id)) continue;
        const committed = home.mayLack.has(id)
          ? acknowledged
          : variantOf(home.disk.files.get(file.id)?.values.get(index) ?? null);
        if (committed != null && replica.disk.sound(file.id, index) !== committed)
          this.#break(`I4: ${key}=${committed} is committed and not at ${replica.id}, which the row says is in sync`);
      }
    }
  }

  /** "A digest is set once, by the home of the current epoch", and is that of what was committed. */
  #sealed(fileId: string, transferId: string, digest: Uint8Array): void {
    if (this.#digests.has(fileId)) this.#break(`I5: ${fileId} is sealed twice`);
    this.#digests.set(fileId, Buffer.from(digest).toString('hex'));
    const row = this.#world.rows.row(transferId);
    const file = this.#world.rows.files.get(transferId)?.find((one) => one.id === fileId);
    const home = nodeNamed(this.#world, row.homeNodeId);
    const count = (file?.sizeBytes ?? 0) / (file?.chunkSizeBytes ?? 1);
    // The statement may land after its home rebooted: then the replica in sync has what was committed.
    const isLate = home.mayLack.has(transferId) && row.replicaNodeId !== null && row.replicaState === 'in_sync';
    const holder = isLate ? nodeNamed(this.#world, row.replicaNodeId ?? '') : home;
    const values = holder.disk.files.get(fileId)?.values.firstValues(count) ?? new Uint8Array(0);
    if (this.#world.durability === 'power') this.#checkSynced(fileId, count, home);
    if (Buffer.compare(digestOf(values), digest) !== 0) this.#break(`I5: ${fileId} is sealed as what its home has not`);
  }

  /** "`power`: files and directories [are synced] before the sealing row." */
  #checkSynced(fileId: string, count: number, home: ModelNode): void {
    const file = home.disk.files.get(fileId);
    const safe = new ChunkMap(file?.safeValues.slice());
    for (let index = 0; index < count; index += 1) {
      const variant = variantOf(safe.get(index));
      if (variant === null || file?.safeChunks.get(index) !== variant)
        this.#break(`I5: ${fileId}/${index} is sealed and not on the medium of ${home.id}`);
    }
  }

  /**
   * "Bytes are deleted only on a row's word": it ended; or, as this process read it last, it names others, in sync. One of those
   * has each committed chunk that goes.
   */
  #removed(node: ModelNode, fileId: string): void {
    const [row] = [...this.#world.rows.transfers.values()].filter(({ id }) => fileId.startsWith(`${id}-`));
    if (row === undefined || row.state === 'ended') return;
    const read = this.#fatesRead.get(`${node.process?.name} ${fileId}`);
    if (read?.isReplicaInSync !== true || read.homeNodeId === node.id || read.replicaNodeId === node.id)
      this.#break(`I6: ${node.id} removes ${fileId} although it read ${JSON.stringify(read ?? row.state)}`);
    const named = [row.homeNodeId, row.replicaNodeId ?? row.homeNodeId].map((id) => nodeNamed(this.#world, id).disk);
    for (const [index] of node.disk.files.get(fileId)?.chunks ?? []) {
      const committed = this.#acknowledged.get(`${fileId}/${index}@${row.generation}`);
      if (committed !== undefined && named.every((disk) => disk.sound(fileId, index) !== committed))
        this.#break(`I6: ${node.id} removes the last ${fileId}/${index}=${committed}`);
    }
  }

  #break(what: string): void {
    this.violation ??= new Violation(what);
  }
}
