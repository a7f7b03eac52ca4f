import { describe, expect, it } from '@jest/globals';
import { Prisma, type PrismaClient } from '../../prisma/generated/client.ts';
import { type Database, databaseOf, MAX_CALLS_IN_FLIGHT } from './database.ts';

const STATEMENT = Prisma.sql`SELECT 1`;
const withState = (code: string) => Object.assign(new Error(code), { code });

/** A client whose answers are made by the test. */
function world(kind: Database['kind']) {
  const client = { asked: 0, answer: async (): Promise<unknown[]> => [] };
  const queryRaw = () => {
    client.asked += 1;
    return client.answer();
  };
  const prisma = { $queryRaw: queryRaw } as unknown as PrismaClient;
  return { client, database: databaseOf(kind, prisma, async () => undefined) };
}

describe('a database', () => {
  it('answers as many calls as come, one after the other, whether or not they succeed', async () => {
    const { client, database } = world('postgresql');
    for (let call = 0; call < MAX_CALLS_IN_FLIGHT + 1; call += 1) {
      client.answer = call % 2 === 0 ? async () => [] : () => Promise.reject(new Error('away'));
      await database.query(STATEMENT).catch(() => undefined);
    }
    expect(client.asked).toBe(MAX_CALLS_IN_FLIGHT + 1);
  });

  it.each([
    ['postgresql' as const, 2],
    ['pglite' as const, 1],
  ])('%s is asked whether it is up, embedded only when it has not just answered', async (kind, asked) => {
    const { client, database } = world(kind);
    await database.query(STATEMENT);
    expect([await database.isUp(), client.asked]).toEqual([true, asked]);
    client.answer = () => Promise.reject(new Error('away'));
    await expect(database.query(STATEMENT)).rejects.toMatchObject({ type: 'unavailable' });
    expect(await database.isUp()).toBe(false);
  });

  it.each(['40001', '40P01', 'P2034'])('is asked again what it undid for %s, four times in all', async (code) => {
    const { client, database } = world('postgresql');
    client.answer = () => (client.asked < 4 ? Promise.reject(withState(code)) : Promise.resolve(['done']));
    expect(await database.query(STATEMENT)).toEqual(['done']);
    client.asked = 0;
    client.answer = () => Promise.reject(withState(code));
    await expect(database.query(STATEMENT)).rejects.toMatchObject({ type: 'unavailable' });
    expect(client.asked).toBe(4);
  });

  it('is not asked again what it refused, which is a defect of ours', async () => {
    const { client, database } = world('postgresql');
    client.answer = () => Promise.reject(withState('23505'));
    await expect(database.query(STATEMENT)).rejects.toMatchObject({ type: 'internal' });
    expect(client.asked).toBe(1);
  });
});
