import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import type { OpenTransferResponse } from '../../../services/contracts/http.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { askJson } from './edge-client.ts';

const START_MS = 240_000;
const IDLE_MS = 10_000;
/** Each costs a process with an embedded database some milliseconds, day and night. It was 9.6 a second once. */
const IDLE_STATEMENTS_A_SECOND = 1;

let server: TestServer;
const asked = async (): Promise<number> => {
  const counts = () => [...server.log().matchAll(/^statements: (\d+)$/gm)].map(([, count]) => Number(count));
  const before = counts().length;
  server.process.signal('SIGUSR2');
  await waitFor('the count is printed', 5_000, () => counts().length > before);
  return counts().at(-1) ?? Number.NaN;
};
const passes = async (ms: number): Promise<void> => {
  const untilMs = performance.now() + ms;
  await waitFor('time passes', 2 * ms, () => performance.now() >= untilMs);
};

beforeAll(async () => {
  const counting = `${process.env.NODE_OPTIONS ?? ''} --require="${join(__dirname, '../../support/count-statements.cjs')}"`;
  server = await startServer({ env: { NODE_OPTIONS: counting, LOG_LEVEL: 'info' } });
}, START_MS);

describe('a node alone, with nobody there', () => {
  it('asks its database less than once a second', async () => {
    // What is done at the start.
    await passes(3_000);
    const before = await asked();
    await passes(IDLE_MS);
    const count = (await asked()) - before;
    expect(before).toBeGreaterThan(0);
    expect(count).toBeLessThanOrEqual((IDLE_STATEMENTS_A_SECOND * IDLE_MS) / 1_000);
  }, 60_000);

  it('still ends a transfer within two seconds of its expiry, opened while it rests', async () => {
    const request = { files: [{ path: 'a.bin', sizeBytes: 5 }], expiresInSeconds: 2 };
    const opened = await askJson(server.url, 'POST', '/api/transfers', request);
    const { transfer } = opened.json<OpenTransferResponse>();
    const expiresAtMs = Date.parse(transfer.expiresAt);
    await waitFor('the leader ends it', 20_000, () => server.log().includes('"duty":"end transfers"'));
    expect(Date.now() - expiresAtMs).toBeGreaterThanOrEqual(0);
    expect(Date.now() - expiresAtMs).toBeLessThanOrEqual(2_000);
  }, 60_000);
});
