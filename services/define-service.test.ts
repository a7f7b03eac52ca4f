import { afterEach, expect, it } from '@jest/globals';
import { Loggers, ServiceBroker } from 'moleculer';
import { PeerLinkError } from './contracts/errors.ts';
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
