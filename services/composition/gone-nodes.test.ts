import { describe, expect, it, jest } from '@jest/globals';
import type { NodeRow } from '../cluster/ports.ts';
import { createGoneNodes } from './gone-nodes.ts';

const GONE_AFTER_MS = 300_000;

class World {
  nowMs = 1_000_000;
  isDatabaseUp = true;
  answering: readonly string[] = [];
  readonly givenUp = new Set<string>();
  readonly #seenAtMs = new Map<string, number>();
  readonly #look = createGoneNodes({
    listNodes: async () => {
      if (!this.isDatabaseUp) throw new Error('away');
      return [...this.#seenAtMs].map(([id, atMs]): NodeRow => {
        const isGivenUp = this.givenUp.has(id);
        return { id, peerUrl: '', publicUrl: null, state: 'healthy', unseenMs: this.nowMs - atMs, isGivenUp };
      });
    },
    goneAfterMs: GONE_AFTER_MS,
    answering: () => this.answering,
    nowMs: () => this.nowMs,
  });

  announce(...ids: readonly string[]): void {
    for (const id of ids) this.#seenAtMs.set(id, this.nowMs);
  }

  look() {
    return this.#look();
  }

  /** Looks every 2 s; while the database is up these announce themselves. */
  async pass(ms: number, ...living: readonly string[]): Promise<void> {
    for (const endMs = this.nowMs + ms; this.nowMs < endMs; ) {
      this.nowMs += 2_000;
      if (this.isDatabaseUp) this.announce(...living);
      await this.look().catch(() => {});
    }
  }
}

describe('a node that is given up', () => {
  it('was not seen for its time, all of which this process has looked', async () => {
    const world = new World();
    world.announce('home', 'other');
    await world.pass(GONE_AFTER_MS, 'home');
    expect(await world.look()).toMatchObject({ awaited: ['home', 'other'], gone: [] });
    await world.pass(4_000, 'home');
    expect(await world.look()).toMatchObject({ awaited: ['home'], gone: ['other'] });
    world.announce('other');
    expect((await world.look()).gone).toEqual([]);
  });

  it('is not one whose row is old because nobody could write', async () => {
    const world = new World();
    await world.pass(GONE_AFTER_MS + 4_000, 'home', 'other');
    world.isDatabaseUp = false;
    await world.pass(2 * GONE_AFTER_MS, 'home', 'other');
    world.isDatabaseUp = true;
    expect((await world.look()).gone).toEqual([]);
    // Nor while it has not come back yet.
    await world.pass(GONE_AFTER_MS - 4_000, 'home');
    expect((await world.look()).gone).toEqual([]);
    await world.pass(8_000, 'home');
    expect((await world.look()).gone).toEqual(['other']);
  });

  it('is not one that was last seen before this process began', async () => {
    const world = new World();
    world.announce('home', 'other');
    world.nowMs += 10 * GONE_AFTER_MS;
    world.announce('home');
    expect((await world.look()).awaited).toEqual(['home', 'other']);
  });

  it('is not one that answers the bus', async () => {
    const world = new World();
    world.announce('other');
    world.answering = ['other'];
    await world.pass(3 * GONE_AFTER_MS);
    expect((await world.look()).gone).toEqual([]);
    world.answering = [];
    expect((await world.look()).gone).toEqual(['other']);
  });
});

describe('a node that is unheard', () => {
  it('has written nothing for a minute, and does not answer the bus either', async () => {
    const world = new World();
    world.announce('home', 'other');
    await world.pass(60_000, 'home');
    expect((await world.look()).unheard).toEqual([]);
    await world.pass(2_000, 'home');
    expect(await world.look()).toMatchObject({ awaited: ['home', 'other'], unheard: ['other'] });
    world.answering = ['other'];
    expect((await world.look()).unheard).toEqual([]);
  });

  it('is none that writes, however far ahead the clock of this machine is', async () => {
    const world = new World();
    const clock = jest.spyOn(Date, 'now').mockImplementation(() => world.nowMs + 2 * GONE_AFTER_MS);
    try {
      await world.pass(2 * GONE_AFTER_MS, 'home', 'other');
      expect(await world.look()).toMatchObject({ gone: [], unheard: [] });
    } finally {
      clock.mockRestore();
    }
  });

  it('at once when an operator says so, and no longer once it answers or announces itself', async () => {
    const world = new World();
    world.announce('home', 'other');
    world.givenUp.add('other');
    expect(await world.look()).toMatchObject({ awaited: ['home'], gone: ['other'], givenUp: ['other'] });
    world.answering = ['other'];
    expect(await world.look()).toMatchObject({ awaited: ['home', 'other'], gone: [], givenUp: [] });
  });
});
