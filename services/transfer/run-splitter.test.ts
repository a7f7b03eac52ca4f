import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cutAt, fuzz } from '../../test/support/fuzz.ts';
import { MIB } from '../contracts/limits.ts';
import { RunSplitter, type SplitChunk } from './run-splitter.ts';

/** No two places alike within 64 KiB. */
function numbered(sizeBytes: number): Uint8Array {
  const bytes = Buffer.alloc(sizeBytes);
  for (let at = 0; at + 2 <= sizeBytes; at += 2) bytes.writeUInt16LE((at / 2) & 0xffff, at);
  return bytes;
}

interface Fed {
  readonly chunks: { index: number; bytes: Buffer }[];
  readonly isRefused: boolean;
  readonly pendingBytes: number;
}

function feed(splitter: RunSplitter, pieces: readonly Uint8Array[], mayEndShort = false): Fed {
  const chunks: SplitChunk[] = [];
  for (const piece of pieces) {
    // The buffer is the sender's again afterwards in no case: pieces are handed over. But empty ones must not matter.
    const more = splitter.push(piece);
    if (more === null) return { chunks: chunks.map(plain), isRefused: true, pendingBytes: splitter.pendingBytes };
    chunks.push(...more);
  }
  if (mayEndShort) {
    const last = splitter.finish();
    if (last !== null) chunks.push(last);
  }
  return { chunks: chunks.map(plain), isRefused: false, pendingBytes: splitter.pendingBytes };
}

function plain({ index, bytes, lengthBytes }: SplitChunk) {
  const joined = Buffer.concat(bytes);
  assert.equal(joined.length, lengthBytes);
  return { index, bytes: joined };
}

describe('RunSplitter', () => {
  it('tells how many chunks hold a view of what came last: a copy of a small part is none', () => {
    const splitter = new RunSplitter(0, 64 * 1024, 1024 * 1024);
    splitter.push(new Uint8Array(60 * 1024));
    expect(splitter.viewCount).toBe(1);
    splitter.push(new Uint8Array(16 * 1024));
    expect(splitter.viewCount).toBe(2);
    // 52 KiB end the chunk, the 200 bytes of the next are copied.
    splitter.push(new Uint8Array(52 * 1024 + 200));
    expect(splitter.viewCount).toBe(1);
    splitter.push(new Uint8Array(300));
    expect(splitter.viewCount).toBe(0);
  });

  const chunkSize = 64;
  const body = numbered(3 * chunkSize + 10);

  it('gives the same chunks whatever byte the body is split at', () => {
    const wanted = feed(new RunSplitter(2, chunkSize, 2 * chunkSize + body.length), [body]);
    expect(wanted.chunks.map(({ index, bytes }) => [index, bytes.length])).toEqual([
      [2, 64],
      [3, 64],
      [4, 64],
      [5, 10],
    ]);
    for (let cut = 0; cut <= body.length; cut += 1) {
      const splitter = new RunSplitter(2, chunkSize, 2 * chunkSize + body.length);
      expect(feed(splitter, [body.subarray(0, cut), body.subarray(cut)])).toEqual(wanted);
    }
    const byteByByte = [...body].map((byte) => Uint8Array.of(byte));
    expect(feed(new RunSplitter(2, chunkSize, 2 * chunkSize + body.length), byteByByte)).toEqual(wanted);
  });

  it('gives the same chunks for any partition of any body', async () => {
    const source = numbered(40_000);
    const places = fc.array(fc.nat(), { maxLength: 30 });
    const cases = fc.record({
      chunkSize: fc.constantFrom(16, 1024, 4096, 16_384),
      size: fc.integer({ min: 1, max: 40_000 }),
      firstChunk: fc.nat({ max: 3 }),
      isUnknown: fc.boolean(),
      places,
    });
    await fuzz(
      'RunSplitter',
      fc.property(cases, (one) => {
        // A hundred and more of the smallest chunks show nothing that the first hundred do not.
        const size = Math.min(one.size, 100 * one.chunkSize);
        const bytes = source.subarray(0, size);
        const total = one.isUnknown ? null : one.firstChunk * one.chunkSize + size;
        const make = () => new RunSplitter(one.firstChunk, one.chunkSize, total);
        const whole = feed(make(), [bytes], one.isUnknown);
        const splitter = make();
        const parts = feed(splitter, cutAt(bytes, one.places), one.isUnknown);
        assert.deepEqual(
          [parts.isRefused, parts.pendingBytes, whole.isRefused, whole.pendingBytes],
          [false, 0, false, 0],
        );
        assert.equal(splitter.takenBytes, size);
        // The chunks of the file, of which each is full but the last: those that the whole body gave, too.
        assert.equal(parts.chunks.length, Math.ceil(size / one.chunkSize));
        assert.equal(whole.chunks.length, parts.chunks.length);
        for (const [at, chunk] of parts.chunks.entries()) {
          const wanted = bytes.subarray(at * one.chunkSize, (at + 1) * one.chunkSize);
          assert.equal(chunk.index, one.firstChunk + at);
          assert(chunk.bytes.equals(wanted));
          assert.equal(whole.chunks[at]?.index, chunk.index);
          assert(whole.chunks[at]?.bytes.equals(wanted));
        }
      }),
    );
  });

  it('refuses the bytes beyond the end of the file, wherever they come', () => {
    const atEnd = new RunSplitter(0, chunkSize, body.length);
    expect(atEnd.push(body)).toHaveLength(4);
    expect(atEnd.push(Uint8Array.of(1))).toBeNull();
    expect(new RunSplitter(0, chunkSize, body.length - 1).push(body)).toBeNull();
    expect(new RunSplitter(3, chunkSize, body.length).push(body.subarray(0, 11))).toBeNull();
  });

  it('says what is left over of a body that ends inside a chunk', () => {
    const splitter = new RunSplitter(0, chunkSize, 10 * chunkSize);
    expect(splitter.push(body)).toHaveLength(3);
    expect(splitter.pendingBytes).toBe(10);
    expect(splitter.finish()).toMatchObject({ index: 3, lengthBytes: 10 });
    expect(splitter.finish()).toBeNull();
  });

  it('holds a body that trickles in byte by byte in few buffers', () => {
    const splitter = new RunSplitter(0, MIB, null);
    const drop = Uint8Array.of(7);
    let chunk: SplitChunk | undefined;
    for (let sent = 0; sent < MIB; sent += 1) chunk = splitter.push(drop)?.[0];
    expect(chunk?.lengthBytes).toBe(MIB);
    expect(chunk?.bytes.length).toBeLessThanOrEqual(17);
    const mixed = new RunSplitter(0, MIB, null);
    const piece = new Uint8Array(4096);
    for (chunk = undefined; chunk === undefined; )
      chunk = [...(mixed.push(drop) ?? []), ...(mixed.push(piece) ?? [])][0];
    expect(chunk.bytes.length).toBeLessThanOrEqual(MIB / 2048 + 1);
  });

  it('does not touch what it has handed out', () => {
    const splitter = new RunSplitter(0, 4, null);
    const first = splitter.push(Uint8Array.of(1, 2, 3, 4))?.[0];
    splitter.push(Uint8Array.of(5, 6, 7, 8));
    expect([...Buffer.concat(first?.bytes ?? [])]).toEqual([1, 2, 3, 4]);
  });
});
