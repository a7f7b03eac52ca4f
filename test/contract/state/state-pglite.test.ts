import { beforeAll, describe, expect, it } from '@jest/globals';
import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../../services/database/database.ts';
import { openDatabase } from '../../../services/database/open-database.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { describeClusterRepository } from './cluster-repository.suite.ts';
import { describeDirectRepository } from './direct-repository.suite.ts';
import { describeDueWork } from './due-work.suite.ts';
import { describeLeaseRepository } from './lease-repository.suite.ts';
import { describeLostTransfers } from './lost-transfers.suite.ts';
import { describeOperatorRows } from './operator-rows.suite.ts';
import { describeSampleRepository } from './sample-repository.suite.ts';
import { describeSessionRepository } from './session-repository.suite.ts';
import { harnessOn, newFile, newTransfer, ROOMY, type StateHarness, unique } from './state-harness.ts';
import { describeTransferRepository } from './transfer-repository.suite.ts';

const log = { info: () => undefined, warn: () => undefined };
let database: Database;
let harness: StateHarness;

beforeAll(async () => {
  database = await openDatabase({ url: null, directory: tempDirectory('pglite'), log });
  atEnd(() => database.close());
  harness = harnessOn(database);
}, 60_000);

describe('the state on embedded PGlite', () => {
  describeDueWork(() => harness);
  describeTransferRepository(() => harness);
  describeLeaseRepository(() => harness);
  describeDirectRepository(() => harness);
  describeSessionRepository(() => harness);
  describeClusterRepository(() => harness);
  describeLostTransfers(() => harness);
  describeSampleRepository(() => harness);
  describeOperatorRows(() => harness);

  it('answers look-ups and inserts within a few milliseconds', async () => {
    const { transfers } = harness;
    const row = newTransfer();
    await transfers.insert(row, [newFile(0)], ROOMY);
    /** The quickest of some: what it costs when nothing else runs on the machine. */
    const quickest = async (times: number, work: () => Promise<unknown>) => {
      const taken: number[] = [];
      for (let index = 0; index < times; index += 1) {
        const startedAt = performance.now();
        await work();
        taken.push(performance.now() - startedAt);
      }
      return Math.min(...taken);
    };
    const files = () => Array.from({ length: 1_000 }, (_, index) => newFile(index));
    const found = {
      lookUpMs: await quickest(50, () => transfers.findByShareId(row.shareId)),
      insertMs: await quickest(20, () => transfers.insert(newTransfer(), [newFile(0)], ROOMY)),
      insert1000FilesMs: await quickest(5, () => transfers.insert(newTransfer(), files(), ROOMY)),
    };
    // Far above what was measured (1, 5 and 50 ms), so that only a change of shape fails it.
    expect(found.lookUpMs).toBeLessThan(20);
    expect(found.insertMs).toBeLessThan(60);
    expect(found.insert1000FilesMs).toBeLessThan(250);
  }, 30_000);

  it('does all statements of a transaction or none', async () => {
    const [row, other] = [unique('node'), unique('node')];
    const insert = (id: string, state: string) =>
      Prisma.sql`INSERT INTO nodes (id, peer_url, state) VALUES (${id}, 'http://n:1', ${state})`;
    const refused = database.transaction([insert(row, 'healthy'), insert(other, 'of no known name')]);
    await expect(refused).rejects.toMatchObject({ type: 'internal' });
    expect((await harness.cluster.listNodes()).map(({ id }) => id)).not.toContain(row);
  });

  it('says that it is up, and after its end that it is not, by type', async () => {
    const closing = await openDatabase({ url: null, directory: tempDirectory('pglite'), log });
    expect(await closing.isUp()).toBe(true);
    await closing.close();
    await closing.close();
    expect(await closing.isUp()).toBe(false);
    const after = harnessOn(closing).transfers.findById(unique('any'));
    await expect(after).rejects.toMatchObject({ type: 'unavailable', message: 'the database does not answer' });
  }, 30_000);
});
