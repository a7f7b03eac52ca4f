import { afterEach, describe, expect, it } from '@jest/globals';
import type { ServiceSchema } from 'moleculer';
import { HEAVY_CALLS_AT_ONCE, MAX_QUEUED_PASSWORDS, PASSWORDS_AT_ONCE } from '../../../services/contracts/limits.ts';
import { defineService, typedCall } from '../../../services/define-service.ts';
import { errorTypeOfFault } from '../../../services/gateway/http-errors.ts';
import { BUSES, startNode, stopNodes, together } from './test-bus.ts';

afterEach(stopNodes);

/** A service of some of its actions, which is all that the test needs. */
const partOf = defineService as unknown as (schema: { name: string; actions: object }) => ServiceSchema;

const never = () => new Promise<never>(() => undefined);
const [, startBus] = BUSES[0];

describe('a call to a node that dies without a word', () => {
  it('is asked again elsewhere when the action is idempotent, and only then', async () => {
    const bus = await startBus();
    const asked: string[] = [];
    const sessions = (nodeId: string, answer: () => Promise<unknown>) =>
      partOf({
        name: 'session',
        actions: {
          resolve: () => {
            asked.push(`resolve at ${nodeId}`);
            return answer();
          },
          create: () => {
            asked.push(`create at ${nodeId}`);
            return answer();
          },
        },
      });
    const a = await startNode(bus, 'a');
    const dead = await startNode(bus, 'dead', sessions('dead', never));
    await together(a, dead);
    const call = typedCall(a.broker);
    const asking = call('session.resolve', { token: 't' });
    const creating = call('session.create', {}, { timeoutMs: 3_000 }).catch((fault: unknown) => fault);
    const b = await startNode(
      bus,
      'b',
      sessions('b', async () => null),
    );
    await together(a, b);
    expect(await asking).toBeNull();
    expect(errorTypeOfFault(await creating)).toBe('unavailable');
    expect(asked.sort()).toEqual(['create at dead', 'resolve at b', 'resolve at dead']);
  }, 60_000);

  it('fails at the time the caller set, without a second try', async () => {
    const bus = await startBus();
    let count = 0;
    const a = await startNode(bus, 'a');
    const dead = await startNode(
      bus,
      'dead',
      partOf({
        name: 'session',
        actions: {
          resolve: () => {
            count += 1;
            return never();
          },
        },
      }),
    );
    await together(a, dead);
    const startedMs = performance.now();
    const fault = await typedCall(a.broker)('session.resolve', { token: 't' }, { timeoutMs: 300 }).catch(
      (cause: unknown) => cause,
    );
    expect(errorTypeOfFault(fault)).toBe('unavailable');
    expect(performance.now() - startedMs).toBeLessThan(2_000);
    expect(count).toBe(1);
  }, 60_000);
});

describe('heavy actions', () => {
  it('run a few at once, let some wait and tell the next one that they are busy', async () => {
    let running = 0;
    let most = 0;
    const waiting: (() => void)[] = [];
    const hold = async () => {
      running += 1;
      most = Math.max(most, running);
      await new Promise<void>((resolve) => waiting.push(resolve));
      running -= 1;
      return { grant: 'g' };
    };
    const alone = { config: { isCluster: false, redis: null, bus: { transporter: null, isInsecureAllowed: false } } };
    const a = await startNode(alone, 'a', partOf({ name: 'transfer', actions: { grant: hold, list: hold } }));
    const call = typedCall(a.broker);
    const ask = () => call('transfer.grant', { caller: {} as never, shareId: 's', password: 'p' });
    const calls = Array.from({ length: PASSWORDS_AT_ONCE + MAX_QUEUED_PASSWORDS }, ask);
    expect(errorTypeOfFault(await ask().catch((fault: unknown) => fault))).toBe('busy');
    const listing = call('transfer.list', { caller: {} as never });
    expect(most).toBe(PASSWORDS_AT_ONCE + 1);
    const timer = setInterval(() => {
      for (const go of waiting.splice(0)) go();
    }, 1);
    await Promise.all([...calls, listing]);
    clearInterval(timer);
    expect(most).toBe(PASSWORDS_AT_ONCE + 1);
    expect(HEAVY_CALLS_AT_ONCE).toBeGreaterThan(PASSWORDS_AT_ONCE);
  }, 30_000);
});
