import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { rmSync, statfsSync } from 'node:fs';
import { open as openFile } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import { KIB, MIB } from '../../../services/contracts/limits.ts';
import { atEnd, tempDirectory } from '../../support/cleanup.ts';
import { patternBytes } from '../../support/files.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, begin, curl, type Opened, open, put, putOk, startRoomyServer, statusOf } from './client.ts';

const CHUNK = 64 * KIB;
const digestOf = (bytes: Uint8Array) => Buffer.from(blake3(bytes)).toString('hex');

/** Begins a PUT of the whole file that is sent up to some byte and never ends. */
function sendUpTo(server: TestServer, opened: Opened, content: Buffer, sentBytes: number): void {
  const req = request(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, {
    method: 'PUT',
    agent: false,
    headers: { authorization: `Bearer ${opened.token}`, 'content-length': content.length },
  });
  req.on('error', () => {});
  req.write(content.subarray(0, sentBytes));
}

/** Begins a body of unknown length that never ends. */
function sendWithoutEnd(server: TestServer, opened: Opened, content: Buffer): void {
  const req = request(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, {
    method: 'PUT',
    agent: false,
    headers: { authorization: `Bearer ${opened.token}`, 'transfer-encoding': 'chunked' },
  });
  req.on('error', () => {});
  req.write(content);
}

let server: TestServer;

describe('kill -9 of the server', () => {
  const content = patternBytes('killed upload', 0, 40 * CHUNK + 5);
  const large = patternBytes('killed download', 0, 24 * MIB);
  let upload: Opened;
  let unknown: Opened;
  let sealed: Opened;
  /** What a download had when the server was killed. */
  let got: Buffer;
  let tag: string;

  beforeAll(async () => {
    const first = await startRoomyServer();
    upload = await open(first, [{ sizeBytes: content.length }], { chunkSizeBytes: CHUNK });
    unknown = await open(first, [{ sizeBytes: null }]);
    sealed = await open(first, [{ sizeBytes: large.length }]);
    await putOk(first, sealed, 0, 0, large);
    for (const index of [1, 7, 30]) {
      await putOk(first, upload, 0, index * CHUNK, content.subarray(index * CHUNK, (index + 1) * CHUNK));
    }
    sendUpTo(first, upload, content, 12 * CHUNK + 100);
    sendWithoutEnd(first, unknown, Buffer.alloc(2 * MIB));
    const ranges = async (opened: Opened) => JSON.stringify((await statusOf(first, opened)).files[0]?.committed);
    await waitFor('12 chunks', 20_000, async () => (await ranges(upload)) === '[[0,12],[30,31]]');
    await waitFor('2 chunks', 20_000, async () => (await ranges(unknown)) === '[[0,2]]');
    const reader = await begin(sealed.share, 'GET');
    tag = String(reader.headers.etag);
    const parts: Buffer[] = [];
    let have = 0;
    let isHeld = true;
    const broken = once(reader, 'error');
    reader.on('data', (part: Buffer) => {
      parts.push(part);
      have += part.length;
      if (isHeld && have > 3 * MIB) reader.pause();
    });
    await waitFor('3 MiB', 20_000, () => have > 3 * MIB);
    await first.kill9();
    isHeld = false;
    reader.resume();
    await broken;
    expect(reader.complete).toBe(false);
    got = Buffer.concat(parts);
    server = await startRoomyServer({ dataDirectory: first.dataDirectory, port: first.port });
    atEnd(() => server.kill9());
  }, 180_000);

  it('loses no acknowledged chunk of an upload, which goes on with only the missing ones', async () => {
    const status = await statusOf(server, upload);
    const committed = [
      [0, 12],
      [30, 31],
    ] as const;
    expect(status).toMatchObject({ state: 'open', generation: 1, files: [{ committed }] });
    let sentBytes = 0;
    for (let index = 0; index < 41; index += 1) {
      if (committed.some(([start, end]) => index >= start && index < end)) continue;
      const bytes = content.subarray(index * CHUNK, (index + 1) * CHUNK);
      sentBytes += bytes.length;
      await putOk(server, upload, 0, index * CHUNK, bytes);
    }
    expect(sentBytes).toBe(content.length - 13 * CHUNK);
    expect(await statusOf(server, upload)).toMatchObject({ state: 'sealed', files: [{ digest: digestOf(content) }] });
    expect((await ask(upload.share, 'GET')).body.equals(content)).toBe(true);
  });

  it('lets a download go on by Range, with the same tag and bytes', async () => {
    expect(got.length).toBeLessThan(large.length);
    const rest = await ask(sealed.share, 'GET', { headers: { range: `bytes=${got.length}-`, 'if-range': tag } });
    expect(rest.status).toBe(206);
    expect(Buffer.concat([got, rest.body]).equals(large)).toBe(true);
  });

  it('ends a body of unknown length, which nobody can continue', async () => {
    await waitFor('410', 10_000, async () => (await ask(unknown.share, 'GET')).type === 'ended');
  });
});

describe('damage on the disk', () => {
  it('is never delivered: the answer is a fault before the first byte, and a broken stream after it', async () => {
    const content = patternBytes('damaged', 0, 9 * MIB);
    const opened = await open(server, [{ sizeBytes: content.length }]);
    await putOk(server, opened, 0, 0, content);
    const find = [server.dataDirectory, '-name', '*.bytes', '-size', `${content.length}c`];
    const path = execFileSync('find', find, { encoding: 'utf8' }).trim();
    const file = await openFile(path, 'r+');
    await file.write(Buffer.alloc(16), 0, 16, 5 * MIB + 77);
    await file.close();
    const at = await ask(opened.share, 'GET', { headers: { range: `bytes=${5 * MIB}-` } });
    expect(at).toMatchObject({ status: 500, type: 'damaged' });
    await expect(ask(opened.share, 'GET')).rejects.toThrow();
    const sound = await ask(opened.share, 'GET', { headers: { range: `bytes=0-${5 * MIB - 1}` } });
    expect(sound.body.equals(content.subarray(0, 5 * MIB))).toBe(true);
    expect((await curl(['-o', '/dev/null', opened.share])).code).toBe(18);
  });
});

describe('a full disk', () => {
  it('is 507: nothing partial is shown, the rest is unharmed, and it heals when there is space', async () => {
    const disk = tempDirectory('small-disk');
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256m', 'tmpfs', disk]);
    atEnd(() => void execFileSync('umount', ['-l', disk]));
    const server = await startRoomyServer({ dataDirectory: disk });
    atEnd(() => server.kill9());
    const kept = patternBytes('kept', 0, 3 * MIB);
    // Before the node's first write: it looks at the disk then, and for half a second believes what it saw.
    const ballast = join(disk, 'ballast');
    const { bavail, bsize } = statfsSync(disk);
    const ballastBytes = bavail * bsize - kept.length - 48 * MIB;
    expect(ballastBytes).toBeGreaterThan(0);
    execFileSync('fallocate', ['-l', String(ballastBytes), ballast]);
    const before = await open(server, [{ sizeBytes: kept.length }]);
    await putOk(server, before, 0, 0, kept);
    const large = patternBytes('large', 0, 40 * MIB);

    const sent = await curl(['-T', '-', '-o', '-', '-w', '\n%{http_code}', `${server.url}/too-large.bin`], {
      input: large,
    });
    expect(sent.stdout).toContain('urn:peerlink:error:disk_full');
    expect(sent.stdout.trim().endsWith('507')).toBe(true);

    const opened = await open(server, [{ sizeBytes: large.length }]);
    const refused = await put(server, opened, 0, 0, large);
    expect(refused).toMatchObject({ status: 507, type: 'disk_full' });
    const { state, files } = await statusOf(server, opened);
    expect(state).toBe('open');
    const had = files[0]?.committed.reduce((sum, [start, end]) => sum + end - start, 0) ?? 0;
    expect(had).toBeGreaterThan(0);
    expect(had).toBeLessThan(40);
    expect((await ask(before.share, 'GET')).body.equals(kept)).toBe(true);
    expect((await ask(`${server.url}/readyz`, 'GET')).status).toBe(200);

    rmSync(ballast);
    await waitFor('space', 10_000, async () => (await put(server, opened, 0, 0, large)).status === 200);
    expect(await statusOf(server, opened)).toMatchObject({ state: 'sealed', files: [{ digest: digestOf(large) }] });
    expect((await ask(opened.share, 'GET')).body.equals(large)).toBe(true);
  }, 180_000);
});
