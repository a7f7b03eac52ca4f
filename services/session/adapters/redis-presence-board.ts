import type { Redis } from 'ioredis';
import { MAX_PEOPLE_PER_NODE } from '../../contracts/limits.ts';
import { isId } from '../../kernel/ids.ts';
import { isShowable } from '../display-names.ts';
import type { NodePeople, PresenceBoard } from '../ports.ts';
import type { Attendance } from '../room-index.ts';
import type { AskRedis } from './redis-session-cache.ts';

/** A value begins with its version and a line feed, so that who knows it reads no more than that. */
const VERSION = /^([\w-]{1,32})\n/;
const HEAD_CHARS = 33;
const ROOM_KEY = /^[\w:./%-]{1,100}$/;
/** Far above what MAX_PEOPLE_PER_NODE with long names need. */
const MAX_VALUE_CHARS = MAX_PEOPLE_PER_NODE * 1_000;

/** A key of each node, with a life of seconds. */
export function createRedisPresenceBoard(redis: AskRedis, clusterId: string): PresenceBoard {
  const keyOf = (nodeId: string) => `peerlink:${clusterId}:present:${nodeId}`;
  return {
    write: async (nodeId, people, ttlMs) => {
      await redis.ask((client) => client.set(keyOf(nodeId), textOf(people), 'PX', ttlMs));
    },
    renew: async (nodeId, ttlMs) => (await redis.ask((client) => client.pexpire(keyOf(nodeId), ttlMs))) === 1,
    read: async (nodes) => {
      if (nodes.length === 0) return new Map();
      const heads = await readAll(redis, (client) => {
        const pipeline = client.pipeline();
        for (const { nodeId } of nodes) pipeline.getrange(keyOf(nodeId), 0, HEAD_CHARS - 1);
        return pipeline.exec();
      });
      const found = new Map<string, NodePeople | 'same'>();
      const changed: string[] = [];
      for (const [index, { nodeId, version }] of nodes.entries()) {
        const head = VERSION.exec(heads[index] ?? '')?.[1];
        if (head === undefined) continue;
        if (head === version) found.set(nodeId, 'same');
        else changed.push(nodeId);
      }
      if (changed.length === 0) return found;
      const texts = await redis.ask((client) => client.mget(changed.map(keyOf)));
      for (const [index, nodeId] of changed.entries()) {
        const people = peopleOf(texts[index] ?? '');
        if (people !== null) found.set(nodeId, people);
      }
      return found;
    },
  };
}

async function readAll(
  redis: AskRedis,
  work: (client: Redis) => Promise<[error: Error | null, result: unknown][] | null>,
): Promise<readonly (string | null)[]> {
  const answers = (await redis.ask(work)) ?? [];
  return answers.map(([, text]) => (typeof text === 'string' ? text : null));
}

function textOf({ version, people }: NodePeople): string {
  return `${version}\n${JSON.stringify(people.map(({ sessionId, displayName, room }) => [sessionId, displayName, room]))}`;
}

/** Null for what is no value of ours. Of one that is, entries that no node of ours could have written are left out. */
function peopleOf(text: string): NodePeople | null {
  const head = VERSION.exec(text.slice(0, HEAD_CHARS));
  if (head === null || text.length > MAX_VALUE_CHARS) return null;
  try {
    const found: unknown = JSON.parse(text.slice(head[0].length));
    if (!Array.isArray(found) || found.length > MAX_PEOPLE_PER_NODE) return null;
    return { version: head[1] as string, people: (found as unknown[]).flatMap(attendanceOf) };
  } catch {
    return null;
  }
}

function attendanceOf(entry: unknown): readonly Attendance[] {
  if (!Array.isArray(entry)) return [];
  const [sessionId, displayName, room] = entry as unknown[];
  if (typeof sessionId !== 'string' || typeof displayName !== 'string' || typeof room !== 'string') return [];
  return isId(sessionId) && isShowable(displayName) && ROOM_KEY.test(room) ? [{ sessionId, displayName, room }] : [];
}
