import { once } from 'node:events';
import { request } from 'node:http';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { blake3 } from '@noble/hashes/blake3.js';
import { io, type Socket } from 'socket.io-client';
import { MIB } from '../../../services/contracts/limits.ts';
import { type Acknowledged, CHUNK_PATH, type ChunkStored } from '../../../services/contracts/socket.ts';
import { atEnd } from '../../support/cleanup.ts';
import { patternBytes } from '../../support/files.ts';
import type { TestServer } from '../../support/server.ts';
import { waitFor } from '../../support/waiting.ts';
import { ask, begin, type Opened, open, put, putOk, statusOf } from './client.ts';
import { CHUNK, dataOf, SMALL, theServer } from './one-server.ts';

const digestOf = (bytes: Uint8Array) => Buffer.from(blake3(bytes)).toString('hex');

let server: TestServer;
beforeAll(() => {
  server = theServer();
});

describe('an upload by runs', () => {
  it('takes runs in any order and in parallel, says what is there, and seals with the last chunk', async () => {
    const content = patternBytes('runs', 0, 9 * CHUNK + 1000);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    expect(opened.answer.transfer.files[0]).toMatchObject({ chunkSizeBytes: CHUNK, chunkCount: 10, digest: null });
    expect(await putOk(server, opened, 0, 9 * CHUNK, content.subarray(9 * CHUNK))).toEqual({
      committed: [[9, 10]],
      state: 'open',
      digest: null,
    });
    await putOk(server, opened, 0, 2 * CHUNK, content.subarray(2 * CHUNK, 4 * CHUNK));
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([
      [2, 4],
      [9, 10],
    ]);
    const rest = [0, 1, 4, 5, 6, 7, 8].map((index) =>
      putOk(server, opened, 0, index * CHUNK, content.subarray(index * CHUNK, (index + 1) * CHUNK)),
    );
    const answers = await Promise.all(rest);
    const sealed = answers.filter((answer) => answer.state === 'sealed');
    expect(sealed.length).toBeGreaterThanOrEqual(1);
    expect(sealed[0]?.digest).toBe(digestOf(content));
    expect(await statusOf(server, opened)).toMatchObject({ state: 'sealed', files: [{ digest: digestOf(content) }] });
    const back = await ask(opened.share, 'GET');
    expect(back.body.equals(content)).toBe(true);
    expect(back.headers['x-blake3']).toBe(digestOf(content));
  });

  it('takes overlapping runs and the whole file again, also after the seal, without another byte changing', async () => {
    const content = patternBytes('again', 0, 4 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    await putOk(server, opened, 0, CHUNK, content.subarray(CHUNK, 3 * CHUNK));
    expect((await putOk(server, opened, 0, 0, content)).committed).toEqual([[0, 4]]);
    expect(await putOk(server, opened, 0, 0, content)).toMatchObject({ state: 'sealed', digest: digestOf(content) });
  });

  it('commits each chunk as it completes inside a body that never ends', async () => {
    const content = patternBytes('inside', 0, 8 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const req = request(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, {
      method: 'PUT',
      agent: false,
      headers: { authorization: `Bearer ${opened.token}`, 'content-length': content.length },
    });
    req.on('error', () => {});
    req.write(content.subarray(0, 3 * CHUNK + 10));
    await waitFor('three chunks', 10_000, async () => {
      const { files } = await statusOf(server, opened);
      return JSON.stringify(files[0]?.committed) === '[[0,3]]';
    });
    req.destroy();
    await putOk(server, opened, 0, 3 * CHUNK, content.subarray(3 * CHUNK));
    expect((await ask(opened.share, 'GET')).body.equals(content)).toBe(true);
  });

  it('takes a body whose length is not said', async () => {
    const content = patternBytes('chunked', 0, 2 * CHUNK + 5);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const answer = await chunked(server, opened, 0, [content.subarray(0, 7), content.subarray(7)]);
    expect(answer).toMatchObject({ status: 200 });
    const short = await open(server, [{ sizeBytes: content.length }], SMALL);
    const refused = await chunked(server, short, 0, [content.subarray(0, CHUNK + 1)]);
    expect(refused).toMatchObject({ status: 400, type: 'bad_run' });
    expect(refused.data?.committed).toEqual([[0, 1]]);
    const long = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    expect(await chunked(server, long, 0, [content.subarray(0, CHUNK + 1)])).toMatchObject({
      status: 400,
      type: 'bad_run',
    });
  });

  it('checks a chunk against the value sent along, and discards it when it has another', async () => {
    const content = Buffer.alloc(40_000);
    for (let at = 0; at < content.length; at += 1) content[at] = at % 251;
    const values = [
      '5384f9b342c6cb86badedcbe662b0e980476a8db17db3cc1f13b19329749ab1f',
      '406632eceb31aa6735f072ad0554f5963f4082b5139978455b44f67732cf949d',
      '083663d9bddc14d40cc2f3869e01c5bebde7632dfea165eda38af01d93d5045b',
    ];
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const chunk = (index: number) => content.subarray(index * CHUNK, (index + 1) * CHUNK);
    const wrong = await put(server, opened, 0, 0, chunk(0), { 'x-chunk-value': values[1] ?? '' });
    expect(wrong).toMatchObject({ status: 422, type: 'digest_mismatch' });
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([]);
    const twoChunks = await put(server, opened, 0, 0, content.subarray(0, 2 * CHUNK), {
      'x-chunk-value': values[0] ?? '',
    });
    expect(twoChunks).toMatchObject({ status: 400, type: 'bad_request' });
    expect(await put(server, opened, 0, 0, chunk(0), { 'x-chunk-value': 'zz' })).toMatchObject({ status: 400 });
    for (const [index, value] of values.entries()) {
      expect(await put(server, opened, 0, index * CHUNK, chunk(index), { 'x-chunk-value': value })).toMatchObject({
        status: 200,
      });
    }
    expect((await statusOf(server, opened)).files[0]?.digest).toBe(
      'ccd32b4544a24c50fbefb249e10a8fcedc26e2794c79eb8a44ad0631bf07f53f',
    );
  });

  it('ends a transfer whose file does not have the digest it was opened with', async () => {
    const content = patternBytes('promised', 0, CHUNK + 1);
    const good = await open(server, [{ sizeBytes: content.length, digest: digestOf(content) }], SMALL);
    expect(await putOk(server, good, 0, 0, content)).toMatchObject({ state: 'sealed' });
    const bad = await open(server, [{ sizeBytes: content.length, digest: 'ab'.repeat(32) }], SMALL);
    expect(await put(server, bad, 0, 0, content)).toMatchObject({ status: 422, type: 'digest_mismatch' });
    expect(await ask(bad.share, 'GET')).toMatchObject({ status: 410, type: 'ended' });
  });

  it('seals several files each by itself and the transfer with the last, empty ones at the opening', async () => {
    const sizes = [0, 1, CHUNK, 2 * CHUNK + 1, 0];
    const contents = sizes.map((size, index) => patternBytes(`file ${index}`, 0, size));
    const opened = await open(
      server,
      sizes.map((sizeBytes, index) => ({ sizeBytes, path: `folder/${index}.bin` })),
      SMALL,
    );
    expect(opened.answer.transfer.files.map((file) => file.digest !== null)).toEqual([true, false, false, false, true]);
    expect((await put(server, opened, 0, 0, Buffer.alloc(0))).status).toBe(200);
    for (const index of [3, 1]) {
      expect((await putOk(server, opened, index, 0, contents[index] ?? Buffer.alloc(0))).state).toBe('open');
    }
    expect((await putOk(server, opened, 2, 0, contents[2] ?? Buffer.alloc(0))).state).toBe('sealed');
    for (const [index, content] of contents.entries()) {
      const back = await ask(`${opened.share}/${index}`, 'GET');
      expect(back.body.equals(content)).toBe(true);
      expect(back.headers['x-blake3']).toBe(digestOf(content));
    }
  });

  it('begins sealed when it holds empty files only', async () => {
    const opened = await open(server, [{ sizeBytes: 0, path: 'nothing.txt' }]);
    expect(opened.answer.transfer.state).toBe('sealed');
    const back = await ask(opened.share, 'GET');
    expect(back).toMatchObject({ status: 200 });
    expect(back.headers['content-length']).toBe('0');
    expect(back.headers['x-blake3']).toBe('af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262');
  });

  it('moves 32 MiB in parallel runs of 8 MiB byte for byte', async () => {
    const content = patternBytes('large', 0, 32 * MIB - 12_345);
    const opened = await open(server, [{ sizeBytes: content.length }]);
    const runs = [0, 1, 2, 3].map((run) =>
      putOk(server, opened, 0, run * 8 * MIB, content.subarray(run * 8 * MIB, (run + 1) * 8 * MIB)),
    );
    await Promise.all(runs);
    const back = await ask(opened.share, 'GET');
    expect(back.body.equals(content)).toBe(true);
  });
});

/** A PUT with chunked transfer coding. */
async function chunked(to: TestServer, opened: Opened, fileIndex: number, pieces: readonly Uint8Array[]) {
  const req = request(`${to.url}/api/transfers/${opened.id}/files/${fileIndex}?offset=0`, {
    method: 'PUT',
    agent: false,
    headers: { authorization: `Bearer ${opened.token}`, 'transfer-encoding': 'chunked' },
  });
  const answered = once(req, 'response');
  for (const piece of pieces) req.write(piece);
  req.end();
  const [response] = await answered;
  let text = '';
  for await (const part of response) text += String(part);
  const body = JSON.parse(text) as { type?: string; data?: { committed?: unknown } };
  return {
    status: response.statusCode as number,
    type: body.type?.replace('urn:peerlink:error:', ''),
    data: body.data,
  };
}

describe('one chunk, several writers', () => {
  it('refuses other bytes for a committed chunk, also after the seal; the first ones stay', async () => {
    const content = patternBytes('first', 0, 2 * CHUNK);
    const other = patternBytes('second', 0, 2 * CHUNK);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    await putOk(server, opened, 0, 0, content.subarray(0, CHUNK));
    const refused = await put(server, opened, 0, 0, other);
    await waitFor('the seal', 5_000, async () => {
      const { state } = await statusOf(server, opened);
      return state === 'sealed' || (await put(server, opened, 0, CHUNK, content.subarray(CHUNK))).status === 200;
    });
    expect(refused).toMatchObject({ status: 409, type: 'chunk_conflict' });
    expect(dataOf(refused)).toMatchObject({ chunkIndex: 0 });
    const { files } = await statusOf(server, opened);
    // The refused body's second chunk may have been committed before its first was compared: then it is there for good.
    const second = files[0]?.digest === digestOf(content) ? content : other;
    const mixed = Buffer.concat([content.subarray(0, CHUNK), second.subarray(CHUNK)]);
    expect(files[0]?.digest).toBe(digestOf(mixed));
    expect(await put(server, opened, 0, 0, other.subarray(0, CHUNK))).toMatchObject({
      status: 409,
      type: 'chunk_conflict',
    });
    expect((await ask(opened.share, 'GET')).body.equals(mixed)).toBe(true);
  });

  it('gives a chunk that many write at once to exactly one body', async () => {
    const opened = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const bodies = Array.from({ length: 8 }, (_, index) => patternBytes(`writer ${index % 3}`, 0, CHUNK));
    const answers = await Promise.all(bodies.map((body) => put(server, opened, 0, 0, body)));
    const { body: stored } = await ask(opened.share, 'GET');
    for (const [index, answer] of answers.entries()) {
      if (answer.status === 200) expect(bodies[index]?.equals(stored)).toBe(true);
      else expect(['chunk_conflict', 'superseded']).toContain(answer.type);
    }
    expect(answers.some((answer) => answer.status === 200)).toBe(true);
  });
});

describe('a body of unknown length', () => {
  it.each([0, 1, MIB, MIB + 1, 3 * MIB + 777])('of %d bytes is sealed by its clean end', async (size) => {
    const content = patternBytes('unknown', 0, size);
    const opened = await open(server, [{ sizeBytes: null }]);
    const answer = await chunked(server, opened, 0, size === 0 ? [] : [content]);
    expect(answer.status).toBe(200);
    const back = await ask(opened.share, 'GET');
    expect(back.body.equals(content)).toBe(true);
    expect(back.headers['x-blake3']).toBe(digestOf(content));
    expect(back.headers['content-length']).toBe(String(size));
  });

  it('ends its transfer and its readers when it breaks', async () => {
    const opened = await open(server, [{ sizeBytes: null }]);
    const req = request(`${server.url}/api/transfers/${opened.id}/files/0?offset=0`, {
      method: 'PUT',
      agent: false,
      headers: { authorization: `Bearer ${opened.token}`, 'transfer-encoding': 'chunked' },
    });
    req.on('error', () => {});
    req.write(patternBytes('broken', 0, MIB + 5));
    const reader = await begin(opened.share, 'GET');
    expect(reader.headers['accept-ranges']).toBe('none');
    const [first] = await once(reader, 'data');
    expect(first.length).toBeGreaterThan(0);
    const broken = once(reader, 'error');
    reader.resume();
    const second = await chunked(server, opened, 0, [patternBytes('broken', 0, 10)]);
    expect(second).toMatchObject({ status: 409, type: 'superseded' });
    req.destroy();
    await broken;
    expect(reader.complete).toBe(false);
    await waitFor('410', 5_000, async () => (await ask(opened.share, 'GET')).type === 'ended');
  });

  it('is refused beyond what a file may have', async () => {
    const opened = await open(server, [{ sizeBytes: null }]);
    const answer = await chunked(server, opened, 0, [Buffer.alloc(65 * MIB)]);
    expect(answer).toMatchObject({ status: 413, type: 'too_large' });
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410 });
  });
});

describe('the Socket.IO door', () => {
  let socket: Socket;
  beforeAll(async () => {
    const session = await ask(`${server.url}/api/session`, 'POST', { headers: { 'content-type': 'application/json' } });
    const cookie = (session.headers['set-cookie'] ?? []).map((each) => each.split(';')[0]).join('; ');
    socket = io(server.url, {
      path: CHUNK_PATH,
      transports: ['websocket'],
      reconnection: false,
      extraHeaders: { cookie },
    });
    atEnd(() => void socket.disconnect());
    await waitFor('the connection', 20_000, () => socket.connected);
  }, 30_000);
  const send = (head: unknown, bytes: unknown): Promise<Acknowledged<ChunkStored>> =>
    socket.timeout(20_000).emitWithAck('chunk', head, bytes);
  const refusal = async (head: unknown, bytes: unknown) => {
    const answer = await send(head, bytes);
    return answer.ok ? 'stored' : answer.problem.type.replace('urn:peerlink:error:', '');
  };

  it('takes single chunks in any order, acknowledges each after its commit, and seals', async () => {
    const content = patternBytes('socket', 0, 5 * CHUNK + 9);
    const opened = await open(server, [{ sizeBytes: content.length }], SMALL);
    const head = (chunkIndex: number) => ({
      transferId: opened.id,
      uploadToken: opened.token,
      fileIndex: 0,
      chunkIndex,
    });
    const chunk = (index: number) => content.subarray(index * CHUNK, (index + 1) * CHUNK);
    expect(await send(head(3), chunk(3))).toEqual({ ok: true, result: { chunkIndex: 3, state: 'open', digest: null } });
    expect((await statusOf(server, opened)).files[0]?.committed).toEqual([[3, 4]]);
    const rest = await Promise.all([5, 0, 4, 1, 2].map((index) => send(head(index), chunk(index))));
    const sealed = rest.find((answer) => answer.ok && answer.result.state === 'sealed');
    expect(sealed).toMatchObject({ ok: true, result: { digest: digestOf(content) } });
    expect(await send(head(3), chunk(3))).toMatchObject({ ok: true });
    expect(await refusal(head(3), chunk(2))).toBe('chunk_conflict');
    expect((await ask(opened.share, 'GET')).body.equals(content)).toBe(true);
  });

  it("refuses what is no chunk of the sender's own transfer, and stores nothing of it", async () => {
    const opened = await open(
      server,
      [{ sizeBytes: 2 * CHUNK + 5 }, { sizeBytes: null }, { sizeBytes: 4 * MIB }],
      SMALL,
    );
    const foreign = await open(server, [{ sizeBytes: CHUNK }], SMALL);
    const good = { transferId: opened.id, uploadToken: opened.token, fileIndex: 0, chunkIndex: 0 };
    const bytes = Buffer.alloc(CHUNK);
    const cases: [unknown, unknown, string][] = [
      [{ ...good, chunkIndex: 3 }, bytes, 'bad_offset'],
      [{ ...good, chunkIndex: -1 }, bytes, 'bad_request'],
      [{ ...good, chunkIndex: 0.5 }, bytes, 'bad_request'],
      [{ ...good, chunkIndex: Number.MAX_SAFE_INTEGER }, bytes, 'bad_offset'],
      [{ ...good, chunkIndex: '0' }, bytes, 'bad_request'],
      [{ ...good, fileIndex: 3 }, bytes, 'not_found'],
      [{ ...good, fileIndex: 'length' }, bytes, 'bad_request'],
      [{ ...good, fileIndex: 1 }, Buffer.alloc(MIB), 'use_http'],
      [good, Buffer.alloc(CHUNK - 1), 'bad_run'],
      [good, Buffer.alloc(CHUNK + 1), 'bad_run'],
      [good, Buffer.alloc(0), 'bad_run'],
      [{ ...good, chunkIndex: 2 }, bytes, 'bad_run'],
      [good, 'text', 'bad_request'],
      [good, null, 'bad_request'],
      [{ ...good, chunkValue: 'ab'.repeat(32) }, bytes, 'digest_mismatch'],
      [{ ...good, chunkValue: 'zz' }, bytes, 'bad_request'],
      [{ ...good, uploadToken: foreign.token }, bytes, 'not_found'],
      [{ ...good, uploadToken: null }, bytes, 'bad_request'],
      [{ ...good, transferId: 'Unknown1dUnknown1d' }, bytes, 'not_found'],
      [{ ...good, transferId: { $ne: 1 } }, bytes, 'bad_request'],
      [null, bytes, 'bad_request'],
      [[], bytes, 'bad_request'],
    ];
    for (const [head, body, wanted] of cases) expect([head, await refusal(head, body)]).toEqual([head, wanted]);
    expect((await statusOf(server, opened)).files.map((file) => file.committed)).toEqual([[], [], []]);
    const large = await open(server, [{ sizeBytes: 4 * MIB }], { chunkSizeBytes: 2 * MIB });
    const head = { ...good, transferId: large.id, uploadToken: large.token };
    expect(await refusal(head, Buffer.alloc(MIB))).toBe('use_http');
  });
});

describe('the end of a transfer', () => {
  it('comes by its owner: writers and waiting readers are told, its link is gone, and again is fine', async () => {
    const opened = await open(server, [{ sizeBytes: 3 * CHUNK }], SMALL);
    await putOk(server, opened, 0, 0, Buffer.alloc(CHUNK));
    const reader = await begin(opened.share, 'GET');
    reader.resume();
    const broken = once(reader, 'error');
    const url = `${server.url}/api/transfers/${opened.id}`;
    const authorization = `Bearer ${opened.token}`;
    expect(await ask(url, 'DELETE', { headers: { authorization: 'Bearer wrong' } })).toMatchObject({ status: 404 });
    expect((await ask(url, 'DELETE', { headers: { authorization } })).status).toBe(204);
    await broken;
    expect(await ask(opened.share, 'GET')).toMatchObject({ status: 410, type: 'ended' });
    expect(await put(server, opened, 0, CHUNK, Buffer.alloc(CHUNK))).toMatchObject({ status: 410, type: 'ended' });
    expect((await ask(url, 'DELETE', { headers: { authorization } })).status).toBe(204);
  });

  it('comes by its time: 410 within two seconds, for readers, writers and the page alike', async () => {
    const opened = await open(server, [{ sizeBytes: 2 * CHUNK }], { ...SMALL, expiresInSeconds: 1 });
    const url = `${server.url}/api/shares/${opened.shareId}`;
    expect((await ask(url, 'GET')).status).toBe(200);
    await waitFor('410', 3_000, async () => (await ask(opened.share, 'GET')).type === 'expired');
    expect(await ask(url, 'GET')).toMatchObject({ status: 410, type: 'expired' });
    expect(await put(server, opened, 0, 0, Buffer.alloc(CHUNK))).toMatchObject({ status: 410, type: 'expired' });
  });

  it('can be put off by its owner', async () => {
    const opened = await open(server, [{ sizeBytes: 0 }], { expiresInSeconds: 30 });
    const change = await ask(`${server.url}/api/transfers/${opened.id}`, 'PATCH', {
      body: Buffer.from(JSON.stringify({ expiresInSeconds: 3600, maxDownloads: 5 })),
      headers: { authorization: `Bearer ${opened.token}`, 'content-type': 'application/json' },
    });
    expect(change.status).toBe(200);
    const left = Date.parse(change.json<{ expiresAt: string }>().expiresAt) - Date.now();
    expect(left).toBeGreaterThan(3_500_000);
  });
});
