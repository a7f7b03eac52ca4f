import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { afterEach, beforeEach, describe, expect, it, jest } from '@jest/globals';
import { MIB, UPLOAD_IDLE_TIMEOUT_MS } from '../../contracts/limits.ts';
import { HeldBytes } from '../../kernel/held-bytes.ts';
import { RunSplitter, type SplitChunk } from '../run-splitter.ts';
import { ClientGone, receiveBody } from './receive-body.ts';

beforeEach(() => void jest.useFakeTimers({ doNotFake: ['nextTick', 'queueMicrotask', 'setImmediate'] }));
afterEach(() => void jest.useRealTimers());

/** A request's body that the test sends piece by piece, and a disk that stores chunks when it says so. */
function world(
  options: { sizeBytes?: number | null; chunkSizeBytes?: number; unfinished?: HeldBytes; answerMs?: number } = {},
) {
  const { sizeBytes = null, chunkSizeBytes = MIB, answerMs = 0 } = options;
  const stream = new PassThrough({ highWaterMark: 64 * MIB });
  const req = Object.assign(stream, { complete: false }) as unknown as IncomingMessage & PassThrough;
  const storing: { chunk: SplitChunk; done: (fault?: Error) => void }[] = [];
  const state = { outcome: 'under way' as unknown, readBytes: 0 };
  const receiving = receiveBody(req, {
    splitter: new RunSplitter(0, chunkSizeBytes, sizeBytes),
    mayEndShort: sizeBytes === null,
    answerMs: () => answerMs,
    onBytes: (bytes) => {
      state.readBytes += bytes.length;
    },
    ...(options.unfinished === undefined ? {} : { unfinished: options.unfinished }),
    write: (chunk, onSpent) =>
      new Promise((resolve, reject) => {
        const done = (fault?: Error) => {
          if (fault !== undefined) return reject(fault);
          onSpent();
          resolve();
        };
        storing.push({ chunk, done });
      }),
  });
  receiving.then(
    () => {
      state.outcome = 'received';
    },
    (fault: unknown) => {
      state.outcome = fault;
    },
  );
  const end = () => {
    Object.assign(req, { complete: true });
    stream.end();
  };
  return { req, stream, storing, state, end };
}

async function turns(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

describe('a body that is received', () => {
  it('hands over each chunk as it completes, and ends when all are stored', async () => {
    const { stream, storing, state, end } = world({ chunkSizeBytes: 1024 });
    stream.write(Buffer.alloc(2500));
    await turns();
    expect(storing.map(({ chunk }) => [chunk.index, chunk.lengthBytes])).toEqual([
      [0, 1024],
      [1, 1024],
    ]);
    end();
    await turns();
    expect(storing[2]?.chunk).toMatchObject({ index: 2, lengthBytes: 452 });
    storing[2]?.done();
    storing[0]?.done();
    await turns();
    expect(state.outcome).toBe('under way');
    storing[1]?.done();
    await turns();
    expect(state.outcome).toBe('received');
  });

  it('gives back all its memory, however the pieces lie across the chunks', async () => {
    const { stream, storing, state, end } = world({ sizeBytes: 4 * MIB });
    // As a first read does that has the head of the request before the body: every boundary cuts off a small part.
    const pieces = [Buffer.alloc(65_536 - 194), ...Array.from({ length: 63 }, () => Buffer.alloc(65_536))];
    const lastPiece = Buffer.alloc(194);
    for (const piece of [...pieces, lastPiece]) stream.write(piece);
    await turns();
    end();
    await turns();
    expect(storing).toHaveLength(4);
    for (const { done } of storing) done();
    await turns();
    expect(state.outcome).toBe('received');
    expect(pieces.filter((piece) => piece.byteLength > 0)).toHaveLength(0);
  });

  it.each([
    ['whose replica is near has', 3, 8],
    ['whose replica answers after 160 ms has', 160, 30],
  ])(
    '%s, six of them together and with what is begun, not more than its share read',
    async (_which, answerMs, most) => {
      const bodies = Array.from({ length: 6 }, () => world({ answerMs }));
      // As a socket gives it.
      for (const { stream } of bodies)
        for (let sent = 0; sent < 8 * 16; sent += 1) stream.write(Buffer.alloc(MIB / 16));
      await turns();
      const readBytes = () => bodies.reduce((sum, { state }) => sum + state.readBytes, 0);
      expect(readBytes()).toBeLessThanOrEqual(most * MIB);
      expect(readBytes()).toBeGreaterThan((most - 1.5) * MIB);
      // What is stored makes room, for each until it is through.
      for (const { end } of bodies) end();
      for (let turn = 0; turn < 8; turn += 1) {
        for (const { storing } of bodies) storing[turn]?.done();
        await turns();
      }
      expect(bodies.map(({ state }) => state.outcome)).toEqual(Array(6).fill('received'));
    },
  );

  it('is paused while 4 MiB are not stored yet, and goes on when they are', async () => {
    const { req, stream, storing, state, end } = world();
    // As a socket gives it.
    for (let sent = 0; sent < 8 * 16; sent += 1) stream.write(Buffer.alloc(MIB / 16));
    end();
    await turns();
    expect([storing.length, req.isPaused()]).toEqual([4, true]);
    storing[0]?.done();
    await turns();
    expect(storing.length).toBe(5);
    for (let index = 1; index < 8; index += 1) {
      storing[index]?.done();
      await turns();
    }
    expect(state.outcome).toBe('received');
  });

  it('is refused after 30 s without a byte, once what was being stored is', async () => {
    const { stream, storing, state } = world({ chunkSizeBytes: 1024 });
    stream.write(Buffer.alloc(1500));
    await turns();
    await jest.advanceTimersByTimeAsync(UPLOAD_IDLE_TIMEOUT_MS - 1);
    stream.write(Buffer.alloc(1));
    await turns();
    await jest.advanceTimersByTimeAsync(UPLOAD_IDLE_TIMEOUT_MS);
    expect(state.outcome).toBe('under way');
    storing[0]?.done();
    await turns();
    expect(state.outcome).toMatchObject({ type: 'request_timeout' });
  });

  it('is not refused because our own disk is slow, neither in its middle nor at its end', async () => {
    const { stream, storing, state, end } = world();
    // All that it may have read.
    for (let sent = 0; sent < 4 * 16 + 15; sent += 1) stream.write(Buffer.alloc(MIB / 16));
    await turns();
    await jest.advanceTimersByTimeAsync(3 * UPLOAD_IDLE_TIMEOUT_MS);
    expect(state.outcome).toBe('under way');
    for (const one of storing) one.done();
    await turns();
    stream.write(Buffer.alloc(MIB / 16));
    end();
    await turns();
    await jest.advanceTimersByTimeAsync(3 * UPLOAD_IDLE_TIMEOUT_MS);
    storing[4]?.done();
    await turns();
    expect(state.outcome).toBe('received');
  });

  it('fails with the first fault of the store, after the other writes have ended', async () => {
    const { stream, storing, state } = world({ chunkSizeBytes: 1024 });
    stream.write(Buffer.alloc(2048));
    await turns();
    storing[1]?.done(new Error('disk'));
    await turns();
    stream.write(Buffer.alloc(4096));
    await turns();
    expect([storing.length, state.outcome]).toEqual([2, 'under way']);
    storing[0]?.done();
    await turns();
    expect(state.outcome).toMatchObject({ message: 'disk' });
  });

  it('counts as one chunk of what all bodies may leave unfinished, and costs who goes on least its place', async () => {
    const clock = { nowMs: 0 };
    const unfinished = new HeldBytes({ maxBytes: 3 * MIB, sparedMs: 10_000, nowMs: () => clock.nowMs });
    const [trickling, moving] = [world({ unfinished }), world({ unfinished })];
    const short = world({ unfinished, sizeBytes: 1000 });
    expect(unfinished.bytes).toBe(2 * MIB + 1000);
    const tooMany = world({ unfinished });
    await turns();
    expect(tooMany.state.outcome).toMatchObject({ type: 'busy', retryAfterSeconds: 1 });
    clock.nowMs += 11_000;
    moving.stream.write(Buffer.alloc(MIB));
    await turns();
    moving.storing[0]?.done();
    trickling.stream.write(Buffer.alloc(MIB - 1));
    await turns();
    const next = world({ unfinished });
    await turns();
    expect(trickling.state.outcome).toMatchObject({ type: 'busy' });
    expect([moving.state.outcome, short.state.outcome, next.state.outcome]).toEqual(Array(3).fill('under way'));
    for (const one of [moving, short, next]) one.stream.destroy();
    await turns();
    expect(unfinished.bytes).toBe(0);
  });

  it('is over at once when the client goes, or went before its turn', async () => {
    const { stream, state } = world();
    stream.write(Buffer.alloc(10));
    await turns();
    stream.destroy();
    await turns();
    expect(state.outcome).toBeInstanceOf(ClientGone);
    const gone = Object.assign(new PassThrough(), { complete: false });
    gone.destroy();
    await turns();
    const receiving = receiveBody(gone as unknown as IncomingMessage, {
      splitter: new RunSplitter(0, 1024, null),
      mayEndShort: true,
      onBytes: () => {},
      write: async () => {},
    });
    await expect(receiving).rejects.toThrow(ClientGone);
  });
});
