import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../native/index.ts';
import { errorTypeOf, typeOfFault } from '../../services/contracts/errors.ts';
import { PeerAuth } from '../../services/transfer/peer/peer-auth.ts';
import { PeerClient } from '../../services/transfer/peer/peer-client.ts';
import { createReplicaConnector } from '../../services/transfer/peer/replica-connector.ts';
import { encodeFrameHeader } from '../../services/transfer/peer/replica-wire.ts';
import { makeAuthority } from '../support/certificates.ts';
import { startCluster, type TestCluster } from '../support/cluster.ts';
import { getFile, type OpenUpload, openUploadAt, putChunk } from '../support/cluster-client.ts';
import { startPeerWire } from '../support/peer-wire.ts';
import { freePort } from '../support/ports.ts';
import type { TestServer } from '../support/server.ts';
import { waitFor } from '../support/waiting.ts';

const MIB = 1024 ** 2;
const SECRET = 'the secret of the peer link test';
/** A node that is busy when it is asked is not for so long. */
const netIo = loadNetIo({ useNative: true });

const idOf = (node: TestServer): string =>
  (JSON.parse(readFileSync(join(node.dataDirectory, 'node-0', 'node.json'), 'utf8')) as { nodeId: string }).nodeId;

/** What another node, which this test is, would ask with. */
function peer(nodes: readonly TestServer[], nodeId = 'test-node', isObfuscated = true) {
  const urls = new Map(nodes.map((node) => [idOf(node), node.url]));
  const auth = new PeerAuth({ secret: Buffer.from(SECRET), nodeId, nowMs: Date.now });
  const client = new PeerClient({
    auth,
    netIo,
    isObfuscated,
    urlOf: async (id) => urls.get(id) ?? null,
    countBytes: () => {},
  });
  const connector = createReplicaConnector({ client, auth, netIo, isObfuscated, countBytes: () => {} });
  return { auth, client, connector };
}

/** The home stays, whatever happens. */
const STAYING = { hasLeft: () => false, isGone: async () => false };
const put = (node: TestServer, upload: OpenUpload, offset = 0) => ({
  nodeId: idOf(node),
  transferId: upload.transferId,
  fileIndex: 0,
  offset,
  epoch: 1,
  lengthBytes: MIB,
  chunkValue: null,
});

async function readAll(client: PeerClient, target: Parameters<PeerClient['read']>[0]): Promise<Buffer> {
  const reading = await client.read(target, new AbortController().signal);
  const parts: Buffer[] = [];
  for (let piece = await reading.next(); piece !== null; piece = await reading.next()) {
    parts.push(...piece.bytes.map((bytes) => Buffer.from(bytes)));
    piece.release();
  }
  return Buffer.concat(parts);
}

const typeOf = (work: Promise<unknown>): Promise<string> => work.then(() => 'nothing thrown', typeOfFault);

/** Status and problem type of a request as it stands. */
function raw(node: TestServer, method: string, path: string, headers: Record<string, string>) {
  return new Promise<{ status: number; type: string | undefined }>((resolve, reject) => {
    const req = request(`${node.url}${path}`, { method, headers }, async (res) => {
      const parts: Buffer[] = [];
      for await (const part of res as AsyncIterable<Buffer>) parts.push(part);
      const text = Buffer.concat(parts).toString();
      const problem = text.startsWith('{') ? (JSON.parse(text) as { type?: string }) : {};
      resolve({ status: res.statusCode ?? 0, type: errorTypeOf(problem) });
    });
    req.once('error', reject);
    req.end();
  });
}

describe('what one node asks of another', () => {
  let cluster: TestCluster;
  let nodes: readonly [TestServer, TestServer];

  beforeAll(async () => {
    // Some tests open one after the other until it is at home where they want it.
    const env = { CLUSTER_SECRET: SECRET, REPLICATION_FACTOR: '2', MAX_CONCURRENT_TRANSFERS: '100' };
    cluster = await startCluster({ nodes: 2, env });
    nodes = cluster.nodes as unknown as [TestServer, TestServer];
  }, 180_000);

  it('is not there without a valid MAC: forged, stale, repeated, for another node, or none', async () => {
    const [home, other] = nodes;
    const { auth } = peer(nodes);
    const ask = { method: 'GET', path: '/peer/ping', lengthBytes: null, epoch: 0, isObfuscated: false, chunkValue: '' };
    const good = auth.sign(idOf(home), ask).headers;
    expect(await raw(home, 'GET', '/peer/ping', { ...good })).toEqual({ status: 204, type: undefined });
    const nothing = { status: 404, type: 'not_found' };
    expect(await raw(home, 'GET', '/peer/ping', { ...good })).toEqual(nothing);
    expect(await raw(home, 'GET', '/peer/ping', {})).toEqual(nothing);
    expect(await raw(other, 'GET', '/peer/ping', { ...auth.sign(idOf(home), ask).headers })).toEqual(nothing);
    const changed = { ...auth.sign(idOf(home), ask).headers, 'x-peer-epoch': '9' };
    expect(await raw(home, 'GET', '/peer/ping', changed)).toEqual(nothing);
    const old = new PeerAuth({ secret: Buffer.from(SECRET), nodeId: 'n', nowMs: () => Date.now() - 61_000 });
    expect(await raw(home, 'GET', '/peer/ping', { ...old.sign(idOf(home), ask).headers })).toEqual(nothing);
    const foreign = new PeerAuth({ secret: Buffer.from('another'), nodeId: 'n', nowMs: Date.now });
    expect(await raw(home, 'GET', '/peer/ping', { ...foreign.sign(idOf(home), ask).headers })).toEqual(nothing);
    const path = '/peer/transfers/abcdefgh12/chunks';
    const signed = auth.sign(idOf(home), { ...ask, path }).headers;
    expect(await raw(home, 'GET', path, { ...signed })).toEqual({ status: 405, type: 'method_not_allowed' });
  });

  it('ping: answers, refuses where nobody listens, and a node that is another is not the one asked for', async () => {
    const { client } = peer(nodes);
    expect(await client.probe(idOf(nodes[0]))).toBe('alive');
    const nobody = new PeerClient({
      auth: new PeerAuth({ secret: Buffer.from(SECRET), nodeId: 'n', nowMs: Date.now }),
      netIo,
      isObfuscated: true,
      urlOf: async (id) => (id === 'moved-in' ? nodes[0].url : `http://127.0.0.1:${await freePort()}`),
      countBytes: () => {},
    });
    expect(await nobody.probe('gone')).toBe('refused');
    expect(await nobody.probe('moved-in')).toBe('refused');
    for (const one of [client, nobody]) one.close();
  });

  it.each([true, false])('a run is taken and read again, obfuscated: %s', async (isObfuscated) => {
    const [home] = nodes;
    const { client } = peer(nodes, 'test-node', isObfuscated);
    const bytes = randomBytes(2 * MIB + 5);
    const upload = await openUploadAt(home, bytes.length);
    const first = await client.forwardRun(put(home, upload), { bytes: Buffer.from(bytes.subarray(0, MIB)) }, STAYING);
    expect(first).toMatchObject({ committed: [[0, 1]], state: 'open' });
    const target = { nodeId: idOf(home), transferId: upload.transferId, fileIndex: 0, epoch: 1, told: null };
    // Whoever reads beyond what is there waits for it.
    const waiting = readAll(client, { ...target, from: 100, to: null });
    const rest = { ...put(home, upload, MIB), lengthBytes: null };
    const second = await client.forwardRun(rest, { bytes: Buffer.from(bytes.subarray(MIB)) }, STAYING);
    expect(second).toMatchObject({ committed: [[1, 3]], state: 'sealed' });
    expect((await waiting).equals(bytes.subarray(100))).toBe(true);
    expect((await readAll(client, { ...target, from: 7, to: MIB + 9 })).equals(bytes.subarray(7, MIB + 9))).toBe(true);
    client.close();
  });

  it('refusals keep their types on the way to a client', async () => {
    const [home, other] = nodes;
    const { client } = peer(nodes);
    const upload = await openUploadAt(home, 2 * MIB);
    const run = (change: object, byte = 1) =>
      typeOf(client.forwardRun({ ...put(home, upload), ...change }, { bytes: Buffer.alloc(MIB, byte) }, STAYING));
    expect(await run({ offset: 5 })).toBe('bad_offset');
    expect(await run({ offset: Number.NaN })).toBe('bad_offset');
    expect(await run({ lengthBytes: 7 * MIB })).toBe('bad_run');
    expect(await run({ chunkValue: 'ab'.repeat(32) })).toBe('digest_mismatch');
    expect(await run({ nodeId: idOf(other) })).toBe('moved');
    expect(await run({})).toBe('nothing thrown');
    expect(await run({}, 2)).toBe('chunk_conflict');
    // What a node does not know may only be late; a client that has the row is not told that there is none.
    expect(await run({ transferId: 'abcdefgh12' })).toBe('unavailable');
    expect(await run({ fileIndex: 3 })).toBe('unavailable');
    expect(await run({ nodeId: 'nobody' })).toBe('unavailable');
    const read = { nodeId: idOf(home), transferId: upload.transferId, fileIndex: 0, epoch: 1, told: null };
    expect(await typeOf(client.read({ ...read, from: 5, to: 4 }, AbortSignal.timeout(5_000)))).toBe('bad_request');
    expect(await typeOf(client.read({ ...read, from: 0, to: 9 * MIB }, AbortSignal.timeout(5_000)))).toBe(
      'bad_request',
    );
    const elsewhere = { ...read, nodeId: idOf(other), from: 0, to: 5 };
    expect(await typeOf(client.read(elsewhere, AbortSignal.timeout(5_000)))).toBe('moved');
    await fetch(`${home.url}/api/transfers/${upload.transferId}`, {
      method: 'DELETE',
      headers: { authorization: `Bearer ${upload.uploadToken}` },
    });
    expect(await run({ offset: MIB })).toBe('ended');
    expect(await typeOf(client.read({ ...read, from: 0, to: 5 }, AbortSignal.timeout(5_000)))).toBe('ended');
    client.close();
  });

  it('a replica takes frames of its home only, each with its value, and ends a session at the first forged one', async () => {
    const [home, replica] = nodes;
    const upload = await openUploadAt(home, 4 * MIB);
    const isAttached = () =>
      home
        .log()
        .split('\n')
        .some((line) => line.includes('in_sync') && line.includes(upload.transferId));
    await waitFor('the replica is in sync', 20_000, isAttached);
    const asHome = peer(nodes, idOf(home));
    const open = (connector = asHome.connector, epoch = 3) =>
      connector.open({
        nodeId: idOf(replica),
        transferId: upload.transferId,
        epoch,
        signal: AbortSignal.timeout(5_000),
      });
    expect(await typeOf(open(peer(nodes).connector))).toBe('stale_epoch');
    expect(await typeOf(open(asHome.connector, 0))).toBe('stale_epoch');
    const channel = await open();
    const bytes = [Buffer.alloc(MIB, 3)];
    const value = await netIo.chunkValue(bytes, 0);
    const frame = { epoch: 3, fileIndex: 0, chunkIndex: 0, value, bytes };
    expect(await channel.send(frame)).toEqual({ kind: 'stored' });
    expect(await channel.send({ ...frame, chunkIndex: 1 })).toEqual({ kind: 'failed', reason: 'mismatch' });
    expect(await channel.send({ ...frame, epoch: 1 })).toEqual({ kind: 'stale_epoch' });
    channel.close();
    const again = await open();
    expect(
      again.values
        .get(0)
        ?.get(0)
        ?.every((byte, index) => byte === value[index]),
    ).toBe(true);
    again.close();
    // The head is authentic, a frame is not.
    const { connection, body } = await asHome.client.start({
      nodeId: idOf(replica),
      method: 'POST',
      path: `/peer/transfers/${upload.transferId}/chunks`,
      epoch: 3,
      lengthBytes: null,
    });
    await body.head;
    const forged = encodeFrameHeader({ ...frame, lengthBytes: 1, number: 1 }, Buffer.alloc(32));
    connection.write([Buffer.from(`${forged.length.toString(16)}\r\n`), forged, Buffer.from('\r\n')]);
    await body.over;
    expect(replica.log()).toContain('forged');
    asHome.client.close();
  });

  it('a replica does not take over from a home that answers', async () => {
    const [home, replica] = nodes;
    const upload = await openUploadAt(home, 4 * MIB);
    const isAttached = () =>
      home
        .log()
        .split('\n')
        .some((line) => line.includes('in_sync') && line.includes(upload.transferId));
    await waitFor('the replica is in sync', 20_000, isAttached);
    const { client } = peer(nodes);
    const promote = (isAdoption: boolean) => client.promote(idOf(replica), upload.transferId, 3, { isAdoption });
    expect(await promote(false)).toEqual({ kind: 'home_alive' });
    // Only the home itself may hand over without a probe.
    expect(await promote(true)).toEqual({ kind: 'home_alive' });
    client.close();
    const asHome = peer(nodes, idOf(home)).client;
    const adopted = await asHome.promote(idOf(replica), upload.transferId, 3, { isAdoption: true });
    expect(adopted).toEqual({ kind: 'home' });
    asHome.close();
    // The home that was finds out with its first chunk, and passes the next ones on.
    const chunk = () => putChunk(home, upload, Buffer.alloc(4 * MIB), 0);
    await waitFor('the chunk is taken at the new home', 10_000, async () => (await chunk()).status === 200);
  });
});

type Wired = Awaited<ReturnType<typeof startWired>>;
/** Nodes of the same settings serve several tests. */
const started = new Map<string, Promise<Wired>>();

function wiredAs(env: Record<string, string>): Promise<Wired> {
  const key = JSON.stringify(env);
  const wired = started.get(key) ?? startWired(env);
  started.set(key, wired);
  return wired;
}

/** A gateway and a home with a wire of the test between them. */
async function startWired(env: Record<string, string>, tls?: { key: string; cert: string; path: string }) {
  const port = await freePort();
  const plain: Buffer[] = [];
  let tail = Buffer.alloc(0);
  let isPlainSeen = false;
  const wire = await startPeerWire({
    targetPort: port,
    ...(tls === undefined ? {} : { tls }),
    onBytes: (bytes) => {
      // A word may lie across two reads.
      const seen = Buffer.concat([tail, bytes]);
      isPlainSeen ||= plain.some((word) => seen.includes(word));
      tail = Buffer.from(seen.subarray(-64));
    },
  });
  const url = `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${wire.port}`;
  const cluster = await startCluster({
    nodes: 2,
    env: {
      ...env,
      CLUSTER_SECRET: SECRET,
      REPLICATION_FACTOR: '1',
      ...(tls === undefined ? {} : { NODE_EXTRA_CA_CERTS: tls.path }),
    },
    own: (index) => (index === 0 ? { port, env: { NODE_PEER_URL: url } } : {}),
  });
  const [home, gateway] = cluster.nodes as unknown as [TestServer, TestServer];
  return { home, gateway, wire, look: (word: Buffer) => plain.push(word), isPlainSeen: () => isPlainSeen };
}

describe('the wire between two nodes', () => {
  it.each([
    ['hidden', 'true', 'net_io', 'true'],
    ['in the clear', 'false', 'net_io', 'true'],
    ['hidden', 'true', 'the fallback', 'false'],
  ])(
    'shows bodies %s with STREAM_OBFUSCATION=%s on %s',
    async (_how, isObfuscated, _what, isNative) => {
      const { home, gateway, wire, look, isPlainSeen } = await wiredAs({
        STREAM_OBFUSCATION: isObfuscated,
        USE_NATIVE_ADDON: isNative,
      });
      const word = randomBytes(48);
      look(word);
      const bytes = Buffer.concat(Array.from({ length: 20_000 }, () => word)).subarray(0, 900_000);
      const upload = await openUploadAt(home, bytes.length);
      expect((await putChunk(gateway, upload, bytes, 0)).status).toBe(200);
      expect((await getFile(gateway, upload.shareId)).equals(bytes)).toBe(true);
      expect(wire.passedBytes()).toBeGreaterThan(1_800_000);
      expect(isPlainSeen()).toBe(isObfuscated === 'false');
    },
    120_000,
  );

  it('may be TLS', async () => {
    const authority = makeAuthority();
    const tls = { ...authority.issue('IP:127.0.0.1'), path: authority.certPath };
    const { home, gateway, wire } = await startWired({ STREAM_OBFUSCATION: 'false' }, tls);
    const bytes = randomBytes(6 * MIB + 3);
    const upload = await openUploadAt(home, bytes.length);
    const answer = await fetch(`${gateway.url}/api/transfers/${upload.transferId}/files/0`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${upload.uploadToken}` },
      body: bytes,
    });
    expect([answer.status, await answer.json()]).toMatchObject([200, { state: 'sealed' }]);
    expect((await getFile(gateway, upload.shareId)).equals(bytes)).toBe(true);
    expect(wire.passedBytes()).toBeGreaterThan(12 * MIB);
    // Connections are kept, not made anew for each request.
    for (let index = 0; index < 5; index += 1) await getFile(gateway, upload.shareId);
    expect(wire.openCount()).toBeLessThan(6);
  }, 120_000);

  it('carries a body without a length, and lets go at once of clients that leave', async () => {
    const { home, gateway, wire } = await wiredAs({ STREAM_OBFUSCATION: 'true', USE_NATIVE_ADDON: 'true' });
    const bytes = randomBytes(3 * MIB + 1);
    const chunked = await openUploadAt(home, bytes.length);
    const answer = await fetch(`${gateway.url}/api/transfers/${chunked.transferId}/files/0`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${chunked.uploadToken}` },
      body: new Blob([bytes]).stream(),
      duplex: 'half',
    } as RequestInit);
    expect([answer.status, await answer.json()]).toMatchObject([200, { committed: [[0, 4]], state: 'sealed' }]);
    expect((await getFile(gateway, chunked.shareId)).equals(bytes)).toBe(true);

    const upload = await openUploadAt(home, 64 * MIB);
    const reader = new AbortController();
    const reading = await fetch(`${gateway.url}/d/${upload.shareId}/0`, { signal: reader.signal });
    expect(reading.status).toBe(200);
    const writer = new AbortController();
    const writing = fetch(`${gateway.url}/api/transfers/${upload.transferId}/files/0`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${upload.uploadToken}` },
      body: new ReadableStream({
        start: (controller) => controller.enqueue(new Uint8Array(MIB)),
      }),
      duplex: 'half',
      signal: writer.signal,
    } as RequestInit).catch(() => null);
    await waitFor('the chunk is at its home', 10_000, async () => {
      const headers = { authorization: `Bearer ${upload.uploadToken}` };
      const found = await fetch(`${home.url}/api/transfers/${upload.transferId}/status`, { headers });
      return ((await found.json()) as { files: { committed: unknown[] }[] }).files[0]?.committed.length === 1;
    });
    const openBefore = wire.openCount();
    expect(openBefore).toBeGreaterThanOrEqual(1);
    writer.abort();
    reader.abort();
    await writing;
    await waitFor('the streams between the nodes end', 2_000, () => wire.openCount() <= openBefore - 1);
    // What was committed stays, and the rest goes on.
    expect((await putChunk(gateway, upload, Buffer.alloc(64 * MIB), 1)).status).toBe(200);
  }, 120_000);
});
