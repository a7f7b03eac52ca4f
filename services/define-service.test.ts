import { afterEach, describe, expect, it } from '@jest/globals';
import { type ActionSchema, Loggers, ServiceBroker } from 'moleculer';
import { policyOf } from './contracts/action-policies.ts';
import { PeerLinkError } from './contracts/errors.ts';
import { MAX_QUEUED_PASSWORDS, PASSWORDS_AT_ONCE } from './contracts/limits.ts';
import { defineService, typedCall } from './define-service.ts';

interface Line {
  readonly level: string;
  readonly args: readonly unknown[];
}

class Collector extends Loggers.Base {
  readonly #lines: Line[];

  constructor(lines: Line[]) {
    super();
    this.#lines = lines;
  }

  override getLogHandler(): Loggers.LogHandler {
    return (level, args) => {
      if (level === 'error') this.#lines.push({ level, args });
    };
  }
}

const brokers: ServiceBroker[] = [];

/** A node of a cluster in this process, with what it logs. */
async function startNode(nodeID: string, fault?: Error) {
  const lines: Line[] = [];
  const broker = new ServiceBroker({
    nodeID,
    namespace: 'define-service',
    transporter: 'Fake',
    logger: new Collector(lines),
  });
  if (fault !== undefined) {
    broker.createService(
      defineService({
        name: 'stats',
        actions: {
          cluster: () => {
            throw fault;
          },
          node: () => {
            throw fault;
          },
        },
      }),
    );
  }
  brokers.push(broker);
  await broker.start();
  return { broker, lines };
}

afterEach(async () => {
  await Promise.all(brokers.splice(0).map((broker) => broker.stop()));
});

async function askedFor(fault: Error): Promise<readonly Line[]> {
  const asked = await startNode('asked', fault);
  const asking = await startNode('asking');
  await asking.broker.waitForServices('stats', 5_000);
  await expect(
    typedCall(asking.broker)('stats.cluster', {}, { requestId: 'the-request', timeoutMs: 5_000 }),
  ).rejects.toThrow();
  return asked.lines;
}

it('logs a fault where it happened, under the id of the request that another node got', async () => {
  const lines = await askedFor(new TypeError('not foreseen'));
  expect(lines).toEqual([
    {
      level: 'error',
      args: [expect.any(String), expect.any(TypeError), { requestId: 'the-request', action: 'stats.cluster' }],
    },
  ]);
});

it('leaves outcomes that have a name to who asked', async () => {
  expect(await askedFor(new PeerLinkError('not_found', 'There is none.'))).toEqual([]);
});

describe('a call', () => {
  it('has a deadline, and is asked again only where twice is as good as once and any node may answer', () => {
    const asked: object[] = [];
    const call = typedCall({ call: (_name: string, _params: object, options: object) => asked.push(options) } as never);
    void call('session.find', { sessionId: 's' });
    void call('session.create', {});
    void call('session.find', { sessionId: 's' }, { nodeId: 'n2' });
    void call('session.find', { sessionId: 's' }, { timeoutMs: 1_000, requestId: 'r' });
    expect(asked).toEqual([
      { timeout: 4_500 },
      { timeout: 10_000 },
      { timeout: 4_500, retries: 0, nodeID: 'n2' },
      { timeout: 1_000, retries: 0, requestID: 'r' },
    ]);
  });
});

describe('an action', () => {
  const names = ['create', 'find'] as const;
  const { actions } = defineService({
    name: 'session',
    actions: Object.fromEntries(names.map((name) => [name, () => null])) as never,
  });

  it('is repeated by Moleculer where its policy says so, and bounded', () => {
    expect(names.map((name) => (actions?.[name] as ActionSchema | undefined)?.retryPolicy)).toEqual([
      { enabled: false },
      { enabled: true },
    ]);
    const grant = defineService({ name: 'transfer', actions: { grant: () => null } as never }).actions?.grant;
    expect((grant as ActionSchema).bulkhead).toEqual({
      enabled: true,
      concurrency: PASSWORDS_AT_ONCE,
      maxQueueSize: MAX_QUEUED_PASSWORDS,
    });
  });

  it('that makes something new, or is not known, is never repeated', () => {
    const making = ['session.create', 'transfer.open', 'transfer.sendText', 'node.drain', 'no.such'];
    for (const name of making) expect([name, policyOf(name).isIdempotent]).toEqual([name, false]);
  });

  it('that reads or writes much, or hashes, runs so many at once', () => {
    const bounded = ['open', 'get', 'list', 'status', 'share', 'rescue', 'inboxes', 'grant'];
    for (const name of bounded)
      expect([name, policyOf(`transfer.${name}`).bulkhead]).toEqual([name, expect.any(Object)]);
  });
});
