import { PeerLinkError, typeOfFault } from '../../contracts/errors.ts';
import type { OpenTransferRequest } from '../../contracts/http.ts';
import { MAX_RECEIPT_RANGES, OFFER_TTL_MS, TEXT_TTL_MS } from '../../contracts/limits.ts';
import type { OfferAccepted, ReceiptsRequest, SendTextRequest, SendTextResponse } from '../../contracts/people.ts';
import type { Recipient } from '../../contracts/person.ts';
import type { DirectCounter } from '../../kernel/direct-counter.ts';
import { isEqualBytes, sha256 } from '../../kernel/ids.ts';
import { idempotencyKeyOf } from '../open-transfer.ts';
import type { InsertOutcome, NewFile, NewTransfer } from '../ports.ts';
import type { RunningTransfer } from '../running-transfer.ts';
import type { TransferEngine } from '../transfer-engine.ts';
import { commonRanges, mergedRanges } from './byte-ranges.ts';
import { assertOpened, assertRange, committedBytes, isReading, noOffer, undeliveredFault } from './direct-rules.ts';
import { envelopeFor } from './envelope.ts';
import { checkRecipients, checkText, recipientsOf } from './plan-direct.ts';
import type { DirectRepository, InboxReading, ReceiptReport, Roommates, TextOutcome } from './ports.ts';
import { type GivenGrants, RecipientGrants } from './recipient-grants.ts';

/** A grant's row is looked at for every request; one that was read so recently need not be again. */
const REREAD_AFTER_MS = 200;

/** Hints to all nodes; each finds out by itself a second later at most. */
export interface DirectNews {
  inboxesChanged(sessionIds: readonly string[]): void;
  /** @param isAnswer somebody answered, left or has it all: told at once; else bytes were taken */
  recipientsChanged(transferIds: readonly string[], isAnswer: boolean): void;
}

export interface DirectDeps {
  readonly engine: TransferEngine;
  readonly repository: DirectRepository;
  readonly roommates: Roommates;
  /** The cluster's: grants are made from it. */
  readonly secret: Uint8Array;
  readonly news: DirectNews;
  readonly counter: DirectCounter;
}

/** How an opening goes on, once its request was found to be a direct send. */
export interface DirectOpening {
  insert(
    row: NewTransfer,
    files: readonly NewFile[],
    options: { readonly maxOpen: number; readonly expiresInSeconds: number },
  ): Promise<InsertOutcome>;
}

/** Offers, answers, receipts and texts: what people send each other, besides the bytes themselves. */
export class DirectSends {
  readonly #deps: DirectDeps;
  readonly #grants: RecipientGrants;
  readonly #rereadAtMs = new WeakMap<RunningTransfer, number>();

  constructor(deps: DirectDeps) {
    this.#deps = deps;
    const { repository, secret, engine } = deps;
    this.#grants = new RecipientGrants({ repository, secret, nowMs: () => engine.nowMs });
  }

  /**
   * Null: the request is for a share. @throws bad_request, bad_token without a session
   * @param mayBeKnown with a key the transfer may be there already, whoever has left the room since
   */
  async planOpening(
    sessionId: string | null,
    request: OpenTransferRequest,
    mayBeKnown: boolean,
  ): Promise<DirectOpening | null> {
    const to = recipientsOf(request);
    if (to === null) return null;
    let refusal: unknown = null;
    const envelope = await envelopeFor(this.#deps.roommates, sessionId, to).catch((fault: unknown) => {
      if (!mayBeKnown || typeOfFault(fault) !== 'forbidden') throw fault;
      refusal = fault;
      return null;
    });
    const { repository, news, counter } = this.#deps;
    return {
      insert: async (row, files, options) => {
        const offerTtlSeconds = OFFER_TTL_MS / 1000;
        const outcome = await repository.insert(row, files, { ...options, offerTtlSeconds }, envelope);
        if (outcome.outcome === 'full' || outcome.outcome === 'gone') throw refusal ?? undeliveredFault(outcome);
        if (outcome.outcome === 'inserted') {
          counter.offers('offered', to.length);
          news.inboxesChanged(to);
        }
        return outcome;
      },
    };
  }

  /** POST /api/offers/:transferId/accept. Repeatable. @throws not_found, ended, expired */
  async accept(sessionId: string, transferId: string): Promise<OfferAccepted> {
    const { repository, news, counter } = this.#deps;
    const grant = await repository.accept(transferId, sessionId);
    if (grant === null) throw noOffer();
    if (grant.hasChanged) counter.offers('accepted', 1);
    assertOpened(grant);
    news.inboxesChanged([sessionId]);
    news.recipientsChanged([transferId], true);
    return this.#grants.sign(sessionId, grant);
  }

  /** Declines what was offered, leaves what was accepted. Repeatable. @throws not_found */
  async decline(sessionId: string, transferId: string): Promise<void> {
    const declined = await this.#deps.repository.decline(transferId, sessionId);
    if (declined === null) throw noOffer();
    if (declined.changedTo !== null) await this.#answered(transferId, sessionId, declined.changedTo);
  }

  /** The recipient's own transfer, for `takeReceipts` at its home. @throws not_found, ended, expired */
  async receiving(sessionId: string, transferId: string): Promise<RunningTransfer> {
    if (!isReading(await this.#deps.repository.grantState(transferId, sessionId))) throw noOffer();
    return this.#deps.engine.load(transferId);
  }

  /** What the recipient's page has written. At the home: what is not committed cannot be there. @throws bad_request */
  async takeReceipts(sessionId: string, transferId: string, { received }: ReceiptsRequest): Promise<void> {
    const { engine } = this.#deps;
    const transfer = await engine.load(transferId);
    transfer.assertReadable(engine.nowMs);
    const given = Object.entries(received);
    const count = given.reduce((sum, [, ranges]) => sum + ranges.length, 0);
    if (count > MAX_RECEIPT_RANGES) {
      throw new PeerLinkError('bad_request', `At most ${MAX_RECEIPT_RANGES} ranges at a time.`);
    }
    const reports: ReceiptReport[] = [];
    for (const [index, ranges] of given) {
      const fileIndex = Number(index);
      const file = transfer.file(fileIndex);
      for (const range of ranges) assertRange(range, file);
      await engine.learnFile(transfer, file);
      const committed = commonRanges(mergedRanges(ranges), committedBytes(file));
      reports.push({ transferId, sessionId, fileIndex, ranges: committed, isWritten: true });
    }
    await this.report(reports);
  }

  /** Recipients whose right to read is over, of those reported. @throws unavailable */
  async report(reports: readonly ReceiptReport[]): Promise<readonly ReceiptReport[]> {
    const { repository, news, counter } = this.#deps;
    if (reports.length === 0) return [];
    const states = await repository.receive(reports);
    counter.offers('received', states.filter(({ state, hasChanged }) => hasChanged && state === 'received').length);
    const complete = states.filter(({ state }) => state === 'received');
    const others = states.filter(({ state }) => state !== 'received');
    if (others.length > 0) news.recipientsChanged([...new Set(others.map(({ transferId }) => transferId))], false);
    if (complete.length > 0) {
      const transferIds = [...new Set(complete.map(({ transferId }) => transferId))];
      news.recipientsChanged(transferIds, true);
      news.inboxesChanged([...new Set(complete.map(({ sessionId }) => sessionId))]);
      await this.endOver(transferIds);
    }
    const answered = new Set(states.map(({ transferId, sessionId }) => `${transferId} ${sessionId}`));
    return reports.filter(({ transferId, sessionId }) => !answered.has(`${transferId} ${sessionId}`));
  }

  /** Its sender has ended it: whoever had not answered, or not everything, gets no more. Only counts. */
  async countCancelled(transferId: string): Promise<void> {
    const recipients = await this.recipients(transferId).catch(() => []);
    const isOpen = ({ state }: Recipient) => state === 'offered' || state === 'accepted';
    this.#deps.counter.offers('cancelled', recipients.filter(isOpen).length);
  }

  /** Ends those of them for which nobody waits any more, and obeys that here. */
  async endOver(transferIds: readonly string[]): Promise<void> {
    await this.obeyEnd(await this.#deps.repository.endOver(transferIds));
  }

  async obeyEnd(endedIds: readonly string[]): Promise<void> {
    for (const id of endedIds) await this.reread(id);
    this.tellAnswered(endedIds);
  }

  tellAnswered(transferIds: readonly string[]): void {
    if (transferIds.length > 0) this.#deps.news.recipientsChanged(transferIds, true);
  }

  /** Obeys the row of a transfer that this node works with. */
  async reread(transferId: string): Promise<void> {
    const { engine } = this.#deps;
    for (const transfer of engine.running()) if (transfer.row.id === transferId) await engine.reread(transfer);
  }

  async recipients(transferId: string): Promise<readonly Recipient[]> {
    return (await this.#deps.repository.recipients([transferId])).get(transferId) ?? [];
  }

  async recipientsOf(transferIds: readonly string[]) {
    const found = await this.#deps.repository.recipients(transferIds);
    return [...found].map(([transferId, recipients]) => ({ transferId, recipients }));
  }

  /** "Its chunks are refused until one recipient accepts": looks at the row once more before it refuses. @throws not_accepted */
  async assertAccepted(transfer: RunningTransfer): Promise<void> {
    const { engine } = this.#deps;
    if (transfer.isAccepted) return;
    transfer.assertGoingOn(engine.nowMs);
    const nowMs = performance.now();
    if (nowMs - (this.#rereadAtMs.get(transfer) ?? Number.NEGATIVE_INFINITY) > REREAD_AFTER_MS) {
      this.#rereadAtMs.set(transfer, nowMs);
      const release = engine.hold(transfer);
      try {
        await engine.reread(transfer);
      } finally {
        release();
      }
    }
    transfer.assertAccepted();
  }

  /** See RecipientGrants. @throws not_found for everybody else */
  assertRecipient(transfer: RunningTransfer, grants: GivenGrants): Promise<string> {
    return this.#grants.assertRecipient(transfer, grants);
  }

  /** See RecipientGrants. @throws not_found */
  assertShown(transfer: RunningTransfer, sessionId: string | null, grant: string | undefined): Promise<void> {
    return this.#grants.assertShown(transfer, sessionId, grant);
  }

  /** POST /api/texts. @throws bad_request, too_large, bad_token, forbidden, too_many_transfers, key_reused */
  async sendText(sessionId: string, request: SendTextRequest, givenKey?: string): Promise<SendTextResponse> {
    const { repository, news, counter } = this.#deps;
    const idempotencyKey = idempotencyKeyOf(givenKey);
    const text = checkText(request.text);
    const to = checkRecipients(request.to);
    const requestHash = sha256(JSON.stringify([to, text]));
    const ttlSeconds = TEXT_TTL_MS / 1000;
    const sent = await envelopeFor(this.#deps.roommates, sessionId, to).then(
      (envelope) => repository.sendText({ envelope, text, ttlSeconds, idempotencyKey, requestHash }),
      // With a key it may have been delivered before, whoever has left the room since.
      async (fault: unknown): Promise<TextOutcome> => {
        if (idempotencyKey === null || typeOfFault(fault) !== 'forbidden') throw fault;
        const before = await repository.findText(sessionId, idempotencyKey);
        if (before === null) throw fault;
        return { outcome: 'exists', ...before };
      },
    );
    if (sent.outcome === 'full' || sent.outcome === 'gone') throw undeliveredFault(sent);
    if (sent.outcome === 'exists' && !isEqualBytes(sent.requestHash, requestHash)) {
      throw new PeerLinkError('key_reused', 'This Idempotency-Key was sent before with another text.');
    }
    if (sent.outcome === 'sent') {
      counter.text();
      news.inboxesChanged(to);
    }
    return { sentAt: sent.sentAt.toISOString() };
  }

  inboxes(
    asked: readonly { readonly sessionId: string; readonly fingerprint: string }[],
  ): Promise<readonly InboxReading[]> {
    return this.#deps.repository.inboxes(asked);
  }

  seen(sessionId: string, sequence: number): Promise<void> {
    return this.#deps.repository.seen(sessionId, sequence);
  }

  /** What nobody had answered is declined with it. @throws not_found */
  async dismiss(sessionId: string, itemId: string): Promise<void> {
    const dismissed = await this.#deps.repository.dismiss(sessionId, itemId);
    if (dismissed === null) throw new PeerLinkError('not_found', 'There is no such thing in this inbox.');
    if (dismissed.declined === null) this.#deps.news.inboxesChanged([sessionId]);
    else await this.#answered(dismissed.declined, sessionId, 'declined');
  }

  async #answered(transferId: string, sessionId: string, answer: 'declined' | 'left'): Promise<void> {
    const { news, counter } = this.#deps;
    counter.offers(answer, 1);
    news.inboxesChanged([sessionId]);
    news.recipientsChanged([transferId], true);
    await this.endOver([transferId]);
  }
}
