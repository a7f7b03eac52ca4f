import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { startRedis, type TestRedis } from '../../../test/support/redis.ts';
import { redisSettings } from '../../../test/support/redis-settings.ts';
import { waitFor } from '../../../test/support/waiting.ts';
import { MAX_PEOPLE_PER_NODE } from '../../contracts/limits.ts';
import { openRedis, type RedisLink } from '../../redis/redis-link.ts';
import type { PresenceBoard } from '../ports.ts';
import { createMemoryPresenceBoard } from './memory-presence-board.ts';
import { createRedisPresenceBoard } from './redis-presence-board.ts';

let redis: TestRedis;
let link: RedisLink;
const boards: Record<string, PresenceBoard> = {};
beforeAll(async () => {
  redis = await startRedis();
  const quiet = { info: () => undefined, warn: () => undefined };
  link = await openRedis(redisSettings({ port: redis.port }), quiet);
  boards.memory = createMemoryPresenceBoard();
  boards.Redis = createRedisPresenceBoard(link, 'c1');
});
afterAll(() => link.close());

const attendance = (number: number, displayName = 'Ω 名 🦊') => ({
  sessionId: `aaaaaaaaaaaaaaaaaa${String(number + 1111).replaceAll('0', 'z')}`,
  displayName,
  room: 'net:c0a80700/24',
});
const A = attendance(1);
const B = { ...attendance(2), room: 'code:ABC234' };
const unknown = (nodeId: string) => ({ nodeId, version: null });

describe.each(['memory', 'Redis'])('the presence board in %s', (kind) => {
  const board = (): PresenceBoard => boards[kind] as PresenceBoard;

  it('gives what each node wrote last', async () => {
    await board().write('n1', { version: 'run-1', people: [A] }, 5_000);
    await board().write('n2', { version: 'run-7', people: [] }, 5_000);
    await board().write('n1', { version: 'run-2', people: [B, A] }, 5_000);
    const found = await board().read([unknown('n2'), unknown('never'), unknown('n1')]);
    expect(Object.fromEntries(found)).toEqual({
      n1: { version: 'run-2', people: [B, A] },
      n2: { version: 'run-7', people: [] },
    });
    expect((await board().read([])).size).toBe(0);
  });

  it('says that it is the same to who has it', async () => {
    await board().write('n1', { version: 'run-z', people: [A] }, 5_000);
    const found = await board().read([{ nodeId: 'n1', version: 'run-z' }]);
    expect(found.get('n1')).toBe('same');
    expect((await board().read([{ nodeId: 'n1', version: 'run-' }])).get('n1')).toMatchObject({ version: 'run-z' });
  });

  it('forgets after its time, which can be prolonged until then', async () => {
    // Long enough that a pause of the machine does not come before the prolonging.
    await board().write('n3', { version: 'run-1', people: [A] }, 500);
    expect(await board().renew('n3', 5_000)).toBe(true);
    await board().write('n4', { version: 'run-1', people: [A] }, 500);
    await waitFor('one is forgotten', 10_000, async () => (await board().read([unknown('n4')])).size === 0);
    expect((await board().read([unknown('n3')])).size).toBe(1);
    expect(await board().renew('n4', 5_000)).toBe(false);
    expect(await board().renew('never', 5_000)).toBe(false);
  });

  it('holds as many people as a node may have', async () => {
    const people = Array.from({ length: MAX_PEOPLE_PER_NODE }, (_none, number) => attendance(number, '🦊'.repeat(64)));
    await board().write('n5', { version: 'run-1', people }, 5_000);
    expect((await board().read([unknown('n5')])).get('n5')).toEqual({ version: 'run-1', people });
  });
});

describe('the presence board in Redis', () => {
  const key = (nodeId: string) => `peerlink:c1:present:${nodeId}`;
  const of = (entries: unknown) => `run-1\n${JSON.stringify(entries)}`;

  it('never lets a key live longer than it was told', async () => {
    await boards.Redis?.write('n6', { version: 'run-1', people: [] }, 5_000);
    const ttlMs = Number(await redis.command('PTTL', key('n6')));
    expect(ttlMs).toBeGreaterThan(3_000);
    expect(ttlMs).toBeLessThanOrEqual(5_000);
  });

  it.each(['', 'x', '\n[]', 'run-1', 'run-1\n', 'run-1\n{}', 'run-1\n[', `${'v'.repeat(33)}\n[]`, 'run 1\n[]'])(
    'takes %j in its place for nothing',
    async (text) => {
      await redis.command('SET', key('n7'), text);
      expect((await boards.Redis?.read([unknown('n7')]))?.size).toBe(0);
    },
  );

  it('takes more people than a node may have for nothing', async () => {
    await redis.command('SET', key('n7'), of(Array.from({ length: MAX_PEOPLE_PER_NODE + 1 }, () => 0)));
    expect((await boards.Redis?.read([unknown('n7')]))?.size).toBe(0);
  });

  it.each([
    ['no entry', 7],
    ['a member that is missing', [A.sessionId, 'A']],
    ['an id that is none', ['../../x', 'A', A.room]],
    ['a name that turns the text around', [A.sessionId, '\u202eevil', A.room]],
    ['a name with control characters', [A.sessionId, 'a\u0007b', A.room]],
    ['a name that is too long', [A.sessionId, 'x'.repeat(65), A.room]],
    ['an empty name', [A.sessionId, '', A.room]],
    ['a room that is none', [A.sessionId, 'A', 'r\n']],
    ['a room that is too long', [A.sessionId, 'A', 'r'.repeat(101)]],
    ['another type', [A.sessionId, ['A'], A.room]],
  ])('leaves out %s', async (_name, entry) => {
    await redis.command('SET', key('n8'), of([entry, [A.sessionId, A.displayName, A.room]]));
    expect((await boards.Redis?.read([unknown('n8')]))?.get('n8')).toEqual({ version: 'run-1', people: [A] });
  });

  it('says that it cannot be asked while Redis is away', async () => {
    redis.freeze();
    try {
      await expect(boards.Redis?.read([unknown('n1')])).rejects.toMatchObject({ type: 'unavailable' });
      await expect(boards.Redis?.write('n1', { version: 'a', people: [] }, 5_000)).rejects.toMatchObject({
        type: 'unavailable',
      });
      await expect(boards.Redis?.renew('n1', 5_000)).rejects.toMatchObject({ type: 'unavailable' });
    } finally {
      redis.thaw();
    }
    await waitFor('Redis answers again', 15_000, () => link.isUp());
  }, 30_000);
});
