import { describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../contracts/errors.ts';
import { ManualClock } from '../kernel/clock.ts';
import { randomId, sha256, TOKEN_LENGTH } from '../kernel/ids.ts';
import { createMemorySessionCache } from './adapters/memory-session-cache.ts';
import { displayNameOf, friendlyName } from './display-names.ts';
import type { SessionRepository, SessionRow } from './ports.ts';
import { createSessions } from './sessions.ts';

const randomToken = () => randomId(TOKEN_LENGTH);

/** The port over a map, with a count of what was asked. The adapters are held to the port by their own suite. */
function memoryRepository(clock: ManualClock) {
  const rows = new Map<string, { hash: string; row: SessionRow }>();
  const asked = { finds: 0, touches: 0, keeps: 0 };
  const alive = (row: SessionRow | undefined) =>
    row !== undefined && row.revokedAt === null && row.expiresAt.getTime() > clock.now() ? row : null;
  const change = (id: string, edit: (row: SessionRow) => SessionRow): SessionRow | null => {
    const found = rows.get(id);
    if (found === undefined || alive(found.row) === null) return null;
    found.row = edit(found.row);
    return found.row;
  };
  const later = (seconds: number) => new Date(clock.now() + seconds * 1000);
  const repository: SessionRepository = {
    insert: async ({ id, tokenHash, displayName }, ttlSeconds) => {
      const now = new Date(clock.now());
      const tokenHashHex = Buffer.from(tokenHash).toString('hex');
      const times = { createdAt: now, lastUsedAt: now, expiresAt: later(ttlSeconds), revokedAt: null };
      const row = { id, tokenHashHex, displayName, ...times };
      rows.set(id, { hash: tokenHashHex, row });
      return row;
    },
    findByTokenHash: async (tokenHash) => {
      asked.finds += 1;
      const hash = Buffer.from(tokenHash).toString('hex');
      return alive([...rows.values()].find((entry) => entry.hash === hash)?.row);
    },
    findById: async (id) => alive(rows.get(id)?.row),
    namesOf: async (ids) =>
      new Map(
        ids.flatMap((id) => (alive(rows.get(id)?.row) === null ? [] : [[id, rows.get(id)?.row.displayName ?? '']])),
      ),
    touch: async (id, ttlSeconds) => {
      asked.touches += 1;
      return change(id, (row) => ({ ...row, lastUsedAt: new Date(clock.now()), expiresAt: later(ttlSeconds) }));
    },
    keep: async (ids, { ttlSeconds, notUsedForSeconds }) => {
      for (const id of ids) {
        const row = alive(rows.get(id)?.row);
        if (row === null || clock.now() - row.lastUsedAt.getTime() < notUsedForSeconds * 1000) continue;
        asked.keeps += 1;
        change(id, () => ({ ...row, lastUsedAt: new Date(clock.now()), expiresAt: later(ttlSeconds) }));
      }
    },
    rename: async (id, displayName) => change(id, (row) => ({ ...row, displayName })),
    revoke: async (id) => change(id, (row) => ({ ...row, revokedAt: new Date(clock.now()) })),
    revokedWithin: async (seconds) =>
      [...rows.values()]
        .filter(({ row }) => row.revokedAt !== null && row.revokedAt.getTime() > clock.now() - seconds * 1000)
        .map(({ row }) => row.id),
    deleteExpired: async () => 0,
  };
  return { repository, rows, asked };
}

function setUp({ cachedMs = 2_000, ttlSeconds = 3600 } = {}) {
  const clock = new ManualClock();
  const memory = memoryRepository(clock);
  const cache = createMemorySessionCache(clock);
  const lookups: string[] = [];
  const node = () =>
    createSessions({
      repository: memory.repository,
      cache,
      cachedMs,
      clock,
      ttlSeconds,
      randomIndex: () => 0,
      onLookup: (result) => lookups.push(result),
    });
  return { clock, cache, lookups, node, sessions: node(), ...memory };
}

describe('sessions', () => {
  it('are found again by their token, of which only the SHA-256 is kept', async () => {
    const { sessions, rows } = setUp();
    const { token, session } = await sessions.create();
    expect(token).toMatch(/^\w{43}$/);
    expect(await sessions.resolve(token)).toEqual(session);
    const [kept] = rows.values();
    expect(kept?.hash).toBe(sha256(token).toString('hex'));
    expect(JSON.stringify([...rows])).not.toContain(token);
    expect(await sessions.resolve(`${token}x`)).toBeNull();
  });

  it('live from their last use, written down at most once a minute', async () => {
    const { clock, sessions, asked } = setUp();
    const { token } = await sessions.create();
    for (let minute = 0; minute < 120; minute += 1) {
      for (let second = 0; second < 3; second += 1) {
        clock.advance(20_000);
        expect(await sessions.resolve(token)).not.toBeNull();
      }
    }
    expect(asked.touches).toBeLessThanOrEqual(120);
    expect(asked.touches).toBeGreaterThanOrEqual(100);
    clock.advance(3_601_000);
    expect(await sessions.resolve(token)).toBeNull();
  });

  it('ask the database at most every two seconds', async () => {
    const { clock, sessions, asked } = setUp();
    const { token } = await sessions.create();
    for (let turn = 0; turn < 100; turn += 1) {
      await sessions.resolve(token);
      clock.advance(100);
    }
    expect(asked.finds).toBeLessThanOrEqual(5);
    expect(asked.finds).toBeGreaterThan(0);
  });

  it('are over at once where they are revoked or the event comes, and within 2 s where it does not', async () => {
    const { clock, sessions, repository } = setUp();
    const first = await sessions.create();
    await sessions.revoke(first.session.id);
    expect(await sessions.resolve(first.token)).toBeNull();

    const second = await sessions.create();
    await repository.revoke(second.session.id);
    clock.advance(2_000);
    expect(await sessions.resolve(second.token)).toBeNull();

    const third = await sessions.create();
    await repository.revoke(third.session.id);
    sessions.learnRevoked(third.session.id);
    expect(await sessions.resolve(third.token)).toBeNull();
  });

  it('are over on a node that missed the event and the cache, once it looks', async () => {
    const { cache, node, sessions, repository } = setUp({ cachedMs: 120_000 });
    const other = node();
    const { token, session } = await sessions.create();
    const row = await repository.findById(session.id);
    await sessions.revoke(session.id);
    // A flush took the word away, and a slow node put its row in again.
    await cache.revoke(row?.tokenHashHex ?? '', 0);
    if (row !== null) await cache.add(row, 120_000);
    expect(await other.resolve(token)).not.toBeNull();
    expect(await other.reconcile()).toEqual([session.id]);
    expect(await other.resolve(token)).toBeNull();
    expect(await other.reconcile()).toEqual([]);
    expect(await sessions.reconcile()).toEqual([]);
  });

  it('are known to every node through the cache they share, also renamed and revoked', async () => {
    const { node, sessions, asked, lookups } = setUp({ cachedMs: 120_000 });
    const other = node();
    const { token, session } = await sessions.create();
    expect(await other.resolve(token)).toEqual(session);
    await sessions.rename(session.id, 'Grace');
    expect((await other.resolve(token))?.displayName).toBe('Grace');
    await sessions.revoke(session.id);
    expect(await other.resolve(token)).toBeNull();
    expect(asked.finds).toBe(0);
    expect(lookups).toEqual(['hit', 'hit', 'hit']);
    expect(await other.resolve(randomToken())).toBeNull();
    expect(lookups.at(-1)).toBe('miss');
  });

  it('go on while the database does not answer, as far as they were read before', async () => {
    const { clock, sessions, repository } = setUp({ cachedMs: 120_000 });
    const { token, session } = await sessions.create();
    clock.advance(90_000);
    const { touch } = repository;
    // One that is silent holds up nobody who was identified, and is asked once however many come.
    let asked = 0;
    let answer: (fault: Error) => void = () => {};
    repository.touch = () => {
      asked += 1;
      return new Promise((_resolve, reject) => {
        answer = reject;
      });
    };
    expect(await sessions.resolve(token)).toEqual(session);
    expect(await sessions.resolve(token)).toEqual(session);
    expect(asked).toBe(1);
    answer(new PeerLinkError('unavailable', 'away'));
    clock.advance(31_000);
    repository.findByTokenHash = () => Promise.reject(new PeerLinkError('unavailable', 'away'));
    await expect(sessions.resolve(token)).rejects.toMatchObject({ type: 'unavailable' });
    repository.touch = touch;
  });

  it('that live for seconds only are extended by their use too', async () => {
    const { clock, sessions } = setUp({ cachedMs: 120_000, ttlSeconds: 4 });
    const { token } = await sessions.create();
    for (let turn = 0; turn < 40; turn += 1) {
      clock.advance(900);
      expect(await sessions.resolve(token)).not.toBeNull();
    }
    clock.advance(4_001);
    expect(await sessions.resolve(token)).toBeNull();
  });

  it('are found by their id until they are revoked', async () => {
    const { sessions } = setUp();
    const { session } = await sessions.create();
    expect(await sessions.find(session.id)).toEqual(session);
    await sessions.revoke(session.id);
    expect(await sessions.find(session.id)).toBeNull();
  });

  it('that were revoked while the cache was away are not there again when it is back', async () => {
    const { clock, cache, node } = setUp({ cachedMs: 120_000 });
    const [here, there] = [node(), node()];
    const { token, session } = await here.create();
    const state = { isAway: false };
    const { get, revoke } = cache;
    cache.get = (hash) => (state.isAway ? Promise.resolve('away') : get(hash));
    cache.revoke = (hash, ttlMs) => (state.isAway ? Promise.resolve() : revoke(hash, ttlMs));
    await there.reconcile();
    clock.advance(100);
    expect(await there.resolve(token)).not.toBeNull();
    state.isAway = true;
    await here.revoke(session.id);
    // Neither was the other node told, nor the cache; the rows know.
    expect(await there.resolve(token)).toBeNull();
    state.isAway = false;
    clock.advance(500);
    expect(await there.resolve(token)).toBeNull();
    expect(await there.reconcile()).toEqual([session.id]);
    clock.advance(1_000);
    expect(await there.resolve(token)).toBeNull();
  });

  it('are in use while somebody has a connection open in them, without a question', async () => {
    const { clock, sessions, asked } = setUp({ ttlSeconds: 3600 });
    const { session } = await sessions.create('Ada');
    for (let second = 0; second < 3 * 3600; second += 10) {
      clock.advance(10_000);
      expect(await sessions.keep([session.id, 'nobody12'])).toEqual(new Map([[session.id, 'Ada']]));
    }
    expect(asked.keeps).toBe(180);
    clock.advance(3_600_001);
    expect(await sessions.keep([session.id])).toEqual(new Map());
  });

  it('that are revoked while they are looked for, by their id or their token, are not found', async () => {
    const { clock, sessions, repository } = setUp();
    const [one, other] = [await sessions.create(), await sessions.create()];
    const { findById, findByTokenHash } = repository;
    const revokedMeanwhile = (row: SessionRow | null) => {
      if (row !== null) sessions.learnRevoked(row.id);
      return row;
    };
    repository.findById = async (id) => revokedMeanwhile(await findById(id));
    repository.findByTokenHash = async (hash) => revokedMeanwhile(await findByTokenHash(hash));
    expect(await sessions.find(one.session.id)).toBeNull();
    // By then no cache has it any more.
    clock.advance(2_000);
    expect(await sessions.resolve(other.token)).toBeNull();
  });

  it('that were revoked stay so where a slow node puts its row into the cache later', async () => {
    const { clock, cache, node, sessions, repository } = setUp({ cachedMs: 120_000 });
    const { token, session } = await sessions.create();
    const row = await repository.findById(session.id);
    await sessions.revoke(session.id);
    clock.advance(120_000);
    if (row !== null) await cache.replace(row, 120_000);
    expect(await node().resolve(token)).toBeNull();
  });

  it('that are over leave the cache with the next use that would be written down', async () => {
    const { clock, sessions, repository, lookups } = setUp({ cachedMs: 120_000 });
    const { token, session } = await sessions.create();
    await repository.revoke(session.id);
    clock.advance(60_000);
    // Answered beside the writing, as it was read before.
    expect(await sessions.resolve(token)).not.toBeNull();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    expect(await sessions.resolve(token)).toBeNull();
    expect(lookups).toEqual(['hit', 'hit']);
  });

  it('have their use written down again after the database did not answer once', async () => {
    const { clock, sessions, repository, asked } = setUp({ cachedMs: 120_000 });
    const { token } = await sessions.create();
    const { touch } = repository;
    repository.touch = () => Promise.reject(new PeerLinkError('unavailable', 'away'));
    clock.advance(60_000);
    expect(await sessions.resolve(token)).not.toBeNull();
    for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
    repository.touch = touch;
    expect(await sessions.resolve(token)).not.toBeNull();
    expect(asked.touches).toBe(1);
  });

  it('that were revoked are remembered ten thousand at a time, and looked for ten seconds further back', async () => {
    const { clock, sessions, repository } = setUp();
    for (let index = 0; index <= 10_000; index += 1) sessions.learnRevoked(`session-${index}`);
    const known = [0, 1, 10_000].map((index) => sessions.isRevoked(`session-${index}`));
    expect(known).toEqual([false, true, true]);
    const asked: number[] = [];
    repository.revokedWithin = async (seconds) => {
      asked.push(seconds);
      // What is revoked while it answers is found the next time.
      clock.advance(500);
      return [];
    };
    await sessions.reconcile();
    clock.advance(1_000);
    await sessions.reconcile();
    expect(asked).toEqual([12, 11.5]);
  });

  it('are renamed, and unknown ones are not found', async () => {
    const { sessions } = setUp();
    const { token, session } = await sessions.create('  Ada   Lovelace ');
    expect(session.displayName).toBe('Ada Lovelace');
    expect((await sessions.rename(session.id, 'Grace')).displayName).toBe('Grace');
    expect((await sessions.resolve(token))?.displayName).toBe('Grace');
    await expect(sessions.rename('nobody12', 'Grace')).rejects.toMatchObject({ type: 'not_found' });
  });

  it('keep their new name when a use that was written down before is answered later', async () => {
    const { sessions, repository, clock } = setUp({ cachedMs: 120_000 });
    const { token, session } = await sessions.create('Ada');
    clock.advance(61_000);
    const { touch } = repository;
    const turn = () => new Promise<void>((resolve) => void setImmediate(resolve));
    repository.touch = async (...use) => {
      const row = await touch(...use);
      await turn();
      return row;
    };
    // As PATCH /api/session does: who it is, and beside that the use, then the change.
    await sessions.resolve(token);
    await sessions.rename(session.id, 'Grace');
    await turn();
    expect((await sessions.resolve(token))?.displayName).toBe('Grace');
  });

  it('are refused a new name as soon as the database does not answer, also while a use is being written down', async () => {
    const { sessions, repository, clock } = setUp({ cachedMs: 120_000 });
    const { token, session } = await sessions.create('Ada');
    clock.advance(61_000);
    let answerUse: () => void = () => {};
    repository.touch = () => new Promise((resolve) => (answerUse = () => resolve(null)));
    repository.rename = async () => {
      throw new PeerLinkError('unavailable', 'no answer');
    };
    await sessions.resolve(token);
    let refusal: unknown = null;
    const renamed = sessions.rename(session.id, 'Grace').catch((fault: unknown) => {
      refusal = fault;
    });
    for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(refusal).toMatchObject({ type: 'unavailable' });
    answerUse();
    await renamed;
  });
});

describe('names', () => {
  it('are friendly when nobody chose one', () => {
    expect(friendlyName(() => 0)).toBe('Amber Badger');
    expect(friendlyName((bound) => bound - 1)).toBe('Zesty Wren');
  });

  const shown = ['名前', 'Ådne', 'أحمد', 'O’Neil 🦊', '❤️', '7', 'नमिता', 'x'.repeat(64)];
  // How a letter is drawn: in the name of a Japanese city, and in the word "Mongol".
  const selected = ['葛\u{E0100}城', 'ᠮᠣᠩᠭ\u180Bᠣᠯ'];
  it.each([...shown, ...selected])('may be %s', (name) => {
    expect(displayNameOf(name)).toBe(name.normalize('NFC'));
  });

  it('are kept in one spelling', () => {
    expect(displayNameOf('  Zoe\u0308   Ad  ')).toBe('Zoë Ad');
  });

  const refused = ['', '   ', 'x'.repeat(65), 'a\u0000b', 'a\nb', 'evil\u202Egpj.exe', 'a\u200Bb', 'x'.repeat(100_000)];
  // Letters, a sign and marks that nothing is drawn for.
  const blank = ['\u3164', '\u115F', '\u1160', '\uFFA0', '\u2800', '\u034F', '\uFE0F', 'Ada\u3164'];
  it.each([...refused, ...blank])('may not be %j', (name) => {
    expect(() => displayNameOf(name)).toThrow(expect.objectContaining({ type: 'bad_name' }));
  });
});
