import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cutAt, fuzz } from '../../../test/support/fuzz.ts';
import { MAX_CHUNK_BYTES } from '../../contracts/limits.ts';
import type { FrameAnswer } from '../replication/ports.ts';
import { ByteQueue } from './byte-queue.ts';
import { FrameReader } from './frame-reader.ts';
import {
  decodeAnswer,
  decodeFrameHeader,
  encodeAnswer,
  encodeFrameHeader,
  encodeOpening,
  encodePulse,
  encodeWait,
  FRAME_HEADER_BYTES,
  type Opening,
  OpeningReader,
} from './replica-wire.ts';

/** Byte i is i mod 256. */
const PATTERN = Buffer.from(Array.from({ length: 120_000 }, (_, index) => index & 255));
const KEY = Buffer.alloc(32, 7);
const VALUE = new Uint8Array(32).fill(9);
const header = { fileIndex: 3, chunkIndex: 5, lengthBytes: 4, number: 7, epoch: 2, value: VALUE };

const anyHeader = fc.record({
  fileIndex: fc.nat({ max: 9_999 }),
  chunkIndex: fc.nat({ max: 65_535 }),
  lengthBytes: fc.integer({ min: 1, max: 3_000 }),
  number: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  epoch: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
  value: fc.uint8Array({ minLength: 32, maxLength: 32 }),
});

function readOpening(pieces: readonly Uint8Array[]): Opening | null | 'fault' {
  const queue = new ByteQueue();
  const reader = new OpeningReader(queue);
  try {
    for (const piece of pieces) {
      queue.push(Buffer.from(piece));
      const opening = reader.read();
      if (opening !== null) return opening;
    }
    return null;
  } catch {
    return 'fault';
  }
}

describe('the header of a frame', () => {
  it('is read as it was written, and a pulse as one', () => {
    expect(decodeFrameHeader(encodeFrameHeader(header, KEY), KEY)).toEqual({ kind: 'chunk', ...header });
    expect(decodeFrameHeader(encodePulse(9, KEY), KEY)).toMatchObject({ kind: 'pulse', number: 9, lengthBytes: 0 });
  });

  it('is refused with any bit changed, cut, or under the key of another session', () => {
    const bytes = encodeFrameHeader(header, KEY);
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Buffer.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      assert.equal(decodeFrameHeader(changed, KEY), null);
    }
    for (let length = 0; length < FRAME_HEADER_BYTES; length += 1)
      expect(decodeFrameHeader(bytes.subarray(0, length), KEY)).toBeNull();
    expect(decodeFrameHeader(bytes, Buffer.alloc(32, 8))).toBeNull();
  });

  it.each([
    ['a chunk of no bytes', { lengthBytes: 0 }],
    ['a chunk above the largest', { lengthBytes: MAX_CHUNK_BYTES + 1 }],
    ['an absurd length', { lengthBytes: 0xffff_ffff }],
    ['a file beyond the last', { fileIndex: 10_000 }],
    ['a chunk beyond the last', { chunkIndex: 65_536 }],
    ['a pulse with bytes', { fileIndex: 0xffff_ffff, lengthBytes: 1 }],
  ])('is refused for %s, although its MAC is right', (_name, change) => {
    expect(decodeFrameHeader(encodeFrameHeader({ ...header, ...change }, KEY), KEY)).toBeNull();
  });

  it('takes the largest chunk', () => {
    const largest = { ...header, lengthBytes: MAX_CHUNK_BYTES };
    expect(decodeFrameHeader(encodeFrameHeader(largest, KEY), KEY)?.lengthBytes).toBe(MAX_CHUNK_BYTES);
  });
});

describe('a stream of frames', () => {
  it('comes out as it went in, however it is split', async () => {
    await fuzz(
      'frames of a session',
      fc.property(
        fc.array(fc.option(anyHeader), { minLength: 1, maxLength: 5 }),
        fc.array(fc.nat(), { maxLength: 12 }),
        (headers, places) => {
          const wire: Buffer[] = [];
          for (const one of headers) {
            if (one === null) wire.push(encodePulse(1, KEY));
            else wire.push(encodeFrameHeader(one, KEY), Buffer.alloc(one.lengthBytes, one.chunkIndex & 255));
          }
          const reader = new FrameReader(KEY);
          const found = cutAt(Buffer.concat(wire), places).flatMap((piece) => reader.push(Buffer.from(piece)) ?? []);
          assert.deepEqual(
            found.map((frame) => (frame.header.kind === 'pulse' ? null : frame.header.number)),
            headers.map((one) => one?.number ?? null),
          );
          for (const [index, frame] of found.entries()) {
            const one = headers[index] ?? null;
            const body = Buffer.concat(frame.bytes);
            assert(body.equals(Buffer.alloc(one?.lengthBytes ?? 0, (one?.chunkIndex ?? 0) & 255)));
          }
          assert.equal(reader.pendingBytes, 0);
        },
      ),
    );
  });

  it('split at each byte comes out whole', () => {
    const wire = Buffer.concat([
      encodeFrameHeader(header, KEY),
      Buffer.from('abcd'),
      encodePulse(8, KEY),
      encodeFrameHeader({ ...header, number: 9 }, KEY),
      Buffer.from('efgh'),
    ]);
    for (let at = 0; at <= wire.length; at += 1) {
      const reader = new FrameReader(KEY);
      const frames = [wire.subarray(0, at), wire.subarray(at)].flatMap((part) => reader.push(Buffer.from(part)) ?? []);
      expect(frames.map((frame) => Buffer.concat(frame.bytes).toString())).toEqual(['abcd', '', 'efgh']);
    }
  });

  it('keeps part of a header when the buffer it came in is given back', () => {
    const first = Buffer.concat([encodeFrameHeader({ ...header, lengthBytes: 8_000 }, KEY), Buffer.alloc(8_000, 1)]);
    const second = encodeFrameHeader(header, KEY);
    const came = Buffer.concat([first, second.subarray(0, 40)]);
    const reader = new FrameReader(KEY);
    expect(reader.push(came)).toHaveLength(1);
    came.fill(0);
    expect(reader.push(Buffer.concat([second.subarray(40), Buffer.from('abcd')]))).toHaveLength(1);
  });

  it('is refused at the first header that is none, whatever comes', async () => {
    await fuzz(
      'bytes that are no frames',
      fc.property(
        fc.uint8Array({ minLength: 96, maxLength: 400 }),
        fc.array(fc.nat(), { maxLength: 6 }),
        (bytes, places) => {
          const reader = new FrameReader(KEY);
          assert(cutAt(bytes, places).some((piece) => reader.push(Buffer.from(piece)) === null));
        },
      ),
    );
  });
});

describe('answers', () => {
  const answers: FrameAnswer[] = [
    { kind: 'stored' },
    { kind: 'stale_epoch' },
    { kind: 'stale_session' },
    { kind: 'failed', reason: 'disk_full' },
    { kind: 'failed', reason: 'mismatch' },
    { kind: 'failed', reason: 'fault' },
  ];

  it.each(answers)('%j is read as it was written', (answer) => {
    expect(decodeAnswer(encodeAnswer(12, answer))).toEqual({ number: 12, answer });
  });

  it('are read as written or refused, whatever the bytes', async () => {
    const anyAnswer = fc.oneof(
      fc.uint8Array({ maxLength: 24 }),
      fc
        .tuple(fc.nat(), fc.nat({ max: 8 }), fc.nat({ max: 15 }), fc.nat({ max: 255 }))
        .map(([number, kind, at, byte]) => {
          const bytes = Buffer.alloc(16);
          bytes.writeUInt32LE(number, 0);
          bytes[8] = kind;
          if (byte % 3 === 0) bytes[at] = byte;
          return bytes;
        }),
    );
    await fuzz(
      'answers of a replica',
      fc.property(anyAnswer, (bytes) => {
        const found = decodeAnswer(Buffer.from(bytes));
        const isOne =
          bytes.length === 16 && (bytes[8] ?? 255) < answers.length && bytes.subarray(9).every((byte) => byte === 0);
        // Numbers beyond what JavaScript counts are none.
        const isCountable = bytes.length >= 8 && (bytes[7] ?? 0) === 0 && (bytes[6] ?? 0) < 32;
        assert.equal(found !== null, isOne && isCountable);
        if (found !== null) assert(encodeAnswer(found.number, found.answer).equals(bytes));
      }),
    );
  });
});

describe('an opening', () => {
  const values = (count: number) => new Uint8Array(32 * count).fill(3);

  it('is read as it was written, split at each byte', () => {
    const wire = Buffer.concat(
      encodeOpening('abc-1', [
        [0, values(2)],
        [4, new Uint8Array(0)],
        [5, values(1)],
      ]),
    );
    for (let at = 0; at <= wire.length; at += 1) {
      const found = readOpening([wire.subarray(0, at), wire.subarray(at)]);
      if (found === null || found === 'fault') throw new Error(`cut at ${at}: ${found}`);
      expect(found.session).toBe('abc-1');
      expect([...found.values].map(([index, map]) => [index, map.count])).toEqual([
        [0, 2],
        [4, 0],
        [5, 1],
      ]);
    }
  });

  it('may follow waits, as many as a replica is waited for', () => {
    const opening = encodeOpening('abc-1', [[0, values(2)]]);
    const wire = Buffer.concat([encodeWait(), encodeWait(), ...opening]);
    for (let at = 0; at <= wire.length; at += 1) {
      const found = readOpening([wire.subarray(0, at), wire.subarray(at)]);
      if (found === null || found === 'fault') throw new Error(`cut at ${at}: ${found}`);
      expect([found.session, found.values.get(0)?.count]).toEqual(['abc-1', 2]);
    }
    const waits = (count: number) => Array.from({ length: count }, encodeWait);
    expect(readOpening(waits(120))).toBeNull();
    expect(readOpening(waits(121))).toBe('fault');
    expect(readOpening([...opening.slice(0, 2), encodeWait()])).toBe('fault');
  });

  it.each([
    ['another magic', Buffer.from('PLX10000')],
    ['a session of absurd length', Buffer.from([0x50, 0x4c, 0x4f, 0x31, 255, 255, 255, 255])],
    ['no session', Buffer.concat(encodeOpening('', []))],
    ['a session that is no word', Buffer.concat(encodeOpening('a\n', []))],
    [
      'the same file twice',
      Buffer.concat(
        encodeOpening('a', [
          [1, values(1)],
          [1, values(1)],
        ]),
      ),
    ],
    ['values that are no list', Buffer.concat(encodeOpening('a', [[1, new Uint8Array(31)]]))],
    ['more values than chunks', Buffer.concat(encodeOpening('a', [[1, values(65_537)]]))],
    ['a file beyond the last', Buffer.concat(encodeOpening('a', [[10_000, values(1)]]))],
  ])('is refused for %s', (_name, wire) => {
    expect(readOpening([wire])).toBe('fault');
  });

  it('of more than 64 MiB of values is refused before they are held', () => {
    const queue = new ByteQueue();
    const reader = new OpeningReader(queue);
    const full = values(65_536);
    const wire = encodeOpening(
      'a',
      Array.from({ length: 34 }, (_, index) => [index, full] as const),
    );
    expect(() => {
      for (const part of wire) {
        queue.push(part);
        reader.read();
      }
    }).toThrow('not an opening');
  });

  it('is whole, not yet whole or refused, the same however it is split', async () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 200 }),
      fc.tuple(fc.nat(), fc.nat({ max: 255 })).map(([at, byte]) => {
        const copy = Buffer.concat(
          encodeOpening('abc-1', [
            [0, values(2)],
            [4, values(1)],
          ]),
        );
        copy[at % copy.length] = byte;
        return copy;
      }),
    );
    const kindOf = (found: Opening | null | 'fault') => (found === null || found === 'fault' ? found : found.session);
    await fuzz(
      'openings of a session',
      fc.property(bytes, fc.array(fc.nat(), { maxLength: 6 }), (wire, places) => {
        assert.equal(kindOf(readOpening(cutAt(wire, places))), kindOf(readOpening([wire])));
      }),
    );
  });
});

describe('a queue of bytes', () => {
  it('gives out what it was given, in any portions, and holds bytes that trickle in in few blocks', async () => {
    await fuzz(
      'portions of a stream',
      fc.property(
        fc.array(fc.integer({ min: 0, max: 9_000 }), { maxLength: 12 }),
        fc.array(fc.integer({ min: 0, max: 12_000 }), { maxLength: 12 }),
        (pushes, takes) => {
          const queue = new ByteQueue();
          let next = 0;
          let expected = 0;
          const wanted = [...takes];
          const takeOne = () => {
            const count = wanted.shift() ?? queue.lengthBytes;
            const list = queue.takeList(count);
            if (list === null) {
              wanted.unshift(count);
              return false;
            }
            const taken = Buffer.concat(list);
            const start = expected & 255;
            assert(taken.equals(PATTERN.subarray(start, start + taken.length)));
            expected += taken.length;
            return count > 0;
          };
          for (const count of pushes) {
            queue.push(Buffer.from(PATTERN.subarray(next & 255, (next & 255) + count)));
            next += count;
            takeOne();
          }
          while (queue.lengthBytes > 0 && takeOne());
          assert.equal(queue.lengthBytes, next - expected);
        },
      ),
    );
    const queue = new ByteQueue();
    for (let index = 0; index < 100_000; index += 1) queue.push(Buffer.from([index & 255]));
    expect(queue.takeList(100_000)).toHaveLength(2);
  });
});
