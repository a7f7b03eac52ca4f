import type { IncomingMessage } from 'node:http';
import { describe, expect, it } from '@jest/globals';
import type { EdgeContext } from './edge-context.ts';
import { createOperatorDoor } from './operator-door.ts';
import type { OperatorProof } from './ports.ts';
import { createRateLimits } from './rate-limit.ts';

const SETTINGS = { windowSeconds: 60, uploadsPerMinute: 1, downloadsPerMinute: 1, websocketMessagesPerMinute: 1 };
const operator = { isToken: async (token: string) => token === 'right' } as OperatorProof;

/** The doors of two nodes, which count together. */
function world() {
  const rateLimits = createRateLimits(SETTINGS);
  const doors = [0, 1].map(() => createOperatorDoor({ settings: { clusterId: 'c1' }, rateLimits, operator }));
  return async (node: number, token: string, addressKey = 'stranger') => {
    const req = { headers: { authorization: `Bearer ${token}` } } as unknown as IncomingMessage;
    const context = { addressKey } as unknown as EdgeContext;
    return doors[node]?.assertOperator(req, context).then(
      () => 'in',
      (fault: { type: string }) => fault.type,
    );
  };
}

describe('the operator’s door', () => {
  it('tells nobody who guessed five times in a minute that a token is right, at whatever node', async () => {
    const tell = world();
    const told: unknown[] = [];
    for (const node of [0, 1, 0, 0, 0]) told.push(await tell(node, 'wrong'));
    expect(told).toEqual(Array(5).fill('bad_token'));
    expect([await tell(0, 'wrong'), await tell(0, 'right'), await tell(1, 'right')]).toEqual(
      Array(3).fill('rate_limited'),
    );
    expect(await tell(1, 'right', 'operator')).toBe('in');
  });

  it('takes the right token as often as it comes, also after a few wrong ones', async () => {
    const tell = world();
    for (let turn = 0; turn < 4; turn += 1) await tell(0, 'wrong');
    for (let turn = 0; turn < 50; turn += 1) expect(await tell(turn % 2, 'right')).toBe('in');
  });

  it('of a thousand guesses sent at once does not tell the sixth that it is right', async () => {
    const tell = world();
    const told = await Promise.all(
      Array.from({ length: 1_000 }, (_none, number) => tell(number % 2, number === 500 ? 'right' : 'wrong')),
    );
    expect([told.filter((one) => one === 'bad_token').length, told[500]]).toEqual([5, 'rate_limited']);
  });
});
