import { describe, expect, it } from '@jest/globals';
import { LeaseFlights } from './lease-flights.ts';

describe('bytes on their way under a lease', () => {
  it('are counted per file until the row counts them or their stream ends, and then forgotten', () => {
    const flights = new LeaseFlights();
    const first = flights.begin('lease', 0, 100);
    const second = flights.begin('lease', 0, 50);
    flights.begin('lease', 1, 7);
    expect(flights.bytes('lease', 0)).toBe(150);
    first.landed(30);
    expect(flights.bytes('lease', 0)).toBe(120);
    first.end();
    first.end();
    first.landed(10);
    expect(flights.bytes('lease', 0)).toBe(50);
    // A file of unknown length is served more than was planned.
    second.landed(500);
    expect(flights.bytes('lease', 0)).toBe(0);
    expect(flights.bytes('lease', 1)).toBe(7);
    expect(flights.bytes('other', 0)).toBe(0);
  });
});
