import { randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { Client } from 'pg';
import { errorTypeOf } from '../../services/contracts/errors.ts';
import { tempDirectory } from '../support/cleanup.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { openUpload, putChunk } from '../support/cluster-client.ts';
import { bytesPath, nodeIdOf, openRows } from '../support/cluster-storage.ts';
import { startProcess } from '../support/processes.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

/** Downloads through several nodes that fail no node, and measure none. */

const START_MS = 180_000;
/** Between two looks at an end that is half a minute away. */
const LOOK_EVERY_MS = 200;

let cluster: TestCluster;
let rows: Awaited<ReturnType<typeof openRows>>;
beforeAll(async () => {
  cluster = await startCluster({
    nodes: 3,
    env: { RATE_LIMIT_DOWNLOADS_PER_MINUTE: '1000000', MAX_CONCURRENT_DOWNLOADS: '100' },
  });
  rows = await openRows(cluster.databaseUrl);
}, START_MS);

describe('aria2c, with eight connections to a sealed file', () => {
  const CHUNKS = 16;
  const MIB = 1024 ** 2;
  const file = randomBytes(CHUNKS * MIB);

  /** The addresses of a new share of the file, its home's first. */
  async function share(options: object): Promise<readonly string[]> {
    const [node] = cluster.nodes as [TestServer];
    const upload = await openUpload(node, file.length, options);
    const put = async (_: unknown, index: number) => (await putChunk(node, upload, file, index)).status;
    expect(await Promise.all(Array.from({ length: CHUNKS }, put))).toEqual(Array(CHUNKS).fill(200));
    const { home, state } = await rows.share(upload.transferId);
    expect(state).toBe('sealed');
    const rank = (one: TestServer) => (nodeIdOf(one) === home ? 0 : 1);
    const nodes = [...cluster.nodes].sort((a, b) => rank(a) - rank(b));
    return nodes.map(({ url }) => `${url}/d/${upload.shareId}/0/some.bin`);
  }

  /** @param isAll the answers that are waited for: a node may write of them when the client has gone. */
  async function aria2c(urls: readonly string[], isAll: (answered: readonly (string | undefined)[]) => boolean) {
    const directory = tempDirectory('aria2c');
    const before = cluster.nodes.map((node) => node.log().length);
    // By itself it does not split what is shorter than 20 MiB; at full speed its first range may be the whole file.
    const split = ['-x8', '-s8', '--min-split-size=1M', '--max-overall-download-limit=16M'];
    const program = startProcess('aria2c', ['--no-conf', ...split, '-d', directory, '-o', 'file', ...urls]);
    const { code } = await program.exited(30_000);
    const answers = () =>
      cluster.nodes.flatMap((node, index) => {
        const lines = node.log().slice(before[index]).split('\n');
        return lines.filter((line) => line.includes('"route":"/d/')).map((line) => /"status":(\d+)/.exec(line)?.[1]);
      });
    const answered = await waitFor('its answers are in the logs', 10_000, () => (isAll(answers()) ? answers() : null));
    return { code, said: program.log(), answered, bytes: code === 0 ? readFileSync(join(directory, 'file')) : null };
  }

  const [atHome, elsewhere, everywhere] = [
    (urls: readonly string[]) => urls.slice(0, 1),
    ([, url]: readonly string[]) => [url ?? ''],
    (urls: readonly string[]) => urls,
  ];
  it.each([
    ['its home', {}, atHome],
    ['a node that is not its home', {}, elsewhere],
    ['its home, as its only download', { maxDownloads: 1 }, atHome],
    ['a node that is not its home, as its only download', { maxDownloads: 1 }, elsewhere],
    ['three nodes at once, as its only download', { maxDownloads: 1 }, everywhere],
  ])('has it whole from %s', async (_whence, options, pick) => {
    const urls = await share(options);
    // In ranges beside each other; those that it lets go of early, because another one was there first, are 499.
    const isInRanges = (answered: readonly unknown[]) =>
      answered.length > 3 && answered.filter((status) => status === '206').length > 1;
    const { code, said, answered, bytes } = await aria2c(pick(urls), isInRanges);
    expect([code, code === 0 ? '' : said]).toEqual([0, '']);
    expect(bytes?.equals(file)).toBe(true);
    expect(answered.filter((status) => !['200', '206', '499'].includes(status ?? ''))).toEqual([]);
    if (!('maxDownloads' in options)) return;
    // Another one, which has not the first one's cookie.
    const second = await aria2c(pick(urls), (answered) => answered.includes('410'));
    expect(second.code).toBe(22);
  });
});

describe('a share with one download', () => {
  it('is over on every node and on no disk once its last download was used up and left alone', async () => {
    const [home, other, third] = cluster.nodes as [TestServer, TestServer, TestServer];
    const put = await fetch(`${home.url}/three.bin`, {
      method: 'PUT',
      headers: { 'Max-Downloads': '1' },
      body: Buffer.alloc(300_000, 9),
    });
    const path = new URL((await put.text()).split('\n')[0] ?? '').pathname;
    const { transferId, fileId } = await rows.share(path.split('/').at(-1) ?? '');
    const copies = () => cluster.nodes.filter((node) => existsSync(bytesPath(node, fileId))).length;
    const askAt = async (node: TestServer, where: string) => {
      const answer = await fetch(`${node.url}${where}`);
      const text = await answer.text();
      return answer.ok ? answer.status : errorTypeOf(JSON.parse(text));
    };
    const shown = () => Promise.all(cluster.nodes.map((node) => askAt(node, path.replace('/d/', '/api/shares/'))));
    expect(await askAt(other, path)).toBe(200);
    await waitFor('both copies', 10_000, async () => copies() === 2);
    expect(await shown()).toEqual([200, 200, 200]);
    const client = new Client({ connectionString: cluster.databaseUrl });
    await client.connect();
    try {
      // As if ten minutes had passed, also after the stream's last word. The leader ends none in its first half minute.
      await waitFor('the end everywhere', 45_000, async () => {
        await client.query("UPDATE leases SET used_at = now() - interval '10 minutes' WHERE transfer_id = $1", [
          transferId,
        ]);
        if ((await shown()).every((said) => said === 'used_up')) return true;
        await delay(LOOK_EVERY_MS);
        return false;
      });
    } finally {
      await client.end();
    }
    await waitFor('no copy', 90_000, async () => copies() === 0);
    expect(await askAt(third, path)).toBe('used_up');
  }, 150_000);
});
