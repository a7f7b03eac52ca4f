import { PeerLinkError } from '../../services/contracts/errors.ts';
import { MAX_FILES_PER_TRANSFER } from '../../services/contracts/limits.ts';
import type { LeaderTerm } from '../../services/kernel/leader-term.ts';
import type {
  DueIn,
  FileFate,
  FileRow,
  HomeCounts,
  InsertOutcome,
  NewFile,
  NewTransfer,
  OwnershipChange,
  SealOutcome,
  TransferRepository,
  TransferRow,
  TransferWithFiles,
} from '../../services/transfer/ports.ts';
import { transferRow } from './transfer-rows.ts';

/** As the statement: an upload that moves is written down so often at most, and never ends for it. */
const TOUCH_GRAIN_MS = 30_000;

/** What rows of other tables say, which are not here. */
export interface MemorySurroundings {
  /** Of the leader's lease; every term is the current one unless said. */
  readonly isCurrent?: (term: LeaderTerm) => boolean;
  /** The last use of any lease of a transfer, by the repository's clock; -Infinity, as unless said: none has ever been. */
  readonly lastUsedMs?: (transferId: string) => number;
}

/** An offer that nobody has accepted holds no bytes: it is no open transfer of its sender, and nobody abandons it. */
function isAnyUpload({ state, kind, acceptedAt }: TransferRow): boolean {
  return state === 'open' && (kind === 'share' || acceptedAt !== null);
}

/**
 * A TransferRepository in memory with the rules of the statements it stands for, held by the same suite, and a switch for its
 * outage.
 */
export class MemoryTransferRepository implements TransferRepository {
  /** While false every call throws `unavailable`. */
  isUp = true;
  statementCount = 0;
  readonly #transfers = new Map<string, TransferRow>();
  readonly #files = new Map<string, FileRow[]>();
  readonly #nowMs: () => number;
  readonly #isCurrent: (term: LeaderTerm) => boolean;
  readonly #lastUsedMs: (transferId: string) => number;

  constructor(nowMs: () => number, surroundings: MemorySurroundings = {}) {
    this.#nowMs = nowMs;
    this.#isCurrent = surroundings.isCurrent ?? (() => true);
    this.#lastUsedMs = surroundings.lastUsedMs ?? (() => Number.NEGATIVE_INFINITY);
  }

  /** What the statements of other tables do to a row: a download that is counted, an offer that is accepted, time that passes. */
  alter(id: string, change: (row: TransferRow) => Partial<TransferRow>): void {
    const row = this.#transfers.get(id);
    if (row !== undefined) this.#set({ ...row, ...change(row) });
  }

  async insert(
    row: NewTransfer,
    files: readonly NewFile[],
    options: { maxOpen: number; expiresInSeconds: number },
  ): Promise<InsertOutcome> {
    await this.#answer();
    const all = [...this.#transfers.values()];
    const same = all.find(
      (each) =>
        each.id === row.id ||
        (row.sessionId !== null &&
          row.idempotencyKey !== null &&
          each.sessionId === row.sessionId &&
          each.idempotencyKey === row.idempotencyKey),
    );
    if (same !== undefined) return { outcome: 'exists', row: this.#found(same) };
    const isOwners = (each: TransferRow) =>
      row.sessionId === null
        ? each.sessionId === null && each.ownerAddress === row.ownerAddress
        : each.sessionId === row.sessionId;
    const isOpen = (each: TransferRow) => isAnyUpload(each) && each.expiresAt.getTime() > this.#nowMs();
    const openCount = all.filter((each) => isOpen(each) && isOwners(each)).length;
    if (openCount >= options.maxOpen) return { outcome: 'too_many', openCount };
    const now = new Date(this.#nowMs());
    const transfer = transferRow({
      ...row,
      state: files.every((file) => file.digest !== null) ? 'sealed' : 'open',
      createdAt: now,
      expiresAt: new Date(now.getTime() + options.expiresInSeconds * 1000),
    });
    this.#transfers.set(row.id, transfer);
    this.#files.set(
      row.id,
      files.map((file) => ({ ...file, transferId: row.id })).sort((a, b) => a.index - b.index),
    );
    return { outcome: 'inserted', row: this.#found(transfer) };
  }

  async findById(id: string): Promise<TransferWithFiles | null> {
    await this.#answer();
    const transfer = this.#transfers.get(id);
    return transfer === undefined ? null : this.#found(transfer);
  }

  async findByShareId(shareId: string): Promise<TransferWithFiles | null> {
    await this.#answer();
    const transfer = [...this.#transfers.values()].find((each) => each.shareId === shareId);
    return transfer === undefined ? null : this.#found(transfer);
  }

  async listBySession(sessionId: string, limit: number, filesEach: number) {
    await this.#answer();
    return [...this.#transfers.values()]
      .filter((each) => each.sessionId === sessionId && each.state !== 'ended')
      .reverse()
      .slice(0, limit)
      .map((transfer) => {
        const { files } = this.#found(transfer);
        const isSized = files.every((file) => file.sizeBytes !== null);
        const totalBytes = isSized ? files.reduce((sum, file) => sum + (file.sizeBytes ?? 0), 0) : null;
        return { transfer, files: files.slice(0, filesEach), fileCount: files.length, totalBytes };
      });
  }

  async refresh(ids: readonly string[]): Promise<readonly TransferRow[]> {
    await this.#answer();
    return ids.flatMap((id) => this.#transfers.get(id) ?? []);
  }

  async cas(id: string, knownEpoch: number, change: OwnershipChange): Promise<TransferRow | null> {
    await this.#answer();
    const row = this.#transfers.get(id);
    if (row === undefined || row.epoch !== knownEpoch || row.state === 'ended') return null;
    const changed = { ...row, ...change, epoch: row.epoch + 1 };
    if ((changed.replicaNodeId === null) !== (changed.replicaState === 'none')) {
      throw new PeerLinkError('internal', 'A row has a replica and its state, or neither.');
    }
    return this.#set(changed);
  }

  async sealFile(args: Parameters<TransferRepository['sealFile']>[0]): Promise<SealOutcome> {
    await this.#answer();
    const row = this.#transfers.get(args.transferId);
    if (row === undefined) return { outcome: 'refused', transfer: null };
    const files = this.#files.get(row.id) ?? [];
    const file = files[args.fileIndex];
    if (file?.digest != null) {
      const isSame = Buffer.compare(file.digest, args.digest) === 0 && file.sizeBytes === args.sizeBytes;
      return isSame && row.homeNodeId === args.homeNodeId && row.state !== 'ended'
        ? { outcome: 'sealed', transfer: row, digest: args.digest }
        : { outcome: 'refused', transfer: row };
    }
    const isMine = row.epoch === args.knownEpoch && row.homeNodeId === args.homeNodeId && row.state === 'open';
    if (file === undefined || !isMine || (file.sizeBytes !== null && file.sizeBytes !== args.sizeBytes)) {
      return { outcome: 'refused', transfer: row };
    }
    files[args.fileIndex] = { ...file, digest: args.digest, sizeBytes: args.sizeBytes };
    const isLast = files.every((each) => each.digest !== null);
    const sealed = isLast ? this.#set({ ...row, state: 'sealed', epoch: row.epoch + 1 }) : row;
    return { outcome: 'sealed', transfer: sealed, digest: args.digest };
  }

  async end(id: string, reason: NonNullable<TransferRow['endReason']>): Promise<boolean> {
    await this.#answer();
    const row = this.#transfers.get(id);
    if (row === undefined || row.state === 'ended') return false;
    this.#set({ ...row, state: 'ended', endReason: reason, endedAt: new Date(this.#nowMs()), epoch: row.epoch + 1 });
    return true;
  }

  async dueIn(of: Parameters<TransferRepository['dueIn']>[0]): Promise<DueIn> {
    await this.#answer();
    const all = [...this.#transfers.values()];
    const uploadTtlMs = (of.uploadTtlSeconds ?? Number.POSITIVE_INFINITY) * 1000;
    const { leaseIdleSeconds } = of;
    const atMs = all.map((row) => {
      if (row.endedAt !== null) return row.endedAt.getTime() + of.endedKeptSeconds * 1000;
      const isUsedUp = row.state === 'sealed' && row.maxDownloads !== null && row.maxDownloads <= row.downloadCount;
      const usedUpMs =
        isUsedUp && leaseIdleSeconds !== null
          ? this.#lastUsedMs(row.id) + leaseIdleSeconds * 1000
          : Number.POSITIVE_INFINITY;
      const abandonedMs = isAnyUpload(row) ? row.touchedAt.getTime() + uploadTtlMs : Number.POSITIVE_INFINITY;
      return Math.min(row.expiresAt.getTime(), abandonedMs, usedUpMs);
    });
    const hasSends = all.some((row) => row.kind === 'direct' && row.state !== 'ended');
    const nowMs = this.#nowMs();
    return { expiryMs: Math.min(...atMs) - nowMs, sendsMs: hasSends ? 0 : Number.POSITIVE_INFINITY, nowMs };
  }

  async endExpired(options: {
    uploadTtlSeconds: number | null;
    leaseIdleSeconds: number | null;
    limit: number;
    term?: LeaderTerm;
  }): Promise<readonly string[]> {
    await this.#answer();
    const { uploadTtlSeconds, leaseIdleSeconds, limit, term } = options;
    if (term !== undefined && !this.#isCurrent(term)) return [];
    const now = this.#nowMs();
    const abandonedMs = uploadTtlSeconds === null ? null : uploadTtlSeconds * 1000 + TOUCH_GRAIN_MS;
    const isAbandoned = (row: TransferRow) =>
      abandonedMs !== null && isAnyUpload(row) && row.touchedAt.getTime() < now - abandonedMs;
    const isUsedUp = ({ id, state, maxDownloads, downloadCount }: TransferRow) =>
      state === 'sealed' &&
      maxDownloads !== null &&
      maxDownloads <= downloadCount &&
      leaseIdleSeconds !== null &&
      this.#lastUsedMs(id) <= now - leaseIdleSeconds * 1000;
    const over = [...this.#transfers.values()]
      .filter((row) => row.state !== 'ended' && (row.expiresAt.getTime() <= now || isAbandoned(row) || isUsedUp(row)))
      .slice(0, limit);
    for (const row of over) {
      const unlessExpired = row.state === 'open' ? 'aborted' : 'used_up';
      await this.end(row.id, row.expiresAt.getTime() <= now ? 'expired' : unlessExpired);
    }
    return over.map((row) => row.id);
  }

  async touch(ids: readonly string[]): Promise<void> {
    await this.#answer();
    for (const id of ids) {
      const row = this.#transfers.get(id);
      if (row?.state !== 'open' || row.touchedAt.getTime() >= this.#nowMs() - TOUCH_GRAIN_MS) continue;
      this.#set({ ...row, touchedAt: new Date(this.#nowMs()) });
    }
  }

  async change(
    id: string,
    change: { expiresInSeconds?: number; maxDownloads?: number | null },
  ): Promise<TransferRow | null> {
    await this.#answer();
    const row = this.#transfers.get(id);
    if (row === undefined || row.state === 'ended' || row.expiresAt.getTime() <= this.#nowMs()) return null;
    const { expiresInSeconds, maxDownloads } = change;
    return this.#set({
      ...row,
      ...(expiresInSeconds === undefined ? {} : { expiresAt: new Date(this.#nowMs() + expiresInSeconds * 1000) }),
      ...(maxDownloads === undefined ? {} : { maxDownloads }),
    });
  }

  async fateOfFiles(fileIds: readonly string[]): Promise<ReadonlyMap<string, FileFate>> {
    await this.#answer();
    const fates = new Map<string, FileFate>();
    for (const [transferId, files] of this.#files) {
      const row = this.#transfers.get(transferId);
      if (row === undefined) continue;
      const { epoch, homeNodeId, replicaNodeId } = row;
      const fate = row.state === 'ended' ? 'ended' : 'kept';
      const isReplicaInSync = row.replicaState === 'in_sync';
      for (const file of files) {
        if (fileIds.includes(file.id))
          fates.set(file.id, { fate, transferId, epoch, homeNodeId, replicaNodeId, isReplicaInSync });
      }
    }
    return fates;
  }

  async listByReplica(nodeId: string, afterId: string | null, limit: number): Promise<readonly TransferRow[]> {
    await this.#answer();
    return [...this.#transfers.values()]
      .filter((row) => row.replicaNodeId === nodeId && row.state !== 'ended' && row.id > (afterId ?? ''))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
  }

  async listInSync(nodeId: string, homeNodeIds: readonly string[], limit: number): Promise<readonly TransferRow[]> {
    const held = await this.listByReplica(nodeId, null, Number.POSITIVE_INFINITY);
    return held.filter((row) => row.replicaState === 'in_sync' && homeNodeIds.includes(row.homeNodeId)).slice(0, limit);
  }

  async countByHome(nodeId: string): Promise<HomeCounts> {
    await this.#answer();
    const here = [...this.#transfers.values()].filter((row) => row.homeNodeId === nodeId && row.state !== 'ended');
    const homes = here.filter((row) => (this.#files.get(row.id) ?? []).some((file) => file.sizeBytes !== 0));
    return {
      homeCount: homes.length,
      singleCopyCount: homes.filter((row) => row.replicaState !== 'in_sync').length,
      directCount: here.filter((row) => row.kind === 'direct').length,
    };
  }

  async listByHome(nodeId: string, afterId: string | null, limit: number): Promise<readonly TransferWithFiles[]> {
    await this.#answer();
    const listed = [...this.#transfers.values()]
      .filter((row) => row.homeNodeId === nodeId && row.state !== 'ended' && row.id > (afterId ?? ''))
      .sort((a, b) => (a.id < b.id ? -1 : 1))
      .slice(0, limit);
    return this.#withFewFiles(listed).map((row) => this.#found(row));
  }

  async deleteEndedRows(olderThanSeconds: number, limit: number, term?: LeaderTerm): Promise<number> {
    await this.#answer();
    if (term !== undefined && !this.#isCurrent(term)) return 0;
    const before = this.#nowMs() - olderThanSeconds * 1000;
    const over = [...this.#transfers.values()].filter((row) => row.endedAt !== null && row.endedAt.getTime() < before);
    over.sort((a, b) => Number(a.endedAt) - Number(b.endedAt));
    const deleted = this.#withFewFiles(over.slice(0, limit));
    for (const row of deleted) {
      this.#transfers.delete(row.id);
      this.#files.delete(row.id);
    }
    return deleted.length;
  }

  #withFewFiles(rows: readonly TransferRow[]): readonly TransferRow[] {
    let fileCount = 0;
    return rows.filter(({ id }) => {
      fileCount += this.#files.get(id)?.length ?? 0;
      return fileCount <= MAX_FILES_PER_TRANSFER;
    });
  }

  #found(transfer: TransferRow): TransferWithFiles {
    return { transfer, files: [...(this.#files.get(transfer.id) ?? [])] };
  }

  #set(row: TransferRow): TransferRow {
    this.#transfers.set(row.id, row);
    return row;
  }

  async #answer(): Promise<void> {
    this.statementCount += 1;
    if (!this.isUp) throw new PeerLinkError('unavailable', 'the database does not answer');
  }
}
