import { describe, expect, it } from '@jest/globals';
import { MAX_WATCHED_TRANSFERS_PER_SOCKET } from '../contracts/limits.ts';
import { Watches } from './watches.ts';

function make() {
  let count = 0;
  return new Watches(() => {
    count += 1;
    return `w${count}`;
  });
}

describe('Watches', () => {
  it('knows who follows a transfer', () => {
    const watches = make();
    watches.add('s1', 't1', true);
    watches.add('s2', 't1', true);
    watches.add('s1', 't2', true);
    expect([...watches.of('t1')].map((watch) => watch.socketId)).toEqual(['s1', 's2']);
    expect([...watches.of('t3')]).toEqual([]);
  });

  it('lets a socket end only its own watches', () => {
    const watches = make();
    watches.add('s1', 't1', true);
    watches.remove('s2', 'w1');
    expect([...watches.of('t1')]).toHaveLength(1);
    watches.remove('s1', 'w1');
    watches.remove('s1', 'w1');
    expect([...watches.of('t1')]).toHaveLength(0);
  });

  it('takes as many as the limit for each socket and no more', () => {
    const watches = make();
    for (let index = 0; index < MAX_WATCHED_TRANSFERS_PER_SOCKET; index += 1)
      expect(watches.add('s1', `t${index}`, true).outcome).toBe('added');
    expect(watches.add('s1', 'tx', true).outcome).toBe('too_many');
    expect(watches.add('s2', 'tx', true).outcome).toBe('added');
  });

  it('keeps nothing of a socket that has gone', () => {
    const watches = make();
    for (let index = 0; index < 10; index += 1) watches.add('s1', `t${index}`, true);
    watches.removeSocket('s1');
    expect(watches.transferCount).toBe(0);
  });
});
