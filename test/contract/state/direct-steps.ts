import type { OfferItem } from '../../../services/contracts/people.ts';
import type { Ranges } from '../../../services/kernel/ranges.ts';
import type { NewFile } from '../../../services/transfer/ports.ts';
import { bytes, newFile, newTransfer, type StateHarness, unique } from './state-harness.ts';

export const OFFER_TTL_SECONDS = 3_600;
export const DIRECT_OPTIONS = { maxOpen: 1_000, expiresInSeconds: 86_400, offerTtlSeconds: OFFER_TTL_SECONDS };

/** Whose session is there. */
export interface Person {
  readonly id: string;
  readonly displayName: string;
}

/** What the suites of direct sends do again and again: people, what they send each other, and what is known of it. */
export function directSteps(make: () => StateHarness) {
  const somebody = async (displayName: string): Promise<Person> => {
    const id = unique('person');
    const tokenHash = Uint8Array.from(Buffer.from(id.padEnd(32).slice(0, 32)));
    await make().sessions.insert({ id, tokenHash, displayName }, 3_600);
    return { id, displayName };
  };
  const envelope = (sender: Person, recipients: readonly Person[]) => ({
    sender,
    recipients: recipients.map((person) => ({ ...person, itemId: unique('item') })),
  });
  const offer = async (sender: Person, recipients: readonly Person[], files: readonly NewFile[] = [newFile(0)]) => {
    const row = newTransfer({ kind: 'direct', sessionId: sender.id });
    const outcome = await make().direct.insert(row, files, DIRECT_OPTIONS, envelope(sender, recipients));
    return { id: row.id, row, outcome };
  };
  const say = (sender: Person, recipients: readonly Person[], text: string, idempotencyKey: string | null = null) =>
    make().direct.sendText({
      envelope: envelope(sender, recipients),
      text,
      ttlSeconds: 60,
      idempotencyKey,
      requestHash: bytes(32, text.length),
    });
  const inbox = async (person: Person) => {
    const [found] = await make().direct.inboxes([{ sessionId: person.id, fingerprint: '' }]);
    return { items: found?.items ?? [], fingerprint: found?.fingerprint ?? '' };
  };
  const offers = async (person: Person): Promise<readonly OfferItem[]> => {
    const { items } = await inbox(person);
    return items.flatMap((item) => (item.kind === 'offer' ? [item] : []));
  };
  const report = (id: string, person: Person, ranges: Ranges, more: { fileIndex?: number; isWritten?: boolean } = {}) =>
    make().direct.receive([{ transferId: id, sessionId: person.id, fileIndex: 0, ranges, isWritten: false, ...more }]);
  const recipients = async (id: string) => (await make().direct.recipients([id])).get(id) ?? [];
  const seal = async (id: string, fileIndex = 0) => {
    const found = await make().transfers.findById(id);
    await make().transfers.sealFile({
      transferId: id,
      fileIndex,
      knownEpoch: found?.transfer.epoch ?? 0,
      homeNodeId: 'home-1',
      digest: bytes(32, 1),
      sizeBytes: 1_000,
    });
  };
  const stateOf = async (id: string) => (await make().transfers.findById(id))?.transfer;

  return { somebody, envelope, offer, say, inbox, offers, report, recipients, seal, stateOf };
}
