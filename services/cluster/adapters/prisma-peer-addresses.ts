import { Prisma } from '../../../prisma/generated/client.ts';
import type { Database } from '../../database/database.ts';
import type { PeerAddress } from '../peer-address.ts';

/** Three times the period of an announcement: one that was killed this long ago is no member any more. */
const SEEN_WITHIN_SECONDS = 30;

/** The members that are there now, besides this one. Throws `unavailable` when the database cannot answer. */
export async function listPeerAddresses(database: Database, ownNodeId: string): Promise<readonly PeerAddress[]> {
  const rows = await database.query<{ id: string; peer_url: string }>(Prisma.sql`
    SELECT id, peer_url FROM nodes
    WHERE id <> ${ownNodeId} AND state <> 'left'
      AND seen_at > now() - make_interval(secs => ${SEEN_WITHIN_SECONDS}::float8)
    ORDER BY id`);
  return rows.map((row) => ({ nodeId: row.id, peerUrl: row.peer_url }));
}
