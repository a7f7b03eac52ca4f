import { describe, expect, it } from '@jest/globals';
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
});
