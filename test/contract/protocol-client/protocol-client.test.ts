import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { tempDirectory } from '../../support/cleanup.ts';
import { b3sum, makePatternFile } from '../../support/files.ts';
import { startProcess, type TestProcess } from '../../support/processes.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';

const MIB = 1024 * 1024;
const FILE_CHUNKS = 192;
const DEADLINE_MS = 60_000;
/** How quickly a server starts is another test's business. */
const START_DEADLINE_MS = 120_000;
const CLIENT = join(__dirname, 'peerlink.mjs');

const client = (...args: readonly string[]): TestProcess => startProcess(process.execPath, [CLIENT, ...args]);

/** Chunks named by lines such as `stored 3-5`, with repetitions. */
function chunksOf(log: string, word: 'sending' | 'stored'): number[] {
  const chunks: number[] = [];
  for (const [, first, last] of log.matchAll(new RegExp(`^${word} (\\d+)-(\\d+)$`, 'gm'))) {
    for (let index = Number(first); index < Number(last); index += 1) chunks.push(index);
  }
  return chunks;
}

async function linkOf(sender: TestProcess): Promise<string> {
  return await waitFor('the sender names the link', DEADLINE_MS, () => /^link (\S+)$/m.exec(sender.log())?.[1]);
}

async function storedCount(sender: TestProcess, count: number): Promise<void> {
  await waitFor(`${count} chunks are stored`, DEADLINE_MS, () => chunksOf(sender.log(), 'stored').length >= count);
}

async function expectDone(program: TestProcess, digest: string): Promise<void> {
  const { code } = await program.exited(DEADLINE_MS);
  expect({ code, tail: program.log().split('\n').slice(-2) }).toEqual({ code: 0, tail: [`digest ${digest}`, ''] });
}

describe('a client written from docs/PROTOCOL.md alone', () => {
  let folder: string;
  let source: string;
  let digest: string;
  let server: TestServer;

  beforeAll(async () => {
    folder = tempDirectory('protocol-client');
    source = join(folder, 'source.bin');
    // Its last chunk is a short one.
    await makePatternFile(source, FILE_CHUNKS * MIB - 12_345);
    digest = await b3sum(source);
    server = await startServer({ readyDeadlineMs: START_DEADLINE_MS });
  }, 240_000);

  it('goes on after kill -9 of the server, uploading only what is missing, downloading across the seal', async () => {
    const target = join(folder, 'target.bin');
    const sender = client('send', server.url, source, '--parallel', '2', '--run-bytes', String(MIB));
    const receiver = client('receive', await linkOf(sender), target);
    await storedCount(sender, FILE_CHUNKS / 4);
    await waitFor('the first bytes arrive', DEADLINE_MS, () => receiver.log().includes('received '));
    await server.kill9();
    const storedBefore = new Set(chunksOf(sender.log(), 'stored'));
    const sentBefore = chunksOf(sender.log(), 'sending').length;
    expect(storedBefore.size).toBeLessThan(FILE_CHUNKS);

    server = await startServer({
      port: server.port,
      dataDirectory: server.dataDirectory,
      readyDeadlineMs: START_DEADLINE_MS,
    });
    await expectDone(sender, digest);
    await expectDone(receiver, digest);

    const sentAfter = chunksOf(sender.log(), 'sending').slice(sentBefore);
    expect(sentAfter.filter((index) => storedBefore.has(index))).toEqual([]);
    // It went on by Range, and the tag of the growing file was still good after the seal.
    expect(receiver.log()).toMatch(/^receiving 200 from 0$/m);
    expect(receiver.log()).toMatch(/^receiving 206 from [1-9]\d*$/m);
    expect(receiver.log().match(/^receiving 200 /gm)).toHaveLength(1);
    expect(await b3sum(target)).toBe(digest);
  }, 180_000);

  it('goes on with an upload and a download whose own programs were killed', async () => {
    const target = join(folder, 'second.bin');
    const first = client('send', server.url, source, '--parallel', '2', '--run-bytes', String(MIB));
    await storedCount(first, FILE_CHUNKS / 4);
    const link = await linkOf(first);
    const receiver = client('receive', link, target);
    await waitFor('the first bytes arrive', DEADLINE_MS, () => receiver.log().includes('received '));
    await receiver.kill9();
    await first.kill9();
    const stored = new Set(chunksOf(first.log(), 'stored'));
    expect(stored.size).toBeLessThan(FILE_CHUNKS);

    const second = client('send', server.url, source);
    await expectDone(second, digest);
    expect(await linkOf(second)).toBe(link);
    expect(chunksOf(second.log(), 'sending').filter((index) => stored.has(index))).toEqual([]);

    const have = (await stat(target)).size;
    const again = client('receive', link, target);
    await expectDone(again, digest);
    expect(again.log()).toContain(`receiving 206 from ${have}\n`);
    expect(await b3sum(target)).toBe(digest);
  }, 180_000);

  it('is told by type what it may not repeat', async () => {
    const missing = client('receive', `${server.url}/d/1111111111111111111111`, join(folder, 'none.bin'));
    expect((await missing.exited(DEADLINE_MS)).code).toBe(1);
    expect(missing.log()).toContain('404 urn:peerlink:error:not_found');
  });
});
