import { Prisma } from '../../../prisma/generated/client.ts';
import type { EndReason, TransferState } from '../../contracts/http.ts';
import { INBOX_ITEM_KEPT_MS, MAX_INBOXES_AT_ONCE } from '../../contracts/limits.ts';
import type { InboxItem, InboxProgress } from '../../contracts/people.ts';
import type { GrantState } from '../../contracts/person.ts';
import type { Database } from '../../database/database.ts';
import type { InboxReading } from '../direct/ports.ts';
import { OUTBOX_WITH_OFFERS } from './prisma-outbox.ts';

const FILES_SHOWN = 20;

interface ItemRecord {
  readonly session_id: string;
  readonly fingerprint: string;
  readonly is_progress: boolean;
  readonly is_left_out: boolean;
  /** null: this inbox is empty. */
  readonly id: string | null;
  readonly sequence: bigint;
  readonly kind: 'offer' | 'text';
  readonly sender_session_id: string;
  readonly sender_name: string;
  readonly text: string | null;
  readonly created_at: Date;
  readonly expires_at: Date;
  readonly transfer_id: string;
  readonly grant_state: GrantState;
  readonly transfer_state: TransferState;
  readonly end_reason: EndReason | null;
  readonly share_id: string;
  readonly file_count: number;
  readonly total_bytes: bigint | null;
  readonly received_bytes: bigint;
  readonly files: readonly (readonly [number, string, number | null])[] | null;
}

type Moved = InboxProgress['items'][number];

/** What is over stays this long, so that who looks away still learns how it ended. */
const KEPT = Prisma.raw(`interval '${INBOX_ITEM_KEPT_MS / 1000} seconds'`);
const IS_LATE = Prisma.sql`(g.state = 'offered' AND g.expires_at <= now())`;
export const IS_SHOWN = Prisma.sql`(o.dismissed_at IS NULL AND CASE
  WHEN o.kind = 'text' THEN o.expires_at > now()
  WHEN t.state = 'ended' THEN t.ended_at > now() - ${KEPT}
  WHEN g.state = 'offered' THEN g.expires_at > now() - ${KEPT}
  WHEN g.state IN ('declined', 'left', 'expired') THEN g.answered_at > now() - ${KEPT}
  ELSE true END)`;

/**
 * Inboxes of those whose fingerprint is no longer the one that is known; one statement for all of them. A fingerprint is in
 * two parts, so that bytes that came, which they do all the time, do not cost a whole inbox with its texts. Of those that do
 * only some are read.
 */
export async function readInboxes(
  database: Database,
  asked: readonly { readonly sessionId: string; readonly fingerprint: string }[],
): Promise<readonly InboxReading[]> {
  if (asked.length === 0) return [];
  const records = await database.query<ItemRecord>(Prisma.sql`
    WITH asked AS (
      SELECT * FROM unnest(${asked.map(({ sessionId }) => sessionId)}::text[],
        ${asked.map(({ fingerprint }) => fingerprint)}::text[]) AS a(session_id, fingerprint)
    ), item AS (
      SELECT o.session_id, o.id, o.sequence, o.kind, o.sender_session_id, o.sender_name, o.text, o.created_at,
        CASE WHEN g.state IN ('accepted', 'received') THEN t.expires_at ELSE o.expires_at END AS expires_at,
        t.id AS transfer_id, t.state AS transfer_state, t.end_reason, t.share_id, t.file_count,
        CASE WHEN t.unsized_file_count = 0 THEN t.known_bytes END AS total_bytes,
        CASE WHEN ${IS_LATE} THEN 'expired' ELSE g.state END AS grant_state, g.received_bytes
      FROM asked a JOIN ${OUTBOX_WITH_OFFERS} ON o.session_id = a.session_id
      WHERE ${IS_SHOWN}
    ), found AS (
      SELECT a.session_id, a.fingerprint AS known, coalesce(md5(string_agg(
        concat_ws(':', i.id, i.transfer_state, i.end_reason, i.total_bytes, i.grant_state, extract(epoch FROM i.expires_at)),
        ',' ORDER BY i.sequence)), 'empty') AS shown,
        coalesce(md5(string_agg(i.received_bytes::text, ',' ORDER BY i.sequence)), 'none') AS received
      FROM asked a LEFT JOIN item i ON i.session_id = a.session_id GROUP BY a.session_id, a.fingerprint
    ), changed AS (
      SELECT session_id, concat(shown, '/', received) AS fingerprint, split_part(known, '/', 1) = shown AS is_progress
      FROM found WHERE concat(shown, '/', received) <> known
    ), counted AS (
      SELECT *, NOT is_progress AND row_number() OVER (PARTITION BY is_progress ORDER BY session_id) > ${MAX_INBOXES_AT_ONCE}::int
        AS is_left_out
      FROM changed
    )
    SELECT c.session_id, c.fingerprint, c.is_progress, c.is_left_out, i.id, i.sequence, i.kind, i.sender_session_id, i.sender_name,
      CASE WHEN NOT c.is_progress THEN i.text END AS text, i.created_at, i.expires_at, i.transfer_id, i.grant_state, i.transfer_state, i.end_reason, i.share_id, i.file_count,
      i.total_bytes, i.received_bytes, (
        SELECT json_agg(json_build_array(f.file_index, f.path, f.size_bytes) ORDER BY f.file_index) FROM files f
        WHERE NOT c.is_progress AND f.transfer_id = i.transfer_id AND f.file_index < ${FILES_SHOWN}::int
      ) AS files
    FROM counted c LEFT JOIN item i ON i.session_id = c.session_id AND NOT c.is_left_out AND (NOT c.is_progress OR i.received_bytes > 0)
    ORDER BY c.session_id, i.sequence`);
  return readingsOf(records);
}

function readingsOf(records: readonly ItemRecord[]): readonly InboxReading[] {
  const readings = new Map<
    string,
    { sessionId: string; fingerprint: string; items: InboxItem[]; moved: Moved[] | null; isLeftOut: boolean }
  >();
  for (const record of records) {
    const { session_id: sessionId, fingerprint, id, is_left_out: isLeftOut } = record;
    const moved = record.is_progress ? [] : null;
    const reading = readings.get(sessionId) ?? { sessionId, fingerprint, items: [], moved, isLeftOut };
    readings.set(sessionId, reading);
    if (id === null) continue;
    if (reading.moved !== null) reading.moved.push({ id, receivedBytes: Number(record.received_bytes) });
    else reading.items.push(itemOf(record, id));
  }
  return [...readings.values()].map(({ moved, ...reading }) => ({
    ...reading,
    progress: moved === null ? null : { items: moved },
  }));
}

function itemOf(record: ItemRecord, id: string): InboxItem {
  const base = {
    id,
    sequence: Number(record.sequence),
    sentAt: record.created_at.toISOString(),
    expiresAt: record.expires_at.toISOString(),
    sender: { id: record.sender_session_id, displayName: record.sender_name },
  };
  if (record.kind === 'text') return { ...base, kind: 'text', text: record.text ?? '' };
  const isOpened = record.grant_state === 'accepted' || record.grant_state === 'received';
  return {
    ...base,
    kind: 'offer',
    transferId: record.transfer_id,
    state: record.grant_state,
    transferState: record.transfer_state,
    endReason: record.end_reason,
    fileCount: record.file_count,
    totalBytes: record.total_bytes === null ? null : Number(record.total_bytes),
    files: (record.files ?? []).map(([index, path, sizeBytes]) => ({ index, path, sizeBytes })),
    shareId: isOpened ? record.share_id : null,
    receivedBytes: Number(record.received_bytes),
  };
}
