import { typeOfFault } from '../../contracts/errors.ts';
import { ADDRESS_GRANT_TTL_MS, GRANT_TTL_MS } from '../../contracts/limits.ts';
import type { OfferAccepted } from '../../contracts/people.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import { type GrantUse, recipientOfGrant, signRecipientGrant } from '../secrets.ts';
import { isReading, noSuchTransfer } from './direct-rules.ts';
import type { DirectRepository, GrantRow } from './ports.ts';

export interface RecipientGrantsDeps {
  readonly repository: Pick<DirectRepository, 'grantState'>;
  /** The cluster's: grants are made from it. */
  readonly secret: Uint8Array;
  /** By which grants end. */
  readonly nowMs: () => number;
}

/** What a request brought, by how it was brought. */
export type GivenGrants = Readonly<Partial<Record<GrantUse, string | undefined>>>;

/** Who may read a direct send: sessions that accepted it, by grants that are signed for them and for that transfer. */
export class RecipientGrants {
  readonly #deps: RecipientGrantsDeps;

  constructor(deps: RecipientGrantsDeps) {
    this.#deps = deps;
  }

  /** What a recipient who has accepted reads with. */
  sign(sessionId: string, accepted: Pick<GrantRow, 'shareId' | 'transferExpiresAt'>): OfferAccepted {
    const { shareId, transferExpiresAt } = accepted;
    const { secret, nowMs } = this.#deps;
    const atMost = (ttlMs: number) => Math.min(nowMs() + ttlMs, transferExpiresAt.getTime());
    const expiresAtMs = atMost(GRANT_TTL_MS);
    return {
      shareId,
      grant: signRecipientGrant(secret, 'header', shareId, sessionId, expiresAtMs),
      addressGrant: signRecipientGrant(secret, 'address', shareId, sessionId, atMost(ADDRESS_GRANT_TTL_MS)),
      expiresAt: new Date(expiresAtMs).toISOString(),
    };
  }

  /**
   * The session that one of these grants was made for, while it may read: not declined, not left. While the database is
   * away, the grant's own word is enough. @throws not_found for everybody else: a direct send has no public link
   */
  async assertRecipient(transfer: RunningTransfer, grants: GivenGrants): Promise<string> {
    const sessionId = this.#sessionOf(transfer, grants);
    if (sessionId === null || !(await this.#mayRead(transfer.row.id, sessionId, true))) throw noSuchTransfer();
    return sessionId;
  }

  /** For what is shown of it: also its sender's session. @throws not_found */
  async assertShown(transfer: RunningTransfer, sessionId: string | null, grant: string | undefined): Promise<void> {
    if (sessionId !== null && sessionId === transfer.row.sessionId) return;
    const bearer = this.#sessionOf(transfer, { header: grant });
    if (bearer !== null && (await this.#mayRead(transfer.row.id, bearer, true))) return;
    if (sessionId !== null && (await this.#mayRead(transfer.row.id, sessionId, false))) return;
    throw noSuchTransfer();
  }

  #sessionOf(transfer: RunningTransfer, grants: GivenGrants): string | null {
    const { secret, nowMs } = this.#deps;
    for (const use of ['header', 'address'] as const) {
      const grant = grants[use];
      if (grant === undefined) continue;
      const sessionId = recipientOfGrant(secret, use, transfer.row.shareId, grant, nowMs());
      if (sessionId !== null) return sessionId;
    }
    return null;
  }

  /** @param isProven by a grant */
  async #mayRead(transferId: string, sessionId: string, isProven: boolean): Promise<boolean> {
    try {
      return isReading(await this.#deps.repository.grantState(transferId, sessionId));
    } catch (fault) {
      if (isProven && typeOfFault(fault) === 'unavailable') return true;
      throw fault;
    }
  }
}
