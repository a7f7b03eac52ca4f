import assert from 'node:assert/strict';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { cutAt, fuzz } from '../../../test/support/fuzz.ts';
import { type AnswerHead, AnswerReader, MAX_ANSWER_HEAD_BYTES, NotAnAnswer } from './answer-reader.ts';

/** Everything that a reader says about bytes fed in these pieces. */
function read(pieces: readonly Uint8Array[]) {
  const heads: AnswerHead[] = [];
  const body: Buffer[] = [];
  let ends = 0;
  const reader = new AnswerReader({
    onHead: (head) => heads.push(head),
    onBody: (bytes) => body.push(Buffer.from(bytes)),
    onEnd: () => (ends += 1),
  });
  let fault: unknown = null;
  try {
    for (const piece of pieces) reader.push(Buffer.from(piece));
  } catch (reason) {
    fault = reason;
  }
  return { heads, body: Buffer.concat(body), ends, fault, isWhole: reader.isWhole };
}

const text = (...lines: string[]) => Buffer.from(lines.join('\r\n'), 'latin1');
const plain = text('HTTP/1.1 200 OK', 'Content-Length: 5', 'X-A: 1', '', 'hello');
const chunked = text(
  'HTTP/1.1 200 OK',
  'Transfer-Encoding: chunked',
  'Connection: close',
  '',
  '3;a=b',
  'abc',
  '2',
  'de',
  '0',
  'T: 1',
  '',
  '',
);

describe('the reader of answers', () => {
  it.each([
    ['with a length', plain, 'hello'],
    ['in chunks', chunked, 'abcde'],
  ])('reads a body %s, split at each byte', (_name, bytes, body) => {
    for (let at = 0; at <= bytes.length; at += 1) {
      const found = read([bytes.subarray(0, at), bytes.subarray(at)]);
      expect([found.fault, found.body.toString(), found.ends, found.isWhole]).toEqual([null, body, 1, true]);
    }
    expect(read([...bytes].map((byte) => Buffer.from([byte]))).body.toString()).toBe(body);
  });

  it('says status, headers and whether the connection stays', () => {
    const [head] = read([plain]).heads;
    expect([head?.status, head?.headers.get('x-a'), head?.isKeptAlive, head?.lengthBytes]).toEqual([200, '1', true, 5]);
    expect(read([chunked]).heads[0]).toMatchObject({ isKeptAlive: false, lengthBytes: null });
    expect(read([text('HTTP/1.0 200 OK', 'Content-Length: 0', '', '')]).heads[0]?.isKeptAlive).toBe(false);
  });

  it('has no body after 204, and passes over answers that are only interim', () => {
    expect(read([text('HTTP/1.1 204 No Content', '', '')])).toMatchObject({ ends: 1, fault: null });
    const found = read([text('HTTP/1.1 100 Continue', '', '', ''), plain.subarray(0)].map((part) => part));
    expect(found.fault).toBeInstanceOf(NotAnAnswer);
    expect(read([text('HTTP/1.1 103 Early', '', ''), plain])).toMatchObject({ ends: 1, fault: null });
  });

  it.each([
    ['no status', text('HTTP/2 200', '', '')],
    ['no length', text('HTTP/1.1 200 OK', '', '')],
    ['a length that is none', text('HTTP/1.1 200 OK', 'Content-Length: -1', '', '')],
    ['a length beyond all', text('HTTP/1.1 200 OK', 'Content-Length: 99999999999999999999', '', '')],
    ['two lengths', text('HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 2', '', '')],
    ['length and chunks', text('HTTP/1.1 200 OK', 'Content-Length: 1', 'Transfer-Encoding: chunked', '', '')],
    ['another encoding', text('HTTP/1.1 200 OK', 'Transfer-Encoding: gzip, chunked', '', '')],
    ['a folded header', text('HTTP/1.1 200 OK', 'A: 1', ' b', '', '')],
    ['bytes after the end', Buffer.concat([plain, Buffer.from('x')])],
    ['a chunk without a length', text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', 'zz', '')],
    ['a chunk of absurd length', text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', 'fffffffffffff', '')],
    ['a chunk longer than it says', text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '1', 'ab', '')],
    ['an upgrade', text('HTTP/1.1 101 Switching', '', '')],
    ['interim answers without end', Buffer.from('HTTP/1.1 102 P\r\n\r\n'.repeat(20))],
  ])('refuses %s', (_name, bytes) => {
    expect(read([bytes]).fault).toBeInstanceOf(NotAnAnswer);
  });

  it('takes a head of the longest length, and none longer', () => {
    const headOf = (lengthBytes: number) => {
      const start = 'HTTP/1.1 204 N\r\nA: ';
      return Buffer.from(`${start}${'a'.repeat(lengthBytes - start.length - 4)}\r\n\r\n`);
    };
    expect(read([headOf(MAX_ANSWER_HEAD_BYTES)]).ends).toBe(1);
    expect(read([headOf(MAX_ANSWER_HEAD_BYTES + 1)]).fault).toBeInstanceOf(NotAnAnswer);
    expect(read([headOf(MAX_ANSWER_HEAD_BYTES * 10)]).fault).toBeInstanceOf(NotAnAnswer);
  });

  it('holds no more of a line or a trailer than its limit', () => {
    const start = text('HTTP/1.1 200 OK', 'Transfer-Encoding: chunked', '', '');
    expect(read([start, Buffer.alloc(1_000, '1')]).fault).toBeInstanceOf(NotAnAnswer);
    const trailers = Buffer.from(`0\r\n${'A: b\r\n'.repeat(2_000)}`);
    expect(read([start, trailers]).fault).toBeInstanceOf(NotAnAnswer);
  });

  it('reads what any server may send the same, however it is split', async () => {
    const answer = fc.record({
      body: fc.uint8Array({ maxLength: 300 }),
      isChunked: fc.boolean(),
      cuts: fc.array(fc.nat(), { maxLength: 4 }),
      places: fc.array(fc.nat(), { maxLength: 6 }),
      status: fc.constantFrom(200, 404, 503),
    });
    await fuzz(
      'answers of nodes',
      fc.property(answer, ({ body, isChunked, cuts, places, status }) => {
        const parts = isChunked ? cutAt(body, cuts).filter((part) => part.length > 0) : [];
        const length = isChunked ? 'transfer-encoding: chunked' : `content-length: ${body.length}`;
        const head = Buffer.from(`HTTP/1.1 ${status} x\r\n${length}\r\n\r\n`);
        const wire = isChunked
          ? Buffer.concat([
              head,
              ...parts.flatMap((part) => [Buffer.from(`${part.length.toString(16)}\r\n`), part, Buffer.from('\r\n')]),
              Buffer.from('0\r\n\r\n'),
            ])
          : Buffer.concat([head, body]);
        const found = read(cutAt(wire, places));
        assert.equal(found.fault, null);
        assert.deepEqual([found.ends, found.heads[0]?.status], [1, status]);
        assert(found.body.equals(body));
      }),
    );
  });

  it('says of any bytes the same however they are split, ends at most once, and fails only as it says', async () => {
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 400 }),
      fc.string({ maxLength: 200 }).map((value) => Buffer.from(`HTTP/1.1 200 OK\r\n${value}`)),
      fc.tuple(fc.constantFrom(plain, chunked), fc.nat(), fc.nat({ max: 255 })).map(([bytes, at, byte]) => {
        const copy = Buffer.from(bytes);
        copy[at % copy.length] = byte;
        return copy;
      }),
    );
    await fuzz(
      'bytes that are hardly answers',
      fc.property(garbage, fc.array(fc.nat(), { maxLength: 6 }), (bytes, places) => {
        const whole = read([bytes]);
        const split = read(cutAt(bytes, places));
        assert.deepEqual(
          [split.ends, split.isWhole, split.heads.length],
          [whole.ends, whole.isWhole, whole.heads.length],
        );
        assert(split.body.equals(whole.body));
        assert(whole.ends <= 1);
        assert([null, 'NotAnAnswer'].includes((whole.fault as Error | null)?.name ?? null));
        assert.equal(split.fault === null, whole.fault === null);
      }),
    );
  });
});
