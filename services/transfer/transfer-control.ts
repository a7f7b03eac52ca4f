import type { Caller } from '../contracts/actions.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import type {
  ChangeTransferRequest,
  EndReason,
  GrantResponse,
  OpenTransferRequest,
  OpenTransferResponse,
  OwnedTransfer,
  ShareResponse,
  TransferListResponse,
  TransferStatusResponse,
} from '../contracts/http.ts';
import {
  ADDRESS_GRANT_TTL_MS,
  GRANT_TTL_MS,
  MAX_PASSWORD_BYTES,
  MAX_SESSION_TRANSFERS_LISTED,
} from '../contracts/limits.ts';
import { isEqualBytes, sha256 } from '../kernel/ids.ts';
import type { DirectSends } from './direct/direct-sends.ts';
import {
  downloadsOf,
  expiryOf,
  idempotencyKeyOf,
  type OpenLimits,
  type OpenPlan,
  planTransfer,
} from './open-transfer.ts';
import type { TransferRepository, TransferRow } from './ports.ts';
import type { RunningTransfer } from './running-transfer.ts';
import { checkPassword, type GrantUse, hashPassword, isGrantValid, signGrant, uploadTokenFor } from './secrets.ts';
import {
  ownedTransfer,
  shareLink,
  shareView,
  summarizeFileRow,
  summarizeTransfer,
  transferStatus,
} from './summaries.ts';
import type { TransferEngine } from './transfer-engine.ts';

const FILES_LISTED_EACH = 3;

export interface ControlDeps {
  readonly engine: TransferEngine;
  readonly repository: TransferRepository;
  readonly direct: DirectSends;
  /** The cluster's secret: upload tokens and grants are made from it. */
  readonly secret: Uint8Array;
  readonly limits: OpenLimits & { readonly maxOpenTransfers: number };
  /** Where browsers reach a node themselves, if they may. */
  readonly publicUrlOf: (nodeId: string) => Promise<string | null>;
  /** A transfer was opened, or is to end at another time. */
  readonly onEndSet: () => void;
}

/** Who may do what with a transfer, and what they are told. Bytes go through the data plane, never through here. */
export class TransferControl {
  readonly #deps: ControlDeps;

  constructor(deps: ControlDeps) {
    this.#deps = deps;
  }

  async open(caller: Caller, request: OpenTransferRequest, givenKey?: string): Promise<OpenTransferResponse> {
    const { engine, repository, direct, limits, secret } = this.#deps;
    const key = idempotencyKeyOf(givenKey);
    const plan = planTransfer(request, limits);
    const opening = await direct.planOpening(caller.sessionId, request, key !== null);
    const passwordHash = plan.password === null ? null : await hashPassword(plan.password);
    if (plan.password !== null && passwordHash === null) throw passwordsBusy();
    const requestHash = key === null ? null : sha256(JSON.stringify(request));
    const inserted = await (opening ?? repository).insert(
      {
        id: plan.id,
        shareId: plan.shareId,
        kind: opening === null ? 'share' : 'direct',
        homeNodeId: engine.nodeId,
        sessionId: caller.sessionId,
        ownerAddress: caller.addressKey,
        uploadTokenHash: sha256(uploadTokenFor(secret, plan.id)),
        passwordHash,
        maxDownloads: plan.maxDownloads,
        senderName: plan.senderName,
        idempotencyKey: key,
        requestHash,
      },
      plan.files,
      { maxOpen: limits.maxOpenTransfers, expiresInSeconds: plan.expiresInSeconds },
    );
    this.#deps.onEndSet();
    if (inserted.outcome === 'too_many') throw tooManyOpen(inserted.openCount, limits.maxOpenTransfers);
    const { row } = inserted;
    if (inserted.outcome === 'exists') assertSameRequest(row.transfer, requestHash, plan);
    const transfer = engine.adopt(row, { isNew: inserted.outcome === 'inserted' });
    return {
      transfer: await this.#owned(transfer, caller),
      uploadToken: uploadTokenFor(secret, row.transfer.id),
    };
  }

  async get(caller: Caller, transferId: string): Promise<OwnedTransfer> {
    const transfer = await this.owned(caller, transferId);
    await this.#deps.engine.learnValues(transfer);
    return this.#owned(transfer, caller);
  }

  async list(caller: Caller): Promise<TransferListResponse> {
    if (caller.sessionId === null) return { transfers: [] };
    const { engine, repository } = this.#deps;
    const found = await repository.listBySession(caller.sessionId, MAX_SESSION_TRANSFERS_LISTED, FILES_LISTED_EACH);
    const running = new Map([...engine.running()].map((transfer) => [transfer.row.id, transfer]));
    return {
      transfers: found.map(({ transfer, files, fileCount, totalBytes }) => {
        const moving = running.get(transfer.id);
        const committedBytes = moving?.committedBytes ?? (transfer.state === 'sealed' ? (totalBytes ?? 0) : 0);
        return {
          ...summarizeTransfer(transfer, { fileCount, totalBytes, committedBytes }),
          link: shareLink(caller.publicOrigin, transfer.shareId),
          files: files.map((row) => {
            const file = moving?.files[row.index];
            const isSealed = row.digest !== null;
            return summarizeFileRow(row, {
              chunkCount:
                file?.committedChunkCount ?? (isSealed ? Math.ceil((row.sizeBytes ?? 0) / row.chunkSizeBytes) : 0),
              bytes: file?.committedBytes ?? (isSealed ? (row.sizeBytes ?? 0) : 0),
            });
          }),
        };
      }),
    };
  }

  async status(caller: Caller, transferId: string): Promise<TransferStatusResponse> {
    const transfer = await this.owned(caller, transferId);
    await this.#deps.engine.learnValues(transfer);
    // Its sender would come with chunks next.
    if (transfer.row.state === 'open' && (await transfer.home?.canCommit()) === false) {
      throw new PeerLinkError(
        'unavailable',
        'Neither the second copy nor the database answers the node that has this.',
        {
          retryAfterSeconds: 1,
        },
      );
    }
    return transferStatus(transfer);
  }

  async change(caller: Caller, transferId: string, change: ChangeTransferRequest): Promise<OwnedTransfer> {
    const { engine, repository, limits } = this.#deps;
    const transfer = await this.owned(caller, transferId);
    assertChangeable(transfer, engine.nowMs);
    if (transfer.row.kind === 'direct' && (change.maxDownloads ?? null) !== null) {
      throw new PeerLinkError('bad_request', 'A direct send has no download limit.');
    }
    const row = await repository.change(transferId, {
      ...(change.expiresInSeconds === undefined ? {} : { expiresInSeconds: expiryOf(change.expiresInSeconds, limits) }),
      ...(change.maxDownloads === undefined ? {} : { maxDownloads: downloadsOf(change.maxDownloads) }),
    });
    this.#deps.onEndSet();
    if (row === null) {
      await engine.reread(transfer);
      assertChangeable(transfer, engine.nowMs);
      throw new PeerLinkError('ended', 'This transfer has ended.');
    }
    await engine.obey(transfer, row);
    return this.#owned(transfer, caller);
  }

  async end(caller: Caller, transferId: string, reason: EndReason): Promise<void> {
    const { engine, direct } = this.#deps;
    const transfer = await this.owned(caller, transferId);
    if (transfer.row.state === 'ended') return;
    await engine.end(transferId, reason);
    if (transfer.row.kind === 'direct') await direct.countCancelled(transferId);
  }

  async share(caller: Pick<Caller, 'sessionId'>, shareId: string, grant: string | undefined): Promise<ShareResponse> {
    const { engine, direct } = this.#deps;
    const transfer = await engine.loadShare(shareId);
    // Before anything is told of it: to others it is not there.
    if (transfer.row.kind === 'direct') await direct.assertShown(transfer, caller.sessionId, grant);
    transfer.assertReadable(engine.nowMs);
    const isAllowed = this.mayRead(transfer, grant);
    if (isAllowed) await engine.learnValues(transfer);
    return shareView(transfer, isAllowed);
  }

  async grant(shareId: string, password: string): Promise<GrantResponse> {
    const { engine } = this.#deps;
    const transfer = await engine.loadShare(shareId);
    // Who may read one is known by session, and no password is asked.
    if (transfer.row.kind === 'direct') throw new PeerLinkError('not_found', 'There is no such transfer.');
    transfer.assertReadable(engine.nowMs);
    await this.assertPassword(transfer, password);
    return this.grantFor(transfer);
  }

  /** A grant for somebody whose password was found right. */
  grantFor(transfer: RunningTransfer): GrantResponse {
    const { engine, secret } = this.#deps;
    const { shareId, expiresAt } = transfer.row;
    const expiresAtMs = Math.min(engine.nowMs + GRANT_TTL_MS, expiresAt.getTime());
    const addressExpiresAtMs = Math.min(engine.nowMs + ADDRESS_GRANT_TTL_MS, expiresAt.getTime());
    return {
      grant: signGrant(secret, 'header', shareId, expiresAtMs),
      addressGrant: signGrant(secret, 'address', shareId, addressExpiresAtMs),
      expiresAt: new Date(expiresAtMs).toISOString(),
    };
  }

  /** True without a password, or with a grant for this share that came the way it was made for. */
  mayRead(transfer: RunningTransfer, grant: string | undefined, use: GrantUse = 'header'): boolean {
    const { passwordHash, shareId } = transfer.row;
    if (passwordHash === null) return true;
    const { secret, engine } = this.#deps;
    return grant !== undefined && isGrantValid(secret, use, shareId, grant, engine.nowMs);
  }

  /** @throws bad_password, busy */
  async assertPassword(transfer: RunningTransfer, password: string): Promise<void> {
    if (transfer.row.passwordHash === null) return;
    // No link has a longer one: it is not worth hashing.
    const isPossible = Buffer.byteLength(password) <= MAX_PASSWORD_BYTES;
    const answer = isPossible ? await checkPassword(password, transfer.row.passwordHash) : 'wrong';
    if (answer === 'busy') throw passwordsBusy();
    if (answer === 'wrong') throw new PeerLinkError('bad_password', 'That password does not open this link.');
  }

  async #owned(transfer: RunningTransfer, caller: Caller): Promise<OwnedTransfer> {
    const { direct, publicUrlOf } = this.#deps;
    const owned = ownedTransfer(transfer, caller.publicOrigin, await publicUrlOf(transfer.row.homeNodeId));
    return transfer.row.kind === 'share' ? owned : { ...owned, recipients: await direct.recipients(owned.id) };
  }

  /** The caller's own transfer; another's answers as if it were not there. @throws not_found */
  async owned(caller: Pick<Caller, 'sessionId' | 'uploadToken'>, transferId: string): Promise<RunningTransfer> {
    const transfer = await this.#deps.engine.load(transferId);
    const { sessionId, uploadTokenHash } = transfer.row;
    const isOwner = caller.sessionId !== null && caller.sessionId === sessionId;
    const isBearer = caller.uploadToken !== null && isEqualBytes(sha256(caller.uploadToken), uploadTokenHash);
    if (!isOwner && !isBearer) throw new PeerLinkError('not_found', 'There is no such transfer.');
    return transfer;
  }
}

function assertSameRequest(row: TransferRow, requestHash: Uint8Array | null, plan: OpenPlan): void {
  const isSame = requestHash !== null && row.requestHash !== null && isEqualBytes(requestHash, row.requestHash);
  // A password's hash is salted, so only that there is one can be compared; the request's hash covers its text.
  if (!isSame || (plan.password === null) !== (row.passwordHash === null)) {
    throw new PeerLinkError('key_reused', 'This Idempotency-Key was sent before with another request.');
  }
}

/** Throws why it is over; the owner of what is used up thinks of raising its limit, and comes too late. */
function assertChangeable(transfer: RunningTransfer, nowMs: number): void {
  const { state, endReason } = transfer.row;
  if (state === 'ended' && endReason === 'used_up') {
    throw new PeerLinkError(
      'used_up',
      'All downloads of this link were used up, so it has ended and its limit can be raised no more. Send it again.',
    );
  }
  transfer.assertGoingOn(nowMs);
}

function tooManyOpen(openCount: number, maxOpen: number): PeerLinkError {
  return new PeerLinkError(
    'too_many_transfers',
    `You have ${openCount} unfinished transfers; at most ${maxOpen} may be open. Finish or delete one.`,
    {
      data: { openCount, maxOpen },
      retryAfterSeconds: 10,
    },
  );
}

function passwordsBusy(): PeerLinkError {
  return new PeerLinkError('busy', 'Too many passwords are being checked. Try again in a moment.', {
    retryAfterSeconds: 2,
  });
}
