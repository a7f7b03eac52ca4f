import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { anyText, fuzz } from '../../test/support/fuzz.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { MAX_OPERATOR_SIGN_OUTS } from '../contracts/limits.ts';
import { ManualClock } from '../kernel/clock.ts';
import { sha256 } from '../kernel/ids.ts';
import { OperatorTokens, SIGNED_IN_SECONDS } from './operator-tokens.ts';

const SECRET = new Uint8Array(32).fill(7);
const GIVEN = 'a-token-of-the-operators-own';

/** One row that several nodes share. */
function world(hash: Uint8Array | null = null) {
  const row = { hash, signedOut: [] as readonly string[], isAway: false, reads: 0, held: null as Promise<void> | null };
  const clock = new ManualClock();
  const assertThere = () => {
    if (row.isAway) throw new PeerLinkError('unavailable', 'away');
  };
  const store = {
    read: async () => {
      row.reads += 1;
      assertThere();
      const found = { hash: row.hash, signedOut: row.signedOut };
      await row.held;
      return found;
    },
    writeHash: async (written: Uint8Array) => {
      row.hash = written;
    },
    writeFirstHash: async (written: Uint8Array) => {
      if (row.hash !== null) return false;
      row.hash = written;
      return true;
    },
    addSignedOut: async (signIn: string, limit: number) => {
      assertThere();
      row.signedOut = [...new Set([...row.signedOut, signIn])].sort().reverse().slice(0, limit);
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
    const [version, until = '', id, mac] = seal.split('.');
    const later = String(Number(until) + 1).padStart(10, '0');
    const others = [
      `${version}.${later}.${id}.${mac}`,
      `${version}.${until}.${id?.slice(1)}x.${mac}`,
      `o1.${until}.${id}.${mac}`,
      `${version}.9999999999.${id}.${mac}`,
      ...[seal.slice(0, -1), `${seal}x`, '', 'o2...', 'o2..'],
    ];
    for (const other of others) expect([other, await node().isSealed(other)]).toEqual([other, false]);
    expect(await node(new Uint8Array(32)).isSealed(seal)).toBe(false);
  });
});

describe('signing out', () => {
  it('ends that sign-in at every node within a second, and no other', async () => {
    const { clock, node } = world(sha256(GIVEN));
    const [here, there] = [node(), node()];
    const seals = [(await here.seal()) ?? '', (await here.seal()) ?? ''];
    const counted = async (by: OperatorTokens) => [
      await by.isSealed(seals[0] ?? ''),
      await by.isSealed(seals[1] ?? ''),
    ];
    expect([await counted(here), await counted(there)]).toEqual([
      [true, true],
      [true, true],
    ]);
    expect(await here.signOut(seals[0] ?? '')).toBe(true);
    expect(await counted(here)).toEqual([false, true]);
    clock.advance(1_000);
    expect(await counted(there)).toEqual([false, true]);
    expect(await node().isSealed(seals[0] ?? '')).toBe(false);
    expect([await here.isToken(GIVEN), await there.isToken(GIVEN)]).toEqual([true, true]);
    // Sent again, and by somebody who was never signed in.
    expect([await here.signOut(seals[0] ?? ''), await here.signOut('o2.nonsense')]).toEqual([false, false]);
  });

  it('fails while the database is away, and the seal counts on, so that it can be tried again', async () => {
    const { row, node } = world(sha256(GIVEN));
    const one = node();
    const seal = (await one.seal()) ?? '';
    row.isAway = true;
    await expect(one.signOut(seal)).rejects.toMatchObject({ type: 'unavailable' });
    expect(await one.isSealed(seal)).toBe(true);
    row.isAway = false;
    expect(await one.signOut(seal)).toBe(true);
    expect(await one.isSealed(seal)).toBe(false);
  });

  it('counts where only the bus is reached: nobody is let in until the database says who may', async () => {
    const { row, node } = world(sha256(GIVEN));
    const one = node();
    const seal = (await one.seal()) ?? '';
    row.isAway = true;
    one.forget();
    await expect(one.isSealed(seal)).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('counts no more for a look at the row that fails after the bus told of it', async () => {
    const { row, clock, node } = world(sha256(GIVEN));
    const one = node();
    const seal = (await one.seal()) ?? '';
    clock.advance(1_000);
    let fail = () => {};
    row.held = new Promise((_resolve, reject) => {
      fail = () => reject(new PeerLinkError('unavailable', 'away'));
    });
    const early = one.isSealed(seal);
    one.forget();
    fail();
    await expect(early).rejects.toMatchObject({ type: 'unavailable' });
  });

  it('is not undone by a look at the row that began before it', async () => {
    const { row, clock, node } = world(sha256(GIVEN));
    const one = node();
    const seal = (await one.seal()) ?? '';
    clock.advance(1_000);
    let letGo = () => {};
    row.held = new Promise((resolve) => {
      letGo = resolve;
    });
    const early = one.isSealed(seal);
    row.signedOut = [seal.split('.').slice(1, 3).join('.')];
    one.forget();
    letGo();
    expect(await early).toBe(true);
    expect(await one.isSealed(seal)).toBe(false);
  });

  it('of more than are kept ends all that are as old, so that none of them ever counts again', async () => {
    const { row, clock, node } = world(sha256(GIVEN));
    const one = node();
    const seals: string[] = [];
    for (let count = 0; count < MAX_OPERATOR_SIGN_OUTS + 3; count += 1) {
      seals.push((await one.seal()) ?? '');
      clock.advance(1_000);
    }
    const alive = async () => {
      const found = await Promise.all(seals.map((seal) => one.isSealed(seal)));
      return found.flatMap((isAlive, index) => (isAlive ? [index] : []));
    };
    // The oldest stays signed in until there are so many.
    for (const seal of seals.slice(2)) await one.signOut(seal);
    expect(row.signedOut).toHaveLength(MAX_OPERATOR_SIGN_OUTS);
    expect(await alive()).toEqual([]);
    const fresh = (await one.seal()) ?? '';
    expect(await one.isSealed(fresh)).toBe(true);
  });
});

describe('a seal', () => {
  it('counts as it was given out, and in no other way', async () => {
    const tokens = world(sha256(GIVEN)).node();
    const seal = (await tokens.seal()) ?? '';
    expect(await tokens.isSealed(seal)).toBe(true);
    const altered = fc
      .tuple(fc.nat(seal.length), fc.nat(2), anyText(4))
      .map(([at, removed, put]) => seal.slice(0, at) + put + seal.slice(at + removed));
    await fuzz(
      'seals of the operator',
      fc.asyncProperty(fc.oneof(anyText(80), altered), async (text) => {
        expect(await tokens.isSealed(text)).toBe(text === seal);
      }),
    );
  });
});
