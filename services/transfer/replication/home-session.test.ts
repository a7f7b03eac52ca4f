import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from '@jest/globals';
import { HomeSession } from './home-session.ts';
import type { FrameAnswer } from './ports.ts';

/** A session whose answers the test gives, by a clock of its own. */
class World {
  nowMs = 0;
  readonly answers: ((answer: FrameAnswer) => void)[] = [];
  readonly session = new HomeSession(
    {
      values: new Map(),
      send: () => new Promise((resolve) => this.answers.push(resolve)),
      close: () => {},
    },
    {
      nowMs: () => this.nowMs,
      delay: (ms) => new Promise((ring) => this.#timers.push({ atMs: this.nowMs + ms, ring })),
      epoch: () => 1,
    },
  );
  #timers: { readonly atMs: number; readonly ring: () => void }[] = [];

  async passTo(nowMs: number): Promise<void> {
    this.nowMs = nowMs;
    const due = this.#timers.filter(({ atMs }) => atMs <= nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > nowMs);
    for (const { ring } of due) ring();
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** @returns what answers it */
  send(chunkIndex: number): () => Promise<void> {
    const chunk = { fileIndex: 0, chunkIndex, value: new Uint8Array(32).fill(1), bytes: [] };
    const sent = this.session.send(chunk);
    return async () => {
      this.answers.shift()?.({ kind: 'stored' });
      expect(await sent).toBe('stored');
    };
  }
}

describe('the quickest answer of a session', () => {
  it('is how far the replica is, and not how much is on its way', async () => {
    const world = new World();
    expect(world.session.quickestAnswerMs).toBe(0);
    const first = world.send(0);
    world.nowMs = 170;
    await first();
    expect(world.session.quickestAnswerMs).toBe(170);
    const sent = [1, 2, 3, 4].map((index) => world.send(index));
    for (const answer of sent) {
      world.nowMs += 400;
      await answer();
    }
    expect(world.session.quickestAnswerMs).toBe(170);
    const near = world.send(5);
    world.nowMs += 4;
    await near();
    expect(world.session.quickestAnswerMs).toBe(4);
  });
});

describe('a session of many frames', () => {
  it('keeps nothing of a frame that was answered', async () => {
    setFlagsFromString('--expose-gc');
    const collectGarbage = runInNewContext('gc') as () => void;
    const world = new World();
    const refs: WeakRef<FrameAnswer>[] = [];
    for (let index = 0; index < 100; index += 1) {
      const sent = world.session.send({ fileIndex: 0, chunkIndex: index, value: new Uint8Array(32), bytes: [] });
      const answer: FrameAnswer = { kind: 'stored' };
      refs.push(new WeakRef(answer));
      world.answers.shift()?.(answer);
      expect(await sent).toBe('stored');
    }
    await new Promise((resolve) => setImmediate(resolve));
    collectGarbage();
    expect(world.session.isOpen).toBe(true);
    expect(refs.filter((ref) => ref.deref() !== undefined).length).toBeLessThan(10);
  });

  it('tells who waits when it is closed', async () => {
    const world = new World();
    const sent = world.session.send({ fileIndex: 0, chunkIndex: 0, value: new Uint8Array(32), bytes: [] });
    await new Promise((resolve) => setImmediate(resolve));
    world.session.close();
    expect(await sent).toBe('ended');
  });

  it('whose replica refuses one says so from then on', async () => {
    const world = new World();
    const sent = world.session.send({ fileIndex: 0, chunkIndex: 0, value: new Uint8Array(32), bytes: [] });
    expect(world.session.hasRefused).toBe(false);
    world.answers.shift()?.({ kind: 'failed', reason: 'disk_full' });
    expect(await sent).toBe('refused');
    expect(world.session.hasRefused).toBe(true);
  });

  it('ends with one that has no answer for 15 s, while those after it have theirs', async () => {
    const world = new World();
    const chunk = (chunkIndex: number) => ({ fileIndex: 0, chunkIndex, value: new Uint8Array(32), bytes: [] });
    const overtaken = world.session.send(chunk(0));
    const answerFirst = world.answers.shift();
    for (let second = 2; second <= 14; second += 2) {
      const later = world.send(second);
      await world.passTo(second * 1_000);
      await later();
    }
    const waiting = world.session.send(chunk(1));
    await world.passTo(14_999);
    expect(world.session.isOpen).toBe(true);
    await world.passTo(15_000);
    expect([await overtaken, await waiting]).toEqual(['silent', 'silent']);
    expect(world.session.isOpen).toBe(false);
    answerFirst?.({ kind: 'stored' });
  });
});
