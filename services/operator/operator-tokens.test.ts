import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import { ManualClock } from '../kernel/clock.ts';
import { sha256 } from '../kernel/ids.ts';
import { OperatorTokens, SIGNED_IN_SECONDS } from './operator-tokens.ts';

const SECRET = new Uint8Array(32).fill(7);
const GIVEN = 'a-token-of-the-operators-own';

/** One row that several nodes share. */
function world(hash: Uint8Array | null = null) {
  const row = { hash, isAway: false, reads: 0 };
  const clock = new ManualClock();
  const store = {
    readHash: async () => {
      row.reads += 1;
      if (row.isAway) throw new PeerLinkError('unavailable', 'away');
      return row.hash;
    },
    writeHash: async (written: Uint8Array) => {
      row.hash = written;
    },
    writeFirstHash: async (written: Uint8Array) => {
      if (row.hash !== null) return false;
      row.hash = written;
      return true;
    },
  };
  return { row, clock, node: (secret = SECRET) => new OperatorTokens(store, secret, clock) };
}

describe("the operator's token", () => {
  it('is made by the first node only, and is nowhere but in its hands', async () => {
    const { row, node } = world();
    const made = await node().establish(null);
    expect(made).toMatch(/^\w{32}$/);
    expect(row.hash).toEqual(sha256(made ?? ''));
    expect(await node().establish(null)).toBeNull();
    expect(row.hash).toEqual(sha256(made ?? ''));
  });

  it('that is given counts from the start on, also after another one', async () => {
    const { row, clock, node } = world(sha256('an older token of somebody'));
    const one = node();
    expect(await one.isToken('an older token of somebody')).toBe(true);
    expect(await node().establish(GIVEN)).toBeNull();
    expect(row.hash).toEqual(sha256(GIVEN));
    clock.advance(1_000);
    expect([await one.isToken(GIVEN), await one.isToken('an older token of somebody')]).toEqual([true, false]);
  });

  it('counts no more at another node a second after it was renewed, nor does what it sealed', async () => {
    const { clock, node } = world(sha256(GIVEN));
    const [here, there] = [node(), node()];
    const seal = (await there.seal()) ?? '';
    expect([await there.isToken(GIVEN), await there.isSealed(seal)]).toEqual([true, true]);
    const renewed = await here.renew();
    expect([await here.isToken(GIVEN), await here.isSealed(seal)]).toEqual([false, false]);
    clock.advance(1_000);
    expect([await there.isToken(GIVEN), await there.isSealed(seal)]).toEqual([false, false]);
    expect(await there.isToken(renewed)).toBe(true);
  });

  it('is asked for once a second at most, and counts on for ten minutes while the database is away', async () => {
    const { row, clock, node } = world(sha256(GIVEN));
    const one = node();
    for (let times = 0; times < 5; times += 1) expect(await one.isToken(GIVEN)).toBe(true);
    expect(row.reads).toBe(1);
    row.isAway = true;
    clock.advance(9 * 60_000);
    for (let times = 0; times < 5; times += 1) expect(await one.isToken(GIVEN)).toBe(true);
    expect(row.reads).toBe(2);
    clock.advance(61_000);
    await expect(one.isToken(GIVEN)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('that another node renewed counts no more where only the bus is reached', async () => {
    const { row, node } = world(sha256(GIVEN));
    const one = node();
    await one.isToken(GIVEN);
    row.isAway = true;
    one.forget();
    await expect(one.isToken(GIVEN)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('is nobody while there is none', async () => {
    const one = world().node();
    expect([await one.isToken(''), await one.isToken(GIVEN), await one.seal()]).toEqual([false, false, null]);
  });
});

describe('a seal', () => {
  it('counts at every node for twelve hours', async () => {
    const { clock, node } = world(sha256(GIVEN));
    const seal = (await node().seal()) ?? '';
    expect(await node().isSealed(seal)).toBe(true);
    clock.advance(SIGNED_IN_SECONDS * 1000 - 1_000);
    expect(await node().isSealed(seal)).toBe(true);
    clock.advance(1_000);
    expect(await node().isSealed(seal)).toBe(false);
  });

  it('that was changed, is of another cluster or is nonsense counts for nothing', async () => {
    const { node } = world(sha256(GIVEN));
    const seal = (await node().seal()) ?? '';
    const [version, until = '', mac] = seal.split('.');
    const later = (Number.parseInt(until, 36) + 1).toString(36);
    const others = [`${version}.${later}.${mac}`, seal.slice(0, -1), `${seal}x`, '', 'o1..', `o1.zzzzzz.${mac}`];
    for (const other of others) expect([other, await node().isSealed(other)]).toEqual([other, false]);
    expect(await node(new Uint8Array(32)).isSealed(seal)).toBe(false);
  });
});
