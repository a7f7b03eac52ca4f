import { PeerLinkError } from '../../services/contracts/errors.ts';
import { isEqualBytes } from '../../services/kernel/ids.ts';
import type {
  FileFate,
  FileRow,
  OwnershipChange,
  SealOutcome,
  TransferRepository,
  TransferRow,
  TransferWithFiles,
} from '../../services/transfer/ports.ts';
import { fileRow, transferRow } from '../support/transfer-rows.ts';
import { CHUNK_BYTES } from './model-store.ts';
import type { Place, Scheduler } from './scheduler.ts';

const EPOCH_MS = Date.UTC(2026, 0, 1);
/** As long as the real adapter lets a caller wait. */
const CALL_DEADLINE_MS = 1_900;

/** The rows themselves, and statements as the real adapter's SQL has them (its contract suite holds that). */
export class ModelRows {
  readonly transfers = new Map<string, TransferRow>();
  readonly files = new Map<string, FileRow[]>();
  /** Ownership updates that were sent and neither took effect nor were lost yet. */
  readonly underWay = new Set<{ readonly id: string; readonly epoch: number; readonly change: OwnershipChange }>();
  /** Nodes that an operator gave up on, until they announce themselves. */
  readonly givenUp = new Set<string>();
  /** A replica says by itself that it has to be compared anew. */
  onDeclared: (row: TransferRow) => void = () => {};
  /** What a process was told of files that lie on its disk. */
  onFatesRead: (processName: string, fates: ReadonlyMap<string, FileFate>) => void = () => {};
  onDigest: (file: FileRow, digest: Uint8Array) => void = () => {};

  insert(id: string, homeNodeId: string, chunkCounts: readonly number[]): void {
    const [createdAt, expiresAt] = [new Date(EPOCH_MS), new Date(EPOCH_MS + 365 * 24 * 3600_000)];
    // A run that is played again has the same rows.
    this.transfers.set(id, transferRow({ id, shareId: `share-${id}`, homeNodeId, createdAt, expiresAt }));
    const files = chunkCounts.map((count, index) =>
      fileRow({
        id: `${id}-${index}`,
        transferId: id,
        index,
        sizeBytes: count * CHUNK_BYTES,
        chunkSizeBytes: CHUNK_BYTES,
      }),
    );
    this.files.set(id, files);
  }

  row(id: string): TransferRow {
    const row = this.transfers.get(id);
    if (row === undefined) throw new Error(`no row ${id}`);
    return row;
  }

  find(id: string): TransferWithFiles | null {
    const transfer = this.transfers.get(id);
    return transfer === undefined ? null : { transfer, files: [...(this.files.get(id) ?? [])] };
  }

  cas(id: string, knownEpoch: number, change: OwnershipChange): TransferRow | null {
    const row = this.transfers.get(id);
    if (row === undefined || row.epoch !== knownEpoch || row.state === 'ended') return null;
    if (change.replicaState === 'syncing' && change.replicaNodeId === undefined) this.onDeclared(row);
    return this.#set({ ...row, ...change, epoch: row.epoch + 1 });
  }

  /** Their home was given up, and no other node has them in sync. */
  lost(): readonly TransferRow[] {
    const hasOther = ({ replicaNodeId, replicaState }: TransferRow) =>
      replicaState === 'in_sync' && replicaNodeId !== null && !this.givenUp.has(replicaNodeId);
    return [...this.transfers.values()].filter(
      (row) => row.state !== 'ended' && this.givenUp.has(row.homeNodeId) && !hasOther(row),
    );
  }

  end(id: string): boolean {
    const row = this.transfers.get(id);
    if (row === undefined || row.state === 'ended') return false;
    this.#set({ ...row, state: 'ended', endReason: 'deleted', endedAt: new Date(EPOCH_MS), epoch: row.epoch + 1 });
    return true;
  }

  fates(fileIds: readonly string[]): ReadonlyMap<string, FileFate> {
    const all = [...this.files.values()].flat().filter((file) => fileIds.includes(file.id));
    return new Map(
      all.map((file) => {
        const { id: transferId, epoch, homeNodeId, replicaNodeId, replicaState, state } = this.row(file.transferId);
        const fate = state === 'ended' ? 'ended' : 'kept';
        const isReplicaInSync = replicaState === 'in_sync';
        return [file.id, { fate, transferId, epoch, homeNodeId, replicaNodeId, isReplicaInSync }];
      }),
    );
  }

  seal(args: Parameters<TransferRepository['sealFile']>[0]): SealOutcome {
    const row = this.transfers.get(args.transferId);
    if (row === undefined) return { outcome: 'refused', transfer: null };
    const files = this.files.get(row.id) ?? [];
    const file = files[args.fileIndex];
    if (file === undefined) return { outcome: 'refused', transfer: row };
    if (file.digest !== null) {
      const isSame =
        isEqualBytes(file.digest, args.digest) && row.homeNodeId === args.homeNodeId && row.state !== 'ended';
      return isSame ? { outcome: 'sealed', transfer: row, digest: args.digest } : { outcome: 'refused', transfer: row };
    }
    const isOwned = row.epoch === args.knownEpoch && row.homeNodeId === args.homeNodeId && row.state === 'open';
    if (!isOwned) return { outcome: 'refused', transfer: row };
    this.onDigest(file, args.digest);
    files[args.fileIndex] = { ...file, digest: args.digest };
    const isLast = files.every((each) => each.digest !== null);
    const after = isLast ? this.#set({ ...row, state: 'sealed', epoch: row.epoch + 1 }) : row;
    return { outcome: 'sealed', transfer: after, digest: args.digest };
  }

  #set(row: TransferRow): TransferRow {
    this.transfers.set(row.id, row);
    return row;
  }
}

/** How the way to the database behaves for one node, asked anew for each statement. */
export interface DatabaseWay {
  readonly isCut: () => boolean;
  readonly isLost: () => boolean;
  readonly delayMs: () => number;
}

/** A statement as one process sends it: late, perhaps never, and perhaps done without an answer. */
export type CallDatabase = <T>(label: string, act: () => T, onOver?: () => void) => Promise<T>;

export function callOf(scheduler: Scheduler, place: Place, name: string, way: DatabaseWay): CallDatabase {
  return function call<T>(label: string, act: () => T, onOver: () => void = () => {}): Promise<T> {
    return new Promise((resolve, reject) => {
      const silent = () => reject(new PeerLinkError('unavailable', 'the database does not answer'));
      const cancel = scheduler.at(CALL_DEADLINE_MS, '', place, silent);
      if (way.isCut() || way.isLost()) {
        onOver();
        return;
      }
      scheduler.at(way.delayMs(), `${label} of ${name}`, null, () => {
        onOver();
        const result = act();
        if (way.isCut() || way.isLost()) return;
        scheduler.at(way.delayMs(), `answer to ${label} of ${name}`, place, () => {
          cancel();
          resolve(result);
        });
      });
    });
  };
}

/** The database as one process reaches it: late, perhaps never, and perhaps done without an answer. */
export function repositoryOf(
  rows: ModelRows,
  scheduler: Scheduler,
  place: Place,
  name: string,
  way: DatabaseWay,
): TransferRepository {
  const call = callOf(scheduler, place, name, way);
  const repository: Partial<TransferRepository> = {
    findById: (id) => call('read', () => rows.find(id)),
    refresh: (ids) => call('refresh', () => ids.flatMap((id) => rows.transfers.get(id) ?? [])),
    cas: (id, epoch, change) => {
      const statement = { id, epoch, change };
      rows.underWay.add(statement);
      return call(
        `cas ${describe(change)}`,
        () => rows.cas(id, epoch, change),
        () => rows.underWay.delete(statement),
      );
    },
    sealFile: (args) => call(`seal ${args.fileIndex}`, () => rows.seal(args)),
    end: (id) => call('end', () => rows.end(id)),
    touch: async () => {},
    listByReplica: (nodeId, after) =>
      call('list', () =>
        [...rows.transfers.values()]
          .filter((row) => row.replicaNodeId === nodeId && row.state !== 'ended' && row.id > (after ?? ''))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      ),
    listInSync: (nodeId, homeNodeIds) =>
      call('list', () =>
        [...rows.transfers.values()]
          .filter((row) => row.replicaNodeId === nodeId && row.replicaState === 'in_sync' && row.state !== 'ended')
          .filter((row) => homeNodeIds.includes(row.homeNodeId))
          .sort((a, b) => (a.id < b.id ? -1 : 1)),
      ),
    fateOfFiles: async (fileIds) => {
      const fates = await call('fates', () => rows.fates(fileIds));
      rows.onFatesRead(name, fates);
      return fates;
    },
    listByHome: (nodeId, after) =>
      call('list', () =>
        [...rows.transfers.values()]
          .filter((row) => row.homeNodeId === nodeId && row.state !== 'ended' && row.id > (after ?? ''))
          .sort((a, b) => (a.id < b.id ? -1 : 1))
          .flatMap((row) => rows.find(row.id) ?? []),
      ),
  };
  return repository as TransferRepository;
}

function describe(change: OwnershipChange): string {
  if (change.homeNodeId !== undefined) return `promote ${change.homeNodeId}`;
  if (change.replicaNodeId === null) return 'detach';
  if (change.replicaNodeId !== undefined) return `attach ${change.replicaNodeId}`;
  return change.generation === undefined ? String(change.replicaState) : `generation ${change.generation}`;
}
