import { describe, expect, it } from '@jest/globals';
import { SpentBuffers } from './spent-buffers.ts';

const KIB = 1024;
const buffer = () => new Uint8Array(64 * KIB).fill(7);

describe('spent buffers', () => {
  it('frees the buffers of a chunk that is done', () => {
    const buffers = new SpentBuffers();
    const bytes = [buffer(), buffer()];
    for (const part of bytes) buffers.take(part, 1);
    buffers.giveBack(bytes);
    expect(bytes.map((part) => part.byteLength)).toEqual([0, 0]);
  });

  it('keeps a buffer that lies across a boundary until the chunks on both sides are done', () => {
    const buffers = new SpentBuffers();
    const shared = buffer();
    buffers.take(shared, 2);
    const [before, after] = [shared.subarray(0, 1000), shared.subarray(1000)];
    buffers.giveBack([after]);
    expect(before[0]).toBe(7);
    buffers.giveBack([before]);
    expect(shared.byteLength).toBe(0);
  });

  it('never touches memory that others may see: parts of a larger buffer, and buffers it was not given', () => {
    const buffers = new SpentBuffers();
    const large = buffer();
    const part = large.subarray(0, 32 * KIB);
    const stranger = buffer();
    buffers.take(part, 1);
    buffers.giveBack([part, stranger]);
    expect(large[0]).toBe(7);
    expect(stranger[0]).toBe(7);
  });
});
