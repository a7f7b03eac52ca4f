import path from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { startPostgres } from '../../support/postgres.ts';
import { startProcess } from '../../support/processes.ts';

const ROOT = path.resolve(__dirname, '../../..');
/** It compiles the server when that is not done yet. */
const PUSH_DEADLINE_MS = 180_000;

async function push(changes: NodeJS.ProcessEnv): Promise<{ code: number | null; log: string }> {
  const { DATABASE_URL: _url, DATABASE_URL_FILE: _file, ...env } = process.env;
  const script = startProcess(process.execPath, [path.join('scripts', 'prisma-push.mjs')], {
    cwd: ROOT,
    env: { ...env, ...changes },
  });
  const { code } = await script.exited(PUSH_DEADLINE_MS);
  return { code, log: script.log() };
}

describe('npm run prisma:push', () => {
  it('applies the migrations to the database of DATABASE_URL, and finds nothing to do the second time', async () => {
    const url = await (await startPostgres()).createDatabase();
    expect(await push({ DATABASE_URL: url })).toMatchObject({ code: 0, log: expect.stringContaining('0001_initial') });
    expect(await push({ DATABASE_URL: url })).toMatchObject({ code: 0, log: expect.stringContaining('up to date') });
    const client = new Client({ connectionString: url });
    await client.connect();
    const { rows } = await client.query('SELECT count(*)::int AS count FROM transfers');
    await client.end();
    expect(rows).toEqual([{ count: 0 }]);
  }, 400_000);

  it('says which variable is missing', async () => {
    const nothing = { DATABASE_URL: '', DATABASE_URL_FILE: '' };
    expect(await push(nothing)).toMatchObject({ code: 1, log: expect.stringContaining('DATABASE_URL is not set') });
  }, 30_000);
});
