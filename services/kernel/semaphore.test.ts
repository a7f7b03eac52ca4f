import { expect, it } from '@jest/globals';
import { Semaphore } from './semaphore.ts';

it('gives each slot to one at a time, in order, also when somebody gives theirs back twice', async () => {
  const semaphore = new Semaphore(1, 2);
  const first = await semaphore.acquire();
  const order: string[] = [];
  const [second, third] = ['second', 'third'].map(async (name) => {
    const release = await semaphore.acquire();
    order.push(name);
    return release;
  });
  expect([await semaphore.acquire(), semaphore.tryAcquire()]).toEqual([null, null]);
  first?.();
  first?.();
  const release = await second;
  expect(order).toEqual(['second']);
  release?.();
  (await third)?.();
  expect(order).toEqual(['second', 'third']);
  expect([semaphore.tryAcquire(), semaphore.tryAcquire()]).toEqual([expect.any(Function), null]);
});
