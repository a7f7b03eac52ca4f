import { describe, expect, it } from '@jest/globals';
import type { OperatorOverview } from '../../../../services/contracts/operator.ts';
import type { Answered } from '../../transfer-engine/transport.ts';
import type { ClusterChange } from './cluster-picture.ts';
import { ANSWER_DEADLINE_MS, ASK_EVERY_MS, OverviewFeed } from './overview-feed.ts';

const OVERVIEW = { clusterId: 'c' } as OperatorOverview;
const NETWORK = { ok: false, fault: { kind: 'network' } } as const;

interface Question {
  readonly signal: AbortSignal;
  readonly answer: (answer: Answered<OperatorOverview>) => Promise<void>;
}

/** A feed with a clock of its own and somebody who answers when the test does. */
class World {
  nowMs = 0;
  readonly told: ClusterChange[] = [];
  readonly questions: Question[] = [];
  #timers: { readonly atMs: number; readonly call: () => void }[] = [];
  readonly feed = new OverviewFeed({
    ask: (signal) =>
      new Promise((resolve) => {
        const answer = async (value: Answered<OperatorOverview>) => {
          resolve(value);
          for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
        };
        this.questions.push({ signal, answer });
      }),
    tell: (change) => this.told.push(change),
    nowMs: () => this.nowMs,
    random: () => 1,
    after: (ms, call) => {
      const timer = { atMs: this.nowMs + ms, call };
      this.#timers.push(timer);
      return () => {
        this.#timers = this.#timers.filter((other) => other !== timer);
      };
    },
  });

  pass(ms: number): void {
    this.nowMs += ms;
    const due = this.#timers.filter(({ atMs }) => atMs <= this.nowMs);
    this.#timers = this.#timers.filter(({ atMs }) => atMs > this.nowMs);
    for (const { call } of due) call();
  }

  last(): Question {
    return this.questions.at(-1) as Question;
  }
}

describe('the feed', () => {
  it('asks at once, and again a moment after it asked last', async () => {
    const world = new World();
    world.feed.start();
    expect(world.questions).toHaveLength(1);
    world.pass(300);
    await world.last().answer({ ok: true, value: OVERVIEW });
    expect(world.told).toEqual([{ type: 'heard', overview: OVERVIEW, nowMs: 300 }]);
    world.pass(ASK_EVERY_MS - 301);
    expect(world.questions).toHaveLength(1);
    world.pass(1);
    expect(world.questions).toHaveLength(2);
  });

  it('lets a slow server breathe, and never asks twice at a time', async () => {
    const world = new World();
    world.feed.start();
    world.pass(1_500);
    expect(world.questions).toHaveLength(1);
    await world.last().answer({ ok: true, value: OVERVIEW });
    world.pass(249);
    expect(world.questions).toHaveLength(1);
    world.pass(1);
    expect(world.questions).toHaveLength(2);
  });

  it('gives up an answer that does not come in time', () => {
    const world = new World();
    world.feed.start();
    world.pass(ANSWER_DEADLINE_MS);
    expect(world.last().signal.reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('asks less and less often while nobody answers, and as often as before once somebody does', async () => {
    const world = new World();
    world.feed.start();
    const waits: number[] = [];
    for (let failure = 0; failure < 5; failure += 1) {
      const before = world.questions.length;
      await world.last().answer(NETWORK);
      const failedMs = world.nowMs;
      while (world.questions.length === before) world.pass(50);
      waits.push(world.nowMs - failedMs);
    }
    expect(waits).toEqual([750, 1_500, 3_000, 6_000, 8_000]);
    await world.last().answer({ ok: true, value: OVERVIEW });
    world.pass(ASK_EVERY_MS);
    expect(world.questions).toHaveLength(7);
  });

  it('waits as long as a server asks for', async () => {
    const world = new World();
    world.feed.start();
    await world.last().answer({ ok: false, fault: { kind: 'problem', type: 'rate_limited', retryAfterMs: 20_000 } });
    world.pass(19_999);
    expect(world.questions).toHaveLength(1);
    world.pass(1);
    expect(world.questions).toHaveLength(2);
  });

  it('stops when the server does not know the operator, until it is started again', async () => {
    const world = new World();
    world.feed.start();
    await world.last().answer({ ok: false, fault: { kind: 'problem', type: 'bad_token', retryAfterMs: null } });
    world.pass(60_000);
    expect(world.told).toEqual([{ type: 'signed_out', isByServer: true }]);
    expect(world.questions).toHaveLength(1);
    world.feed.start();
    expect(world.questions).toHaveLength(2);
  });

  it('is silent when stopped: no question, and nothing told of an answer on its way', async () => {
    const world = new World();
    world.feed.start();
    world.feed.stop();
    expect(world.last().signal.aborted).toBe(true);
    await world.last().answer({ ok: true, value: OVERVIEW });
    world.pass(60_000);
    expect(world.told).toEqual([]);
    expect(world.questions).toHaveLength(1);
  });
});
