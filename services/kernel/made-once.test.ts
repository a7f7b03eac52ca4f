import { describe, expect, it } from '@jest/globals';
import { madeOnce } from './made-once.ts';

describe('what is made once', () => {
  it('is the same for all, also for those who ask while it is made', async () => {
    let count = 0;
    const get = madeOnce(async () => (count += 1));
    expect(await Promise.all([get(), get()])).toEqual([1, 1]);
    expect(await get()).toBe(1);
  });

  it('is made anew after a failure, of which all are told who waited', async () => {
    let count = 0;
    const get = madeOnce(async () => {
      count += 1;
      if (count === 1) throw new Error('no memory');
      return count;
    });
    const first = await Promise.allSettled([get(), get()]);
    expect(first.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect([await get(), await get()]).toEqual([2, 2]);
  });
});
