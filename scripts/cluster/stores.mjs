import { SetupError, say } from '../setup/process.mjs';
import { ensureStorePrograms, STORE_PROGRAMS } from '../setup/programs.mjs';
import { startPostgres } from './postgres.mjs';
import { startRedis } from './redis.mjs';
import { storePasswords } from './secrets.mjs';

const isGiven = (...names) => names.some((name) => (process.env[name] ?? '').trim() !== '');

/**
 * PostgreSQL and Redis: those that the environment names, else programs of this machine, else Debian's packages.
 * @param {string} folder where own ones keep their data
 * @param {AbortSignal} stopping a server of ours that ends before it is said
 * @returns {Promise<{ env: NodeJS.ProcessEnv, lines: string[], stop: () => Promise<void> }>} env: for the nodes
 */
export async function startStores(folder, stopping) {
  const isPostgresGiven = isGiven('DATABASE_URL', 'DATABASE_URL_FILE');
  const isRedisGiven = isGiven('REDIS_HOST', 'REDIS_SENTINELS');
  await ensureStorePrograms([
    ...(isPostgresGiven ? [] : [STORE_PROGRAMS.postgres]),
    ...(isRedisGiven ? [] : [STORE_PROGRAMS.redis]),
  ]);
  const passwords = isPostgresGiven && isRedisGiven ? {} : storePasswords(folder);
  const started = [];
  const stop = async () => {
    for (const store of started.reverse()) await store.stop();
  };
  const watch = ({ server }) =>
    void server.ended.then(() => {
      if (!stopping.aborted) say(`${server.title} has ended:\n${server.output().trimEnd()}`);
    });
  try {
    const env = {};
    const lines = [];
    if (isPostgresGiven) lines.push('PostgreSQL: the one of DATABASE_URL');
    else {
      const postgres = await startPostgres(folder, passwords.postgres);
      started.push(postgres);
      watch(postgres);
      env.DATABASE_URL = postgres.url;
      lines.push(postgres.line);
    }
    if (isRedisGiven) lines.push('Redis: the one of REDIS_HOST or REDIS_SENTINELS');
    else {
      const redis = await startRedis(folder, passwords.redis);
      started.push(redis);
      watch(redis);
      Object.assign(env, { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(redis.port), REDIS_PASSWORD: passwords.redis });
      // Those of another Redis do not hold for this one.
      Object.assign(env, { REDIS_PASSWORD_FILE: '', REDIS_DB: '', REDIS_TLS: '' });
      lines.push(redis.line);
    }
    return { env, lines, stop };
  } catch (fault) {
    await stop();
    if (fault instanceof SetupError) throw fault;
    throw new SetupError(`PostgreSQL and Redis could not be started: ${fault.message}`);
  }
}
