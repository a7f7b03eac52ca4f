import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import type { Answered } from '../../transfer-engine/transport.ts';
import { Receipts } from './receipts.ts';

const HEARD: Answered<unknown> = { ok: true, value: null };
const AWAY: Answered<unknown> = { ok: false, fault: { kind: 'network' } };
const film = { index: 0, sizeBytes: 1_000 };

/** What was told, and answers that come when a test gives them. */
function receipts() {
  const told: unknown[] = [];
  const answers: ((answer: Answered<unknown>) => void)[] = [];
  const writer = new Receipts(({ received }) => {
    told.push(received);
    return new Promise((resolve) => answers.push(resolve));
  });
  const answer = async (given: Answered<unknown>) => {
    answers.shift()?.(given);
    await jest.advanceTimersByTimeAsync(0);
  };
  return { writer, told, answer };
}

describe('what a sender is told of what has arrived', () => {
  beforeEach(() => {
    jest.useFakeTimers();
  });
  afterEach(() => {
    jest.useRealTimers();
  });

  it('is all of a file only once that is closed: before, a full disk may take the last byte back', async () => {
    const { writer, told, answer } = receipts();
    writer.written(film, 1_000);
    await jest.advanceTimersByTimeAsync(1_000);
    await answer(HEARD);
    writer.closed(film);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([{ 0: [[0, 999]] }, { 0: [[0, 1_000]] }]);
    writer.stop();
  });

  it('is told once, and again when it was not heard', async () => {
    const { writer, told, answer } = receipts();
    writer.written(film, 10);
    await jest.advanceTimersByTimeAsync(1_000);
    await answer(AWAY);
    await jest.advanceTimersByTimeAsync(1_000);
    await answer(HEARD);
    await jest.advanceTimersByTimeAsync(5_000);
    expect(told).toEqual([{ 0: [[0, 10]] }, { 0: [[0, 10]] }]);
    writer.stop();
  });

  it('is also what came while the telling before was on its way', async () => {
    const { writer, told, answer } = receipts();
    writer.written(film, 10);
    await jest.advanceTimersByTimeAsync(1_000);
    writer.written(film, 20);
    await answer(HEARD);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(told).toEqual([{ 0: [[0, 10]] }, { 0: [[0, 20]] }]);
    writer.stop();
  });

  it('is told to the end although the server is away for a while, and then no more', async () => {
    const { writer, told, answer } = receipts();
    writer.closed(film);
    let isOver = false;
    void writer.finish().then(() => {
      isOver = true;
    });
    for (let seconds = 0; seconds < 5; seconds += 1) {
      await answer(AWAY);
      await jest.advanceTimersByTimeAsync(1_000);
    }
    expect(isOver).toBe(false);
    await answer(HEARD);
    expect(isOver).toBe(true);
    expect(told).toHaveLength(6);
    // Nobody listens to a clock that has nothing to tell any more.
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is not repeated when the server refuses it for good', async () => {
    const { writer, told, answer } = receipts();
    writer.closed(film);
    const finishing = writer.finish();
    await answer({ ok: false, fault: { kind: 'problem', type: 'ended', retryAfterMs: null } });
    await finishing;
    expect(told).toHaveLength(1);
  });
});
