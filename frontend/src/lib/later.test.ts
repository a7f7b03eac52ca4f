import { describe, expect, it } from '@jest/globals';
import { later } from './later.ts';

describe('a part of the page that comes later', () => {
  it('is asked for again when it did not load, and never once it did', async () => {
    const answers = [Promise.reject(new Error('the line is down')), Promise.resolve('sheet')];
    let asked = 0;
    const part = later(() => answers[asked++] ?? Promise.reject(new Error('asked too often')));
    expect(await part.load()).toBeNull();
    expect(part.read()).toBeNull();
    expect(await part.load()).toBe('sheet');
    expect(await part.load()).toBe('sheet');
    expect(part.read()).toBe('sheet');
    expect(asked).toBe(2);
  });

  it('is asked for once by two who want it at the same time', async () => {
    let asked = 0;
    const part = later(async () => {
      asked += 1;
      return 'sheet';
    });
    expect(await Promise.all([part.load(), part.load()])).toEqual(['sheet', 'sheet']);
    expect(asked).toBe(1);
  });
});
