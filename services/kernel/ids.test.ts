import { expect, it } from '@jest/globals';
import { isEqualBytes, isId, randomId } from './ids.ts';

it('makes ids whose symbols are all as likely', () => {
  const counts = new Map<string, number>();
  for (let made = 0; made < 5_000; made += 1) {
    for (const symbol of randomId(116)) counts.set(symbol, (counts.get(symbol) ?? 0) + 1);
  }
  expect(counts.size).toBe(58);
  // 10,000 of each, give or take 100: ten times that is no accident.
  for (const [symbol, count] of counts) expect([symbol, Math.abs(count - 10_000) < 1_000]).toEqual([symbol, true]);
});

it('knows an id by its length and symbols', () => {
  const texts = ['1'.repeat(7), '1'.repeat(8), 'z'.repeat(64), '1'.repeat(65), '0'.repeat(22), 'O'.repeat(22), ''];
  expect(texts.map(isId)).toEqual([false, true, true, false, false, false, false]);
});

it('compares bytes of any lengths', () => {
  const [one, other, longer] = ['ab', 'ac', 'abc'].map((text) => Buffer.from(text)) as [Buffer, Buffer, Buffer];
  const answers = [isEqualBytes(one, one), isEqualBytes(one, other), isEqualBytes(one, longer)];
  expect(answers).toEqual([true, false, false]);
});
