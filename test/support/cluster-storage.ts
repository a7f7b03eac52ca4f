import { open, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Client } from 'pg';
import { atEnd } from './cleanup.ts';
import type { TestServer } from './server.ts';

/** What the rows say about one share. */
export interface StoredShare {
  readonly transferId: string;
  readonly state: string;
  readonly home: string;
  readonly replica: string | null;
  readonly replicaState: string;
  readonly epoch: number;
  readonly generation: number;
  readonly fileId: string;
}

/** Reads rows as an operator would, beside the nodes. */
export async function openRows(databaseUrl: string) {
  const client = new Client({ connectionString: databaseUrl });
  client.on('error', () => undefined);
  await client.connect();
  atEnd(() => client.end().catch(() => undefined));
  return {
    /** Ids of the transfers that are open at a home. */
    async openAt(home: string): Promise<readonly string[]> {
      const { rows } = await client.query<{ id: string }>(
        `SELECT id FROM transfers WHERE home_node_id = $1 AND state = 'open'`,
        [home],
      );
      return rows.map(({ id }) => id);
    },
    /** How many rows each table of transfers and of what people send has. */
    async counts(): Promise<Readonly<Record<string, number>>> {
      const tables = ['transfers', 'files', 'grants', 'outbox'];
      const columns = tables.map((table) => `(SELECT count(*)::int FROM ${table}) AS ${table}`);
      const { rows } = await client.query<Record<string, number>>(`SELECT ${columns.join(', ')}`);
      return rows[0] ?? {};
    },
    /** As a home that replaces its replica leaves the row, when it dies before the new one has anything. */
    async nameReplica(id: string, replica: string): Promise<void> {
      await client.query(
        `UPDATE transfers SET replica_node_id = $2, replica_state = 'syncing', epoch = epoch + 1 WHERE id = $1`,
        [id, replica],
      );
    },
    /** As if a node had been away for a minute more. */
    async missFor(nodeId: string): Promise<void> {
      await client.query(`UPDATE nodes SET seen_at = seen_at - interval '1 minute' WHERE id = $1`, [nodeId]);
    },
    /** Whether an operator gave up on it, and it was not seen since. */
    async isGivenUp(nodeId: string): Promise<boolean> {
      const { rows } = await client.query('SELECT 1 FROM nodes WHERE id = $1 AND given_up_at > seen_at', [nodeId]);
      return rows.length === 1;
    },
    /** By transfer id or share id; its first file. */
    async share(id: string): Promise<StoredShare> {
      const { rows } = await client.query<StoredShare>(
        `SELECT t.id AS "transferId", t.state, t.home_node_id AS home, t.replica_node_id AS replica,
           t.replica_state AS "replicaState", t.epoch, t.generation, f.id AS "fileId"
         FROM transfers t JOIN files f ON f.transfer_id = t.id AND f.file_index = 0
         WHERE t.id = $1 OR t.share_id = $1`,
        [id],
      );
      const [row] = rows;
      if (row === undefined) throw new Error(`no row of ${id}`);
      return row;
    },
  };
}

/** Each node writes its id into each line of its log. */
export function nodeIdOf(server: TestServer): string {
  const id = /"nodeId":"([^"]+)"/.exec(server.log())?.[1];
  if (id === undefined) throw new Error('the node has not said who it is');
  return id;
}

/** Where a node keeps a file's bytes. */
export function bytesPath(server: Pick<TestServer, 'dataDirectory'>, fileId: string): string {
  return path.join(server.dataDirectory, 'node-0', 'files', fileId.slice(0, 2), `${fileId}.bytes`);
}

/** Turns over one bit, as a disk may. */
export async function flipBit(file: string, offset: number): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, offset);
    byte[0] = (byte[0] ?? 0) ^ 1;
    await handle.write(byte, 0, 1, offset);
  } finally {
    await handle.close();
  }
}

/** As if the machine of a stopped node had booted since. */
export async function simulateReboot(server: Pick<TestServer, 'dataDirectory'>): Promise<void> {
  const file = path.join(server.dataDirectory, 'node-0', 'node.json');
  const node = JSON.parse(await readFile(file, 'utf8')) as object;
  await writeFile(file, JSON.stringify({ ...node, bootId: 'a boot before this one' }));
}
