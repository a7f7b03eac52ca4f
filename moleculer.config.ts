import { type BrokerOptions, Errors, type LoggerBindings, Loggers } from 'moleculer';
import type { Logger } from 'pino';
import { isErrorType, PeerLinkError } from './services/contracts/errors.ts';

/** Above the two seconds in which the database must have answered, below what a client waits. */
const REQUEST_TIMEOUT_MS = 10_000;
/** Defaults of 10 s and 30 s find a dead node after 47 s; these find it after 4. */
const HEARTBEAT_INTERVAL_SECONDS = 1;
const HEARTBEAT_TIMEOUT_SECONDS = 4;
const SHUTDOWN_TIMEOUT_MS = 5_000;
/** Deeper chains of calls are a loop. */
const MAX_CALL_LEVEL = 10;

export interface BrokerSettings {
  readonly nodeId: string;
  readonly log: Logger;
  /** null: one process, no transporter. */
  readonly transporter: BrokerOptions['transporter'] | null;
}

/** The settings of the broker. services/main.ts calls it: the 0.14 runner does not load a TypeScript configuration. */
export function brokerOptions(settings: BrokerSettings): BrokerOptions {
  return {
    namespace: 'peerlink',
    nodeID: settings.nodeId,
    logger: new PinoBridge(settings.log),
    transporter: settings.transporter ?? null,
    serializer: 'JSON',
    requestTimeout: REQUEST_TIMEOUT_MS,
    // Mutating actions are idempotent, and whoever repeats one knows why it failed: the client.
    retryPolicy: { enabled: false },
    circuitBreaker: {
      enabled: true,
      threshold: 0.5,
      minRequestCount: 20,
      windowTime: 60,
      halfOpenTime: 5_000,
      check: isNodeAtFault,
    },
    heartbeatInterval: HEARTBEAT_INTERVAL_SECONDS,
    heartbeatTimeout: HEARTBEAT_TIMEOUT_SECONDS,
    maxCallLevel: MAX_CALL_LEVEL,
    tracking: { enabled: true, shutdownTimeout: SHUTDOWN_TIMEOUT_MS },
    registry: { strategy: 'RoundRobin', preferLocal: true },
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

/** A refused request says nothing about the node that refused it; only one that cannot answer opens the circuit. */
function isNodeAtFault(fault: Error): boolean {
  const { type } = fault as { type?: unknown };
  return !(typeof type === 'string' && isErrorType(type) && type !== 'internal');
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
      const own = level === 'info' ? 'debug' : level;
      log[own](err === undefined ? {} : { err }, texts.join(' '));
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
