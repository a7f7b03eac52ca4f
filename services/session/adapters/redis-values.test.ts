import assert from 'node:assert/strict';
import { describe, it } from '@jest/globals';
import fc from 'fast-check';
import type { Redis } from 'ioredis';
import { anyText, fuzz } from '../../../test/support/fuzz.ts';
import { MAX_PEOPLE_PER_NODE } from '../../contracts/limits.ts';
import { isId } from '../../kernel/ids.ts';
import { isShowable } from '../display-names.ts';
import { createRedisPresenceBoard } from './redis-presence-board.ts';
import { type AskRedis, createRedisSessionCache } from './redis-session-cache.ts';

/** A Redis in which every key says `text`. */
function redisThatSays(text: () => string): AskRedis {
  const pipeline = () => ({ getrange: () => undefined, exec: async () => [[null, text().slice(0, 33)]] });
  const client = { get: async () => text(), mget: async () => [text()], pipeline };
  return { ask: (work) => work(client as unknown as Redis) };
}

const number = fc.oneof(fc.maxSafeInteger(), fc.double(), fc.constantFrom(8.64e15, 8.64e15 + 1, Date.now() + 60_000));
const entry = fc.array(fc.oneof(anyText(25), number, fc.jsonValue(), fc.constant('aaaaaaaaaaaaaaaaaa')), {
  maxLength: 6,
});
const json = fc.oneof(fc.jsonValue(), entry, fc.array(entry, { maxLength: 4 })).map((value) => JSON.stringify(value));

describe('what Redis has, whoever wrote it', () => {
  it('is a session of dates that are dates, or says nothing', async () => {
    let text = '';
    const cache = createRedisSessionCache(
      redisThatSays(() => text),
      'c1',
    );
    const session = fc.tuple(anyText(5), anyText(5), number, number, number).map((parts) => JSON.stringify(parts));
    await fuzz(
      'sessions in Redis',
      fc.asyncProperty(fc.oneof(anyText(), json, session), async (given) => {
        text = given;
        const found = await cache.get('k');
        if (typeof found === 'string') return;
        assert(typeof found.id === 'string' && typeof found.displayName === 'string');
        for (const date of [found.createdAt, found.lastUsedAt, found.expiresAt]) assert(!Number.isNaN(date.getTime()));
      }),
    );
  });

  it('is people of names and rooms that may be, or nobody', async () => {
    let text = '';
    const board = createRedisPresenceBoard(
      redisThatSays(() => text),
      'c1',
    );
    const value = fc
      .tuple(fc.oneof(anyText(5), fc.constant('run-1')), json)
      .map(([version, rest]) => `${version}\n${rest}`);
    await fuzz(
      'people in Redis',
      fc.asyncProperty(fc.oneof(anyText(), value), async (given) => {
        text = given;
        const found = (await board.read([{ nodeId: 'n', version: null }])).get('n');
        if (found === undefined) return;
        assert(found !== 'same' && /^[\w-]{1,32}$/.test(found.version) && found.people.length <= MAX_PEOPLE_PER_NODE);
        for (const person of found.people) assert(isId(person.sessionId) && isShowable(person.displayName));
      }),
    );
  });
});
