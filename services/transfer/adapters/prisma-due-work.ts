import { Prisma } from '../../../prisma/generated/client.ts';
import { PeerLinkError } from '../../contracts/errors.ts';
import type { Database } from '../../database/database.ts';
import type { DueIn, TransferRepository } from '../ports.ts';

type Asked = Parameters<TransferRepository['dueIn']>[0];

/**
 * When the leader has something to do. Each part is the first entry of an index, or looks at few rows: it costs the same with a
 * million. It may say that something is due before the statement that does it finds it so, and never later.
 */
export async function dueIn(database: Database, asked: Asked): Promise<DueIn> {
  const after = (seconds: number | null) => Prisma.sql`make_interval(secs => ${seconds}::float8)`;
  const [found] = await database.query<{
    expiry_ms: number | null;
    sends_ms: number | null;
    now_ms: number;
  }>(Prisma.sql`
    SELECT (extract(epoch FROM least(
        (SELECT min(expires_at) FROM transfers WHERE state = 'open'),
        (SELECT min(expires_at) FROM transfers WHERE state = 'sealed'),
        (SELECT min(touched_at) FROM transfers
          WHERE state = 'open' AND (kind = 'share' OR accepted_at IS NOT NULL)) + ${after(asked.uploadTtlSeconds)},
        (SELECT min(coalesce((SELECT max(l.used_at) FROM leases l WHERE l.transfer_id = t.id), to_timestamp(0)))
          FROM transfers t WHERE t.state = 'sealed' AND t.max_downloads IS NOT NULL AND t.max_downloads <= t.download_count
        ) + ${after(asked.leaseIdleSeconds)},
        (SELECT min(ended_at) FROM transfers WHERE state = 'ended') + ${after(asked.endedKeptSeconds)}
      ) - now()) * 1000)::float8 AS expiry_ms,
      CASE WHEN EXISTS (SELECT 1 FROM transfers WHERE kind = 'direct' AND state IN ('open', 'sealed')) THEN 0
        ELSE (extract(epoch FROM (SELECT min(expires_at) FROM grants WHERE state = 'offered') - now()) * 1000)::float8
      END AS sends_ms, (extract(epoch FROM now()) * 1000)::float8 AS now_ms`);
  if (found === undefined) throw new PeerLinkError('internal', 'A statement without a condition answered no row.');
  return {
    expiryMs: found.expiry_ms ?? Number.POSITIVE_INFINITY,
    sendsMs: found.sends_ms ?? Number.POSITIVE_INFINITY,
    nowMs: found.now_ms,
  };
}
