import type { PoolConfig } from 'pg';
import { PostgresClient } from './postgres-client.ts';

/** For a connection from the pool, and again for each statement on it; together below CALL_DEADLINE_MS for most. */
const CONNECT_DEADLINE_MS = 1_500;
const STATEMENT_DEADLINE_MS = 1_500;
/** A client that was cut off in a transaction must not hold its row locks longer than this. */
const IDLE_IN_TRANSACTION_MS = 5_000;
/** Statements take about a millisecond: ten connections carry thousands a second, and PostgreSQL allows 100 by default. */
const MAX_CONNECTIONS = 10;

/**
 * A connection that is closed when a statement on it gets no answer in time. pg's own `query_timeout` only forgets the
 * statement: inside a transaction the connection would go back to the pool, busy and with its transaction open.
 */
class DeadlineClient extends PostgresClient {
  // pg declares `query` by a dozen overloads; whichever is used, the deadline wraps it unchanged.
  // biome-ignore lint/suspicious/noExplicitAny: see above.
  override query(...args: any[]): any {
    const timer = setTimeout(() => void this.end().catch(() => undefined), STATEMENT_DEADLINE_MS);
    const last = args.length - 1;
    const callback: unknown = args[last];
    if (typeof callback === 'function') {
      args[last] = (...answer: unknown[]) => {
        clearTimeout(timer);
        callback(...answer);
      };
    }
    const forward = super.query as (...forwarded: unknown[]) => unknown;
    const result = forward.apply(this, args);
    if (result instanceof Promise) return result.finally(() => clearTimeout(timer));
    return result;
  }
}

/** How PeerLink's pool connects to `url`: nothing in it waits for ever, a frozen server included. */
export function postgresPoolConfig(url: string): PoolConfig {
  return {
    connectionString: url,
    Client: DeadlineClient,
    max: MAX_CONNECTIONS,
    connectionTimeoutMillis: CONNECT_DEADLINE_MS,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    statement_timeout: STATEMENT_DEADLINE_MS,
    idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
    application_name: 'peerlink',
  } as PoolConfig;
}
