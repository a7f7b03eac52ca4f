import type { Client } from 'pg';
import { PeerLinkError } from '../contracts/errors.ts';
import type { Clock } from '../kernel/clock.ts';
import { DatabaseClock } from './database-clock.ts';
import { sqlStateOf } from './database-faults.ts';
import { PostgresClient } from './postgres-client.ts';

const CONNECT_DEADLINE_MS = 5_000;
const QUERY_DEADLINE_MS = 5_000;
const NO_SUCH_TABLE = '42P01';

export interface VisitedCluster {
  readonly clusterId: string;
  readonly secret: Uint8Array;
  /** The cluster's: what this machine's own says may be wrong. */
  readonly clock: Clock;
}

/**
 * Which cluster a PostgreSQL belongs to, for a program that only visits it: nothing is made or migrated.
 * @throws unavailable with a text for the operator
 */
export async function readClusterIdentity(url: string): Promise<VisitedCluster> {
  let client: Client | undefined;
  try {
    client = new PostgresClient({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_DEADLINE_MS,
      query_timeout: QUERY_DEADLINE_MS,
      application_name: 'peerlink console',
    });
    client.on('error', () => undefined);
    await client.connect();
    const clock = new DatabaseClock();
    const askedAtMs = clock.monotonicMs();
    const { rows } = await client.query<{ cluster_id: string; secret: Uint8Array; ms: number }>(
      'SELECT cluster_id, secret, (extract(epoch FROM clock_timestamp()) * 1000)::float8 AS ms FROM cluster WHERE id = 1',
    );
    const [row] = rows;
    if (row === undefined) throw nothingThere();
    clock.learn(row.ms, askedAtMs, clock.monotonicMs());
    return { clusterId: row.cluster_id, secret: row.secret, clock };
  } catch (cause) {
    if (cause instanceof PeerLinkError) throw cause;
    if (sqlStateOf(cause) === NO_SUCH_TABLE) throw nothingThere();
    throw new PeerLinkError('unavailable', 'DATABASE_URL: no PostgreSQL answers there, or it refuses this user', {
      cause,
    });
  } finally {
    await client?.end().catch(() => undefined);
  }
}

function nothingThere(): PeerLinkError {
  return new PeerLinkError('unavailable', 'DATABASE_URL: no PeerLink has started on this database yet');
}
