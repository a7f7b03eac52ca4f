import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { atEnd } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { openUpload, putChunk } from '../support/cluster-client.ts';
import { openRows } from '../support/cluster-storage.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;

describe('two nodes with DURABILITY=power', () => {
  let cluster: TestCluster;
  const folder = mkdtempSync(join(tmpdir(), 'peerlink-syncs-'));
  atEnd(() => rm(folder, { recursive: true, force: true }));
  const told = (index: number) => join(folder, String(index));
  /** Names of all that a node has put on the medium so far. */
  const synced = (index: number): readonly string[] =>
    readFileSync(told(index), { encoding: 'utf8', flag: 'a+' })
      .split('\n')
      .filter(Boolean)
      .map((line) => basename(line));

  beforeAll(async () => {
    const preload = join(__dirname, '..', 'support', 'told-syncs.cjs');
    const options = `${process.env.NODE_OPTIONS ?? ''} --require="${preload}"`.trim();
    cluster = await startCluster({
      nodes: 2,
      env: { DURABILITY: 'power', NODE_OPTIONS: options },
      own: (index) => ({ env: { TOLD_SYNCS: told(index) } }),
    });
  }, 60_000);

  it('have bytes and values of a chunk on both media before they acknowledge it', async () => {
    const node = cluster.nodes[0] as TestServer;
    const upload = await openUpload(node, 2 * MIB);
    const rows = await openRows(cluster.databaseUrl);
    const share = await waitFor('a copy in sync', 10_000, async () => {
      const row = await rows.share(upload.transferId);
      return row.replicaState === 'in_sync' ? row : null;
    });
    const wanted = [`${share.fileId}.bytes`, `${share.fileId}.values`];
    const file = randomBytes(2 * MIB);
    for (const index of [0, 1]) {
      const before = [0, 1].map((at) => synced(at).length);
      expect(await putChunk(node, upload, file, index)).toMatchObject({ status: 200 });
      for (const at of [0, 1]) expect(synced(at).slice(before[at])).toEqual(expect.arrayContaining(wanted));
    }
    // The names of both: without them the bytes would be there and nowhere.
    const folders = [share.fileId.slice(0, 2), 'files'];
    for (const at of [0, 1]) expect(synced(at)).toEqual(expect.arrayContaining(folders));
  }, 60_000);
});
