import { ServiceBroker } from 'moleculer';
import { brokerOptions } from '../../moleculer.config.ts';
import { openBus } from '../bus/open-bus.ts';
import type { Config } from '../config.ts';
import { PeerLinkError } from '../contracts/errors.ts';
import { readClusterIdentity } from '../database/cluster-identity.ts';
import { randomId } from '../kernel/ids.ts';
import { createLogger } from '../logging.ts';
import { createConsoleCommands } from '../repl/console-commands.ts';
import { openSession } from '../repl/repl-server.ts';

const ID_LENGTH = 12;
const NODES_FOUND_MS = 10_000;

export interface ConsoleTerminal {
  readonly input: NodeJS.ReadStream;
  readonly output: NodeJS.WriteStream;
}

/**
 * A console as a client of the cluster: it hears and asks the nodes by the bus, serves nothing, stores nothing, leads
 * nothing, and no row names it. Resolves when it is left.
 * @throws unavailable with a text for the operator
 */
export async function openConsole(config: Config & { databaseUrl: string }, terminal: ConsoleTerminal): Promise<void> {
  const { clusterId, secret, clock } = await readClusterIdentity(config.databaseUrl);
  // Its lines would be drawn over the console's own.
  const log = createLogger({ level: 'silent' });
  const nodeId = `console-${randomId(ID_LENGTH)}`;
  const bus = await openBus({
    config,
    nodeId,
    secret: config.clusterSecret === null ? secret : Buffer.from(config.clusterSecret),
    clock,
    log,
  });
  const broker = new ServiceBroker(brokerOptions({ nodeId, log, clusterId, transporter: bus }));
  await broker.start();
  try {
    await broker.waitForServices('operator', NODES_FOUND_MS).catch((cause: unknown) => {
      throw new PeerLinkError(
        'unavailable',
        'no node of this cluster answers on the bus: is one running, and has it the same CLUSTER_SECRET?',
        { cause },
      );
    });
    const commands = createConsoleCommands(broker);
    terminal.output.write('A console of the cluster. "help" lists the commands, "quit" leaves.\n');
    await new Promise<void>((resolve) => {
      openSession(commands, { ...terminal, isTerminal: terminal.output.isTTY, end: resolve });
    });
  } finally {
    await broker.stop();
  }
}
