import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../index.ts';
import { pattern } from './support.ts';

describe('native: jobs that have ended', () => {
  it('leave no memory behind', async () => {
    const netIo = loadNetIo({ useNative: true });
    // 16,384 buffers of 4 bytes cost a job nearly a megabyte for as long as it lives.
    const list = Array.from({ length: 16_384 }, () => pattern(4));
    const run = async (count: number) => {
      for (let i = 0; i < count; i++) await netIo.chunkValue(list, 0);
      return process.memoryUsage.rss();
    };
    const before = await run(20);
    expect((await run(150)) - before).toBeLessThan(50 * 2 ** 20);
  });
});
