import { beforeAll, describe, expect, it } from '@jest/globals';
import { PeerLinkError } from '../../../services/contracts/errors.ts';
import { type Database, MAX_CALLS_IN_FLIGHT } from '../../../services/database/database.ts';
import { openDatabase } from '../../../services/database/open-database.ts';
import { atEnd } from '../../support/cleanup.ts';
import { freePort } from '../../support/ports.ts';
import { type OwnPostgres, startOwnPostgres } from '../../support/postgres.ts';
import { waitFor } from '../../support/waiting.ts';
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

/** Milliseconds until the promise rejected as `unavailable`, with nothing of the driver in its text. */
async function unavailableAfterMs(call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now();
  const fault = await call().then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(fault).toBeInstanceOf(PeerLinkError);
  expect(fault).toMatchObject({ type: 'unavailable', retryAfterSeconds: 1 });
  expect((fault as PeerLinkError).message).toMatch(
    /^(the database does not answer|too many calls wait for the database)$/,
  );
  return performance.now() - startedAt;
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
    const up = performance.now();
    const isUp = database.isUp();
    const taken = await Promise.all(many().map(unavailableAfterMs));
    expect(Math.max(...taken)).toBeLessThan(2_000);
    for (const outcome of await Promise.all(underWay)) expect(['answered', 'unavailable']).toContain(outcome);
    expect(await isUp).toBe(false);
    expect(performance.now() - up).toBeLessThan(2_500);
    // And again on connections that are opened anew against the frozen server.
    expect(Math.max(...(await Promise.all(many().slice(0, 6).map(unavailableAfterMs))))).toBeLessThan(2_000);
    server.thaw();
    await waitFor('the database is up again', 5_000, () => database.isUp());
    // No connection came back to the pool with a transaction or a lock of the time before.
    const after = await Promise.all(
      Array.from({ length: 30 }, () => state.transfers.insert(newTransfer(), [newFile(0)], ROOMY)),
    );
    expect(new Set(after.map((one) => one.outcome))).toEqual(new Set(['inserted']));
    expect((await state.transfers.findById(row.id))?.transfer.id).toBe(row.id);
  }, 60_000);

  it('does not wait beyond the calls that may wait', async () => {
    server.freeze();
    try {
      const waiting = Array.from({ length: MAX_CALLS_IN_FLIGHT }, () => state.sessions.findById('x').catch(() => null));
      expect(await unavailableAfterMs(() => state.sessions.findById('x'))).toBeLessThan(1_000);
      await Promise.all(waiting);
    } finally {
      server.thaw();
    }
    await waitFor('the database is up again', 5_000, () => database.isUp());
  }, 30_000);

  it('is unavailable while it is down, keeps what it answered for, and is found again by itself', async () => {
    const row = newTransfer();
    await state.transfers.insert(row, [newFile(0)], ROOMY);
    const restarting = server.crashAndRestart();
    expect(await unavailableAfterMs(() => untilItFails(() => state.transfers.findById(row.id)))).toBeLessThan(3_000);
    await restarting;
    await waitFor('the database is up again', 5_000, () => database.isUp());
    expect((await state.transfers.findById(row.id))?.transfer.id).toBe(row.id);
  }, 60_000);

  it('stops the start with a text that names the variable and not the password', async () => {
    const nobody = `postgresql://peerlink:secret@127.0.0.1:${await freePort()}/x`;
    const unknown = url.replace(/\/[^/]*$/, '/no_such_database');
    for (const [wrong, reason] of [
      [nobody, 'no PostgreSQL answers there'],
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
