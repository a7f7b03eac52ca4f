import type { ServerResponse } from 'node:http';
import { Writable } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { READER_IDLE_TIMEOUT_MS } from '../../contracts/limits.ts';
import { PacedResponse, ReaderGone } from './paced-response.ts';

/** A client that takes bytes when the test says so. */
function slowClient() {
  const taking: (() => void)[] = [];
  const sink = new Writable({
    write: (_bytes, _encoding, done) => void taking.push(done),
    writev: (_parts, done) => void taking.push(done),
  });
  return {
    res: sink as unknown as ServerResponse,
    sink,
    takeOne: () => taking.shift()?.(),
    waiting: () => taking.length,
  };
}
const settle = () => jest.advanceTimersByTimeAsync(0);

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => void jest.useRealTimers());

function piece() {
  const ends: string[] = [];
  return { ends, bytes: [Buffer.alloc(10), Buffer.alloc(5)], release: (how: 'taken' | 'lost') => void ends.push(how) };
}

describe('a paced response', () => {
  it('has at most one piece with the socket before the next may come, and releases each when it was taken', async () => {
    const { res, takeOne } = slowClient();
    const response = new PacedResponse(res);
    const [first, second] = [piece(), piece()];
    await response.write(first);
    let isSecondIn = false;
    const writing = response.write(second).then(() => {
      isSecondIn = true;
    });
    await settle();
    expect([first.ends, isSecondIn]).toEqual([[], false]);
    takeOne();
    await writing;
    expect([first.ends, second.ends]).toEqual([['taken'], []]);
    const flushing = response.flush();
    takeOne();
    await flushing;
    expect(second.ends).toEqual(['taken']);
    response.close();
  });

  it('is cut after five minutes in which nothing moved, counted from the last piece', async () => {
    const { res, sink } = slowClient();
    sink.on('error', () => {});
    const response = new PacedResponse(res);
    await jest.advanceTimersByTimeAsync(READER_IDLE_TIMEOUT_MS - 1);
    const only = piece();
    await response.write(only);
    await jest.advanceTimersByTimeAsync(READER_IDLE_TIMEOUT_MS - 1);
    expect(response.signal.aborted).toBe(false);
    await jest.advanceTimersByTimeAsync(1);
    expect(response.signal.reason).toMatchObject({ type: 'request_timeout' });
    expect(sink.destroyed).toBe(true);
    expect(only.ends).toEqual(['lost']);
  });

  it('tells a reader that left, and never says that what it had was taken', async () => {
    const { res, sink } = slowClient();
    sink.on('error', () => {});
    const response = new PacedResponse(res);
    const only = piece();
    await response.write(only);
    const next = response.write(piece());
    next.catch(() => {});
    sink.destroy();
    await expect(next).rejects.toThrow(ReaderGone);
    expect(only.ends).toEqual(['lost']);
    response.close();
  });

  it('knows a reader that left before its turn came', () => {
    const { res, sink } = slowClient();
    sink.destroy();
    const response = new PacedResponse(res);
    expect(response.signal.reason).toBeInstanceOf(ReaderGone);
    response.close();
  });
});
