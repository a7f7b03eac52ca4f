import { describe, expect, it } from '@jest/globals';
import { memoryEngine } from '../../../test/support/memory-engine.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { OpenTransferRequest } from '../../contracts/http.ts';
import type { GrantState, Person } from '../../contracts/person.ts';
import { signRecipientGrant } from '../secrets.ts';
import { DirectSends } from './direct-sends.ts';
import type { DirectRepository, SentText } from './ports.ts';

const SECRET = new Uint8Array(32).fill(7);
const anna: Person = { id: 'anna', displayName: 'Anna' };
const ben: Person = { id: 'ben', displayName: 'Ben' };
const request: OpenTransferRequest = { kind: 'direct', to: ['ben'], files: [{ path: 'a.bin', sizeBytes: 5 }] };

/** One direct send of Anna's to Ben at a node, and rows that answer what the test says. */
async function world() {
  const time = { nowMs: Date.UTC(2026, 0, 1) };
  const transfers = new MemoryTransferRepository(() => time.nowMs);
  const engine = memoryEngine({ repository: transfers, nowMs: () => time.nowMs });
  const rows = { state: 'accepted' as GrantState | null, isUp: true };
  const room = { people: [ben] as readonly Person[], asked: 0 };
  const counted: string[] = [];
  const texts = new Map<string, SentText>();
  const repository: Pick<DirectRepository, 'grantState' | 'sendText' | 'findText'> = {
    sendText: async ({ idempotencyKey, requestHash }) => {
      const sentAt = new Date(time.nowMs);
      texts.set(idempotencyKey ?? '', { sentAt, requestHash });
      return { outcome: 'sent', sentAt };
    },
    findText: async (sessionId, key) => (sessionId === 'anna' ? (texts.get(key) ?? null) : null),
    grantState: async () => {
      if (!rows.isUp) throw new PeerLinkError('unavailable', 'the database does not answer');
      return rows.state;
    },
  };
  const direct = new DirectSends({
    engine,
    repository: repository as DirectRepository,
    secret: SECRET,
    roommates: {
      among: async () => {
        room.asked += 1;
        return room.asked === 1 ? [] : room.people;
      },
      nameOf: async (id) => (id === 'anna' ? 'Anna' : null),
    },
    counter: {
      offers: (outcome, count) => void counted.push(`${count} ${outcome}`),
      text: () => void counted.push('text'),
      received: () => {},
    },
    news: { inboxesChanged: () => {}, recipientsChanged: () => {} },
  });
  const inserted = await insertTransfer(transfers, { kind: 'direct', sessionId: anna.id, files: [] });
  const { shareId } = inserted.transfer;
  const grant = signRecipientGrant(SECRET, 'header', shareId, 'ben', time.nowMs + 60_000);
  return { time, direct, rows, room, grant, transfer: engine.adopt(inserted) };
}

describe('the right to read a direct send', () => {
  it('is a grant whose row still says so; without the database its own word is enough', async () => {
    const { direct, rows, grant, transfer } = await world();
    expect(await direct.assertRecipient(transfer, { header: grant })).toBe('ben');
    for (const state of ['declined', 'left', 'offered', null] as const) {
      rows.state = state;
      await expect(direct.assertRecipient(transfer, { header: grant })).rejects.toMatchObject({ type: 'not_found' });
    }
    rows.isUp = false;
    expect(await direct.assertRecipient(transfer, { header: grant })).toBe('ben');
    for (const grants of [{}, { address: grant }, { header: `${grant}x` }]) {
      await expect(direct.assertRecipient(transfer, grants)).rejects.toMatchObject({ type: 'not_found' });
    }
  });

  it('is for looking at it also the session of its sender, or of a recipient', async () => {
    const { direct, rows, transfer } = await world();
    await direct.assertShown(transfer, 'anna', undefined);
    await direct.assertShown(transfer, 'ben', undefined);
    rows.state = null;
    await expect(direct.assertShown(transfer, 'eve', undefined)).rejects.toMatchObject({ type: 'not_found' });
    await expect(direct.assertShown(transfer, null, undefined)).rejects.toMatchObject({ type: 'not_found' });
    rows.isUp = false;
    await expect(direct.assertShown(transfer, 'ben', undefined)).rejects.toMatchObject({ type: 'unavailable' });
  });
});

describe('whom one may send to', () => {
  it('is asked once more: who has just come is known here a moment later', async () => {
    const { direct, room } = await world();
    expect(await direct.planOpening('anna', request, false)).not.toBeNull();
    expect(room.asked).toBe(2);
  });

  it('is nobody who is not there, nobody without a session, and nobody for a share', async () => {
    const { direct, room } = await world();
    room.people = [];
    await expect(direct.planOpening('anna', request, false)).rejects.toMatchObject({ type: 'forbidden' });
    // With a key it may have been opened before; the rows will say.
    expect(await direct.planOpening('anna', request, true)).not.toBeNull();
    await expect(direct.planOpening(null, request, true)).rejects.toMatchObject({ type: 'bad_token' });
    room.people = [ben];
    await expect(direct.planOpening('gone', request, false)).rejects.toMatchObject({ type: 'bad_token' });
    expect(await direct.planOpening('anna', { files: request.files }, false)).toBeNull();
  });
});

describe('a text that is sent again under its key', () => {
  it('is answered as the first time, also once its recipient has left the room', async () => {
    const { direct, room, time } = await world();
    const sent = await direct.sendText('anna', { to: ['ben'], text: 'hi' }, 'key-1');
    time.nowMs += 5_000;
    room.people = [];
    expect(await direct.sendText('anna', { to: ['ben'], text: 'hi' }, 'key-1')).toEqual(sent);
    const other = direct.sendText('anna', { to: ['ben'], text: 'other' }, 'key-1');
    await expect(other).rejects.toMatchObject({ type: 'key_reused' });
    for (const key of ['key-2', undefined]) {
      const unsent = direct.sendText('anna', { to: ['ben'], text: 'hi' }, key);
      await expect(unsent).rejects.toMatchObject({ type: 'forbidden' });
    }
  });
});
