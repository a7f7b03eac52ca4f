import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../prisma/generated/client.ts';
import { PeerLinkError } from '../../../services/contracts/errors.ts';
import { CALL_DEADLINE_MS, type Database, MAX_CALLS_IN_FLIGHT } from '../../../services/database/database.ts';
import { openDatabase } from '../../../services/database/open-database.ts';
import { atEnd } from '../../support/cleanup.ts';
import { freePort } from '../../support/ports.ts';
import { type OwnPostgres, startOwnPostgres } from '../../support/postgres.ts';
import { waitFor, within } from '../../support/waiting.ts';
import { bytes, harnessOn, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';

const log = { info: () => undefined, warn: () => undefined };
let server: OwnPostgres;
let url: string;
let database: Database;
let state: StateHarness;

beforeAll(async () => {
  server = await startOwnPostgres();
  url = await server.createDatabase();
  database = await openDatabase({ url, directory: '/nowhere', log });
  atEnd(() => database.close());
  state = harnessOn(database);
}, 400_000);

/**
 * Milliseconds until the call rejected as `unavailable`, with nothing of the driver in its text. How much later than asked
 * a timer fires here, beside other tests on a busy machine, is taken off.
 */
async function unavailableAfterMs(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const latenessMs = timerLatenessMs(CALL_DEADLINE_MS);
  const fault = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(fault).toBeInstanceOf(PeerLinkError);
  expect(fault).toMatchObject({ type: 'unavailable', retryAfterSeconds: 1 });
  expect((fault as PeerLinkError).message).toBe('the database does not answer');
  const takenMs = performance.now() - startedAt;
  return takenMs < CALL_DEADLINE_MS ? takenMs : takenMs - (await latenessMs);
}

async function timerLatenessMs(delayMs: number): Promise<number> {
  const startedAt = performance.now();
  await delay(delayMs);
  return performance.now() - startedAt - delayMs;
}

describe('a PostgreSQL that does not answer', () => {
  it('is unavailable within two seconds when frozen, in the middle of calls too, and is used again once it thaws', async () => {
    const row = newTransfer({ maxDownloads: 1 });
    await state.transfers.insert(row, [newFile(0)], ROOMY);
    const calls: (() => Promise<unknown>)[] = [
      () => state.transfers.findById(row.id),
      () => state.transfers.insert(newTransfer(), [newFile(0)], ROOMY),
      () => state.transfers.cas(row.id, 1, {}),
      () => state.leases.acquire({ transferId: row.id, tokenHash: bytes(32, 1), holder: 'h', nodeId: 'n', idleMs: 1 }),
      () => state.sessions.findById(unique('s')),
      () => state.cluster.tryLead('n', 1_000),
    ];
    // Every connection of the pool is warm, then busy, then waited for.
    const many = () => Array.from({ length: 30 }, (_, index) => calls[index % calls.length] as () => Promise<unknown>);
    await Promise.allSettled(many().map((call) => call()));
    const underWay = many().map((call) =>
      call().then(
        () => 'answered',
        (fault: PeerLinkError) => fault.type,
      ),
    );
    server.freeze();
    const isUp = database.isUp();
    const taken = await Promise.all(many().map(unavailableAfterMs));
    expect(Math.max(...taken)).toBeLessThan(2_000);
    for (const outcome of await Promise.all(underWay)) expect(['answered', 'unavailable']).toContain(outcome);
    expect(await isUp).toBe(false);
    // And again on connections that are opened anew against the frozen server.
    expect(Math.max(...(await Promise.all(many().slice(0, 6).map(unavailableAfterMs))))).toBeLessThan(2_000);
    server.thaw();
    await waitFor('the database is up again', 10_000, () => database.isUp());
    // No connection came back to the pool with a transaction or a lock of the time before.
    const after = await Promise.all(
      Array.from({ length: 30 }, () => state.transfers.insert(newTransfer(), [newFile(0)], ROOMY)),
    );
    expect(new Set(after.map((one) => one.outcome))).toEqual(new Set(['inserted']));
    expect((await state.transfers.findById(row.id))?.transfer.id).toBe(row.id);
  }, 60_000);

  it('does not let a call wait beyond those that may', async () => {
    server.freeze();
    let isOneOver = false;
    const waiting = Array.from({ length: MAX_CALLS_IN_FLIGHT }, () =>
      state.sessions.findById('x').then(
        () => 'answered',
        () => (isOneOver ? 'after' : 'before'),
      ),
    );
    try {
      await expect(state.sessions.findById('x')).rejects.toMatchObject({
        type: 'unavailable',
        message: 'too many calls wait for the database',
      });
      isOneOver = true;
    } finally {
      server.thaw();
      expect(new Set(await Promise.all(waiting))).not.toContain('before');
    }
    await waitFor('the database is up again', 10_000, () => database.isUp());
  }, 60_000);

  it('is unavailable while it is down, keeps what it answered for, and is found again by itself', async () => {
    const row = newTransfer();
    await state.transfers.insert(row, [newFile(0)], ROOMY);
    const restarting = server.crashAndRestart();
    expect(await unavailableAfterMs(() => untilItFails(() => state.transfers.findById(row.id)))).toBeLessThan(3_000);
    await restarting;
    await waitFor('the database is up again', 10_000, () => database.isUp());
    expect((await state.transfers.findById(row.id))?.transfer.id).toBe(row.id);
  }, 60_000);

  it('is closed within its deadline even while it is frozen', async () => {
    const closing = await openDatabase({ url, directory: '/nowhere', log });
    expect(await closing.isUp()).toBe(true);
    server.freeze();
    try {
      await within('the end of the connections', 10_000, closing.close());
    } finally {
      server.thaw();
    }
  }, 30_000);

  it('runs a transaction again that a deadlock undid', async () => {
    const ids = [newTransfer(), newTransfer()];
    for (const row of ids) await state.transfers.insert(row, [newFile(0)], ROOMY);
    const touch = (row = newTransfer()) =>
      Prisma.sql`UPDATE transfers SET generation = generation + 1 WHERE id = ${row.id}`;
    const pause = Prisma.sql`SELECT pg_sleep(0.2)::text AS slept`;
    const [a, b] = ids;
    // Each holds what the other wants next; PostgreSQL undoes one of them after a second.
    await Promise.all([
      database.transaction([touch(a), pause, touch(b)]),
      database.transaction([touch(b), pause, touch(a)]),
    ]);
    const rows = await state.transfers.refresh(ids.map((row) => row.id));
    expect(rows.map((row) => row.generation)).toEqual([3, 3]);
  }, 30_000);

  it('stops the start with a text that names the variable and not the password', async () => {
    const nobodyAt = `127.0.0.1:${await freePort()}`;
    const nobody = `postgresql://peerlink:secret@${nobodyAt}/x`;
    const unknown = url.replace(/\/[^/]*$/, '/no_such_database');
    for (const [wrong, reason] of [
      [nobody, `no PostgreSQL answers at ${nobodyAt}, asked 5 times (ECONNREFUSED)`],
      [unknown, 'PostgreSQL has no database of this name'],
      ['postgresql://[', 'not a PostgreSQL connection string'],
    ] as const) {
      const opened = openDatabase({ url: wrong, directory: '/nowhere', log });
      await expect(opened).rejects.toMatchObject({ type: 'unavailable', message: `DATABASE_URL: ${reason}` });
    }
  }, 30_000);
});

/** Calls until one fails; the test's own deadline bounds it. */
async function untilItFails(call: () => Promise<unknown>): Promise<never> {
  for (;;) await call();
}
