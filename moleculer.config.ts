import { type BrokerOptions, Errors, type LoggerBindings, Loggers } from 'moleculer';
import type { Logger } from 'pino';
import { AnotherNode } from './services/bus/another-node.ts';
import { BusSerializer } from './services/bus/bus-serializer.ts';
import { isErrorType, PeerLinkError } from './services/contracts/errors.ts';

/** Above the two seconds in which the database must have answered, below what a client waits. */
const REQUEST_TIMEOUT_MS = 10_000;
const RETRY_DELAY_MS = 100;
/** Defaults of 10 s and 30 s find a dead node after 47 s; these find it after 4. */
const HEARTBEAT_INTERVAL_SECONDS = 1;
const HEARTBEAT_TIMEOUT_SECONDS = 4;
const SHUTDOWN_TIMEOUT_MS = 5_000;
/** Deeper chains of calls are a loop. */
const MAX_CALL_LEVEL = 10;

export interface BrokerSettings {
  readonly nodeId: string;
  readonly log: Logger;
  /** Part of every channel's name: clusters that share a server do not hear each other. */
  readonly clusterId: string;
  /** null: one process, no transporter. */
  readonly transporter: BrokerOptions['transporter'] | null;
}

/**
 * The broker's settings. services/composition/ calls it, because the 0.14 runner does not load a TypeScript
 * configuration.
 */
export function brokerOptions(settings: BrokerSettings): BrokerOptions {
  return {
    namespace: `peerlink-${settings.clusterId}`,
    nodeID: settings.nodeId,
    logger: new PinoBridge(settings.log),
    transporter: settings.transporter ?? null,
    serializer: new BusSerializer(),
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Off, except for the actions that contracts/action-policies.ts calls idempotent. Any other call is repeated, if at all,
    // by the client, which knows why it failed.
    retryPolicy: {
      enabled: false,
      retries: 1,
      delay: RETRY_DELAY_MS,
      maxDelay: RETRY_DELAY_MS,
      factor: 1,
      check: (fault: Error) => mayBeAskedAgain(fault, settings.nodeId),
    },
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 20,
      windowTime: 60,
      halfOpenTime: 5_000,
      check: (fault: Error) => isAnotherAtFault(fault, settings.nodeId),
    },
    heartbeatInterval: HEARTBEAT_INTERVAL_SECONDS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_SECONDS,
    maxCallLevel: MAX_CALL_LEVEL,
    tracking: { enabled: true, shutdownTimeout: SHUTDOWN_TIMEOUT_MS },
    registry: { strategy: AnotherNode, preferLocal: true },
    errorRegenerator: new PeerLinkRegenerator(),
    // Requests are checked where they enter, by schemas of their own.
    validator: false,
    cacher: false,
    metrics: false,
    tracing: false,
    // main.ts drains on signals.
    skipProcessEventRegistration: true,
  };
}

/**
 * A refused request says nothing about the node that refused it, nor does a full queue: otherwise one busy client could shut an
 * action for everybody. Only another node that cannot answer opens the circuit, since for this node there is no alternative.
 */
function isAnotherAtFault(fault: Error, nodeId: string): boolean {
  const { type, nodeID, data } = fault as { type?: unknown; nodeID?: unknown; data?: { nodeID?: unknown } | null };
  const at = nodeID ?? data?.nodeID;
  if (at === undefined || at === nodeId || type === 'QUEUE_FULL') return false;
  return !(typeof type === 'string' && isErrorType(type) && type !== 'internal');
}

/** The bus or the other node failed, not the action: no answer came, the node went away, or nothing could be sent. */
const BUS_FAULTS = new Set([
  'RequestTimeoutError',
  'RequestRejectedError',
  'ServiceNotAvailableError',
  'BrokerDisconnectedError',
]);

function mayBeAskedAgain(fault: Error, nodeId: string): boolean {
  const { data } = fault as { data?: { nodeID?: unknown } | null };
  // This very node was too slow: asking it again only adds to its work.
  return BUS_FAULTS.has(fault.name) && data?.nodeID !== nodeId;
}

/** Moleculer's log lines through the process's own logger. */
class PinoBridge extends Loggers.Base {
  readonly #log: Logger;

  constructor(log: Logger) {
    super();
    this.#log = log;
  }

  override getLogHandler(bindings?: LoggerBindings): Loggers.LogHandler | null {
    const log = this.#log.child({ module: bindings?.mod ?? 'broker' });
    return (level, args) => {
      const texts = args.filter((arg) => typeof arg === 'string');
      const err = args.find((arg) => arg instanceof Error);
      // Moleculer calls ordinary steps of its start "info"; here they are detail.
      // That the bus is down was logged once; each message that could not be sent meanwhile is not worth a line.
      const isDetail = level === 'info' || err?.name === 'BrokerDisconnectedError';
      const own = isDetail ? 'debug' : level;
      const fields = args.find((arg) => typeof arg === 'object' && !(arg instanceof Error));
      log[own]({ ...(fields as object | undefined), ...(err === undefined ? {} : { err }) }, texts.join(' '));
    };
  }
}

/** A fault keeps its class and its Retry-After when it crosses the bus. */
class PeerLinkRegenerator extends Errors.Regenerator {
  override restoreCustomError(plain: Errors.PlainMoleculerError): Error | undefined {
    const { name, type, message, data } = plain as { name?: string; type?: string; message?: string; data?: unknown };
    if (name !== 'PeerLinkError' || type === undefined || !isErrorType(type)) return undefined;
    const { retryAfterSeconds } = plain as { retryAfterSeconds?: number };
    return new PeerLinkError(type, message ?? '', {
      ...(typeof data === 'object' && data !== null ? { data: data as Record<string, unknown> } : {}),
      ...(retryAfterSeconds === undefined ? {} : { retryAfterSeconds }),
    });
  }

  override extractPlainError(fault: Error): Errors.PlainMoleculerError {
    const plain = super.extractPlainError(fault);
    const { retryAfterSeconds } = fault as { retryAfterSeconds?: unknown };
    return typeof retryAfterSeconds === 'number' ? { ...plain, retryAfterSeconds } : plain;
  }
}
