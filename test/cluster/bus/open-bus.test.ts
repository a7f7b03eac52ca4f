import { describe, expect, it } from '@jest/globals';
import pino from 'pino';
import { openBus } from '../../../services/bus/open-bus.ts';
import type { Config, RedisSettings } from '../../../services/config.ts';
import { systemClock } from '../../../services/kernel/clock.ts';
import { startNats } from '../../support/nats.ts';
import { freePort } from '../../support/ports.ts';
import { startRedis } from '../../support/redis.ts';
import { SECRET, settingsOf } from './test-bus.ts';

/** Reaches this machine's loopback, and is not called so: a bus anywhere. */
const ANYWHERE = '0.0.0.0';

function open(redis: Partial<RedisSettings>, bus: Partial<Config['bus']> = {}) {
  const lines: string[] = [];
  const log = pino({}, { write: (line: string) => void lines.push(line) });
  const config = {
    isCluster: true,
    redis: settingsOf(redis),
    bus: { transporter: null, isInsecureAllowed: false, ...bus },
  };
  const opening = openBus({ config, nodeId: 'n1', secret: SECRET, clock: systemClock, log });
  return { lines, opening };
}

async function isTaken({ opening }: ReturnType<typeof open>): Promise<boolean> {
  const bus = await opening;
  await bus?.disconnect();
  return bus !== null;
}

describe('a bus over Redis, at start', () => {
  it('is refused without a password when it is not on this machine, and taken with one', async () => {
    const [guarded, unguarded] = [await startRedis({ password: 'pw' }), await startRedis()];
    await expect(open({ host: ANYWHERE, port: unguarded.port }).opening).rejects.toThrow(
      /^REDIS_HOST: this Redis is not on this machine and asks for no password.*any session.*ALLOW_INSECURE_BUS=true$/,
    );
    expect(await isTaken(open({ host: ANYWHERE, port: guarded.port, password: 'pw' }))).toBe(true);
    expect(await isTaken(open({ port: unguarded.port }))).toBe(true);
  }, 60_000);

  it('is refused when we have a password and the server asks nobody for one', async () => {
    const { port } = await startRedis();
    await expect(open({ host: ANYWHERE, port, password: 'for show' }).opening).rejects.toThrow('asks for no password');
  }, 60_000);

  it('is taken although anybody may speak on it when ALLOW_INSECURE_BUS says so, which the log says aloud', async () => {
    const { port } = await startRedis();
    const opened = open({ host: ANYWHERE, port }, { isInsecureAllowed: true });
    expect(await isTaken(opened)).toBe(true);
    expect(opened.lines.filter((line) => /"level":40.*ALLOW_INSECURE_BUS.*any session/.test(line))).toHaveLength(1);
  }, 60_000);

  it('may be another server than the one of the caches, which is named as TRANSPORTER when it is away', async () => {
    const { port } = await startRedis({ password: 'p/w' });
    expect(await isTaken(open({}, { transporter: `redis://:p%2Fw@127.0.0.1:${port}/1` }))).toBe(true);
    const nobody = await freePort();
    await expect(open({}, { transporter: `redis://127.0.0.1:${nobody}` }).opening).rejects.toThrow(
      `TRANSPORTER: no Redis answers at 127.0.0.1:${nobody}, asked once`,
    );
  }, 60_000);
});

describe('a bus over NATS, at start', () => {
  it('is refused without users when it is not on this machine, and taken with them', async () => {
    const [guarded, unguarded] = [await startNats({ user: 'u', password: 'p' }), await startNats()];
    const transporter = `nats://${ANYWHERE}:${unguarded.port}`;
    await expect(open({}, { transporter }).opening).rejects.toThrow(
      /^TRANSPORTER: this NATS is not on this machine and asks for no password/,
    );
    expect(await isTaken(open({}, { transporter: `nats://u:p@${ANYWHERE}:${guarded.port}` }))).toBe(true);
    expect(await isTaken(open({}, { transporter: unguarded.url }))).toBe(true);
    expect(await isTaken(open({}, { transporter, isInsecureAllowed: true }))).toBe(true);
  }, 60_000);

  it('is said to be too small for what nodes may say, as it is delivered, and not when it is told to take that', async () => {
    const [delivered, large] = [await startNats(), await startNats({ maxPayload: '16MB' })];
    const [warned, quiet] = [delivered, large].map(({ url }) => open({}, { transporter: url }));
    for (const opened of [warned, quiet]) expect(opened !== undefined && (await isTaken(opened))).toBe(true);
    expect(
      warned?.lines.filter((line) => /"level":40.*1048576.*TRANSPORTER: .*max_payload: 16MB/.test(line)),
    ).toHaveLength(1);
    expect(quiet?.lines).toEqual([]);
  }, 60_000);

  it('is asked as often as REDIS_MAX_RETRIES says and then named', async () => {
    const nobody = await freePort();
    await expect(open({ maxRetries: 2 }, { transporter: `nats://127.0.0.1:${nobody}` }).opening).rejects.toThrow(
      `TRANSPORTER: no NATS answers at 127.0.0.1:${nobody}, asked 3 times (REDIS_MAX_RETRIES)`,
    );
  }, 60_000);
});
