import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { TICKET_TTL_MS } from '../contracts/limits.ts';
import { createTickets } from './tickets.ts';

const ID = 'Hc9mBCq79bxwHdduHXqZWi';

describe('tickets', () => {
  it('are good at any node with the secret, for a minute', () => {
    let nowMs = Date.UTC(2026, 0, 1);
    const { ticket } = createTickets(Buffer.alloc(32, 1), () => nowMs).issue(ID);
    const other = createTickets(Buffer.alloc(32, 1), () => nowMs);
    expect(other.check(ticket)).toBe(ID);
    nowMs += TICKET_TTL_MS;
    expect(other.check(ticket)).toBe(ID);
    nowMs += 1;
    expect(other.check(ticket)).toBeNull();
  });

  it('are nothing without the secret or with a changed part', () => {
    const tickets = createTickets(Buffer.alloc(32, 1), Date.now);
    const { ticket } = tickets.issue(ID);
    expect(createTickets(Buffer.alloc(32, 2), Date.now).check(ticket)).toBeNull();
    for (let index = 0; index < ticket.length; index += 1) {
      const changed = `${ticket.slice(0, index)}${ticket[index] === 'a' ? 'b' : 'a'}${ticket.slice(index + 1)}`;
      // The last symbol of 43 carries two bits that mean nothing.
      if (index < ticket.length - 1) expect(tickets.check(changed)).toBeNull();
    }
    for (const text of ['', 't1', 't1...', `t1.${ID}.9999999999999.`]) expect(tickets.check(text)).toBeNull();
  });

  it('name nobody whatever a stranger says, also where parts of a true one are moved or cut', async () => {
    const tickets = createTickets(Buffer.alloc(32, 1), () => 1_800_000_000_000);
    const { ticket } = tickets.issue(ID);
    const parts = ticket.split('.');
    const piece = fc.oneof(fc.constantFrom(...parts, '', '.', 't1', 'a'.repeat(43), '9999999999999'), anyText(50));
    const said = fc.oneof(
      anyText(120),
      fc.array(piece, { maxLength: 5 }).map((pieces) => pieces.join('.')),
      fc.nat({ max: ticket.length - 1 }).map((length) => ticket.slice(0, length)),
    );
    await fuzz(
      'tickets of sockets',
      fc.property(said, (text) => {
        assert.equal(tickets.check(text), text === ticket ? ID : null);
        assert.equal(tickets.check(ticket), ID);
      }),
    );
  });
});
