import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { io, type Socket } from 'socket.io-client';
import { errorTypeOf } from '../../../services/contracts/errors.ts';
import { MAX_SOCKET_CHUNK_BYTES, MAX_WATCHED_TRANSFERS_PER_SOCKET, MIB } from '../../../services/contracts/limits.ts';
import { type Acknowledged, CHUNK_PATH, type ChunkStored, CONTROL_PATH } from '../../../services/contracts/socket.ts';
import { startServer, type TestServer } from '../../support/server.ts';
import { waitFor, within } from '../../support/waiting.ts';
import { ask, askJson, hasHead, sendRaw } from './edge-client.ts';

let server: TestServer;
let url = '';
const sockets: Socket[] = [];

beforeAll(async () => {
  server = await startServer({
    env: {
      CORS_ORIGIN: 'https://share.example.com',
      MAX_CONCURRENT_TRANSFERS: '1000',
      RATE_LIMIT_UPLOADS_PER_MINUTE: '10000',
      RATE_LIMIT_WEBSOCKET_MESSAGES_PER_MINUTE: '400',
    },
  });
  url = server.url;
}, 240_000);

afterEach(() => {
  for (const socket of sockets.splice(0)) socket.disconnect();
});

type Handshake = {
  headers?: Record<string, string>;
  auth?: Record<string, unknown>;
  path?: string;
  transports?: ('websocket' | 'polling')[];
};
const newSession = async () => (await ask(url, '/api/session', { method: 'POST' })).cookie;

function open(handshake: Handshake = {}): Socket {
  const { headers = {}, auth = {}, path = CONTROL_PATH, transports = ['websocket'] } = handshake;
  const socket = io(url, { path, transports, auth, extraHeaders: headers, reconnection: false, forceNew: true });
  sockets.push(socket);
  return socket;
}

/** Resolves to undefined once connected, or to the type of the refusal, `closed` when there is none. */
function outcomeOf(socket: Socket): Promise<string | undefined> {
  return within(
    'a handshake',
    10_000,
    new Promise((resolve) => {
      socket.once('connect', () => resolve(undefined));
      socket.once('connect_error', (fault: Error & { data?: { type?: unknown } }) =>
        resolve(errorTypeOf(fault.data ?? {}) ?? 'closed'),
      );
    }),
  );
}

async function connected(handshake: Handshake = {}): Promise<Socket> {
  const headers = handshake.headers ?? (handshake.auth === undefined ? { Cookie: await newSession() } : {});
  const socket = open({ ...handshake, headers });
  expect(await outcomeOf(socket)).toBeUndefined();
  return socket;
}

async function tell<T>(socket: Socket, event: string, ...args: unknown[]): Promise<Acknowledged<T>> {
  return (await socket.timeout(10_000).emitWithAck(event, ...args)) as Acknowledged<T>;
}
const typeOf = (answer: Acknowledged<unknown>) => (answer.ok ? 'ok' : errorTypeOf(answer.problem));

async function openTransfer(
  sizeBytes: number,
  more: object = {},
): Promise<{ id: string; shareId: string; uploadToken: string }> {
  const opened = await askJson(url, 'POST', '/api/transfers', { files: [{ path: 'a.bin', sizeBytes }], ...more });
  expect(opened.status).toBe(201);
  const { transfer, uploadToken } = opened.json<{ transfer: { id: string; shareId: string }; uploadToken: string }>();
  return { ...transfer, uploadToken };
}
const put = (transfer: { id: string; uploadToken: string }, body: Uint8Array) =>
  ask(url, `/api/transfers/${transfer.id}/files/0?offset=0`, {
    method: 'PUT',
    body,
    headers: { Authorization: `Bearer ${transfer.uploadToken}` },
  });

describe('the handshake', () => {
  it('needs the session cookie or a ticket', async () => {
    expect(await outcomeOf(open())).toBe('bad_token');
    expect(await outcomeOf(open({ path: CHUNK_PATH }))).toBe('bad_token');
    expect(await outcomeOf(open({ headers: { Cookie: 'pl_x=forged' } }))).toBe('bad_token');
    expect(await outcomeOf(open({ auth: { ticket: 't1.abcdefgh.9999999999999.x' } }))).toBe('bad_token');
    expect(await outcomeOf(open({ auth: { ticket: { toString: 'x' } } }))).toBe('bad_token');
    const Cookie = await newSession();
    expect(await outcomeOf(open({ headers: { Cookie } }))).toBeUndefined();
    const { ticket } = (
      await ask(url, '/api/session/ticket', { method: 'POST', headers: { Cookie, Origin: url } })
    ).json<{ ticket: string }>();
    expect(await outcomeOf(open({ auth: { ticket } }))).toBeUndefined();
    expect(await outcomeOf(open({ auth: { ticket }, path: CHUNK_PATH }))).toBeUndefined();
  });

  it('compares the Origin exactly, since CORS does not cover WebSocket', async () => {
    const Cookie = await newSession();
    expect(await outcomeOf(open({ headers: { Cookie, Origin: url } }))).toBeUndefined();
    for (const origin of ['https://evil.com', 'https://share.example.co', 'null', `${url}.evil.com`]) {
      for (const path of [CONTROL_PATH, CHUNK_PATH])
        expect(await outcomeOf(open({ headers: { Cookie, Origin: origin }, path }))).toBe('closed');
    }
    // A listed origin is let in, but the cookie does not count there.
    expect(await outcomeOf(open({ headers: { Cookie, Origin: 'https://share.example.com' } }))).toBe('bad_token');
  });

  it('is WebSocket only: long polling is not there', async () => {
    expect(await outcomeOf(open({ transports: ['polling'], headers: { Cookie: await newSession() } }))).toBe('closed');
    expect(await ask(url, '/socket.io/?EIO=4&transport=polling')).toMatchObject({ status: 404, type: 'not_found' });
  });

  it('upgrades nothing else', async () => {
    for (const path of ['/', '/other.io/', '/socket.iox/']) {
      const head = [
        `GET ${path} HTTP/1.1`,
        'Host: localhost',
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ];
      const { answer, isClosed } = await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n`, 5_000);
      expect(answer).toMatch(/^HTTP\/1\.1 404 /);
      expect(isClosed).toBe(true);
    }
  });

  it('does not keep a refused connection whose client never closes its side', async () => {
    const socket = connect({ port: server.port, host: '127.0.0.1', allowHalfOpen: true });
    let isReset = false;
    socket.on('error', () => {
      isReset = true;
    });
    socket.resume().write('GET /none HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await once(socket, 'end');
    // What is sent to a socket that nobody holds any more is answered by a reset.
    await waitFor('the connection is reset', 5_000, () => {
      if (!isReset) socket.write('.');
      return isReset;
    });
    socket.destroy();
  });

  it('offers no compression: a few KiB of a stranger could be MiB here', async () => {
    const Cookie = await newSession();
    const upgrade = async (path: string) => {
      const head = [
        `GET ${path}/?EIO=4&transport=websocket HTTP/1.1`,
        'Host: localhost',
        `Cookie: ${Cookie}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
        'Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits',
      ];
      const { answer } = await sendRaw(server.port, `${head.join('\r\n')}\r\n\r\n`, undefined, hasHead);
      return answer.split('\r\n\r\n')[0] ?? '';
    };
    for (const path of [CONTROL_PATH, CHUNK_PATH]) {
      const answer = await upgrade(path);
      expect(answer).toMatch(/101 Switching/);
      expect(answer).not.toMatch(/Sec-WebSocket-Extensions/i);
    }
  });
});

describe('control events', () => {
  it('are only those of the contract: "call" does not exist', async () => {
    const socket = await connected();
    expect(typeOf(await tell(socket, 'call', '$node.options', {}))).toBe('not_found');
    expect(typeOf(await tell(socket, 'call', 'session.create', {}))).toBe('not_found');
    expect(typeOf(await tell(socket, 'io.broadcast', { event: 'x' }))).toBe('not_found');
    expect(typeOf(await tell(socket, '$node.options'))).toBe('not_found');
    expect(typeOf(await tell(socket, 'transfer.end', {}))).toBe('not_found');
    expect(typeOf(await tell(socket, 'chunk', {}, 'x'))).toBe('not_found');
    expect(typeOf(await tell(socket, 'ping', {}))).toBe('ok');
  });

  it('end a connection that sends binary, which none of them carries', async () => {
    const socket = await connected();
    socket.emit('chunk', {}, Buffer.from('x'));
    await waitFor('it is closed', 5_000, () => !socket.connected);
  });

  it('answer a payload of any shape, and live on', async () => {
    const socket = await connected();
    for (const payload of [
      null,
      1,
      'x',
      [],
      [[[]]],
      { a: 1 },
      { transferId: {}, uploadToken: [] },
      { __proto__: null, constructor: 1 },
      { watchId: 1 },
    ]) {
      for (const event of ['transfer.open', 'transfer.status', 'transfer.watch', 'transfer.unwatch']) {
        expect(['bad_request', 'not_found', 'bad_token']).toContain(typeOf(await tell(socket, event, payload)));
      }
    }
    expect(typeOf(await tell(socket, 'transfer.open'))).toBe('bad_request');
    socket.emit('transfer.open', { files: 'no acknowledgement asked for' });
    expect(typeOf(await tell(socket, 'ping', {}))).toBe('ok');
  });

  it('open a transfer in the name of the session', async () => {
    const Cookie = await newSession();
    const socket = await connected({ headers: { Cookie } });
    const opened = await tell<{ transfer: { id: string } }>(socket, 'transfer.open', {
      files: [{ path: 'a', sizeBytes: 1 }],
      idempotencyKey: 'same',
    });
    const again = await tell<{ transfer: { id: string } }>(socket, 'transfer.open', {
      files: [{ path: 'a', sizeBytes: 1 }],
      idempotencyKey: 'same',
    });
    if (!opened.ok || !again.ok) throw new Error('not opened');
    expect(again.result.transfer.id).toBe(opened.result.transfer.id);
    expect((await ask(url, '/api/transfers', { headers: { Cookie } })).body).toContain(opened.result.transfer.id);
  });

  it('follow a transfer: what is there, what comes, and its end', async () => {
    const transfer = await openTransfer(3 * MIB);
    const socket = await connected();
    const progress: { watchId: string; committed: Record<number, [number, number][]> }[] = [];
    const states: { watchId: string; state: string }[] = [];
    socket.on('transfer.progress', (event) => progress.push(event));
    socket.on('transfer.state', (event) => states.push(event));
    const owner = await tell<{ watchId: string; state: string }>(socket, 'transfer.watch', {
      transferId: transfer.id,
      uploadToken: transfer.uploadToken,
    });
    const reader = await tell<{ watchId: string; files: unknown[] }>(socket, 'transfer.watch', {
      shareId: transfer.shareId,
    });
    if (!owner.ok || !reader.ok) throw new Error('not watched');
    expect(owner.result.state).toBe('open');
    expect(reader.result.files).toHaveLength(1);
    expect((await put(transfer, randomBytes(3 * MIB))).status).toBe(200);
    await waitFor(
      'both watches saw the seal',
      5_000,
      () => new Set(states.filter(({ state }) => state === 'sealed').map(({ watchId }) => watchId)).size === 2,
    );
    expect(
      progress.filter(({ watchId }) => watchId === owner.result.watchId).flatMap(({ committed }) => committed[0] ?? [])
        .length,
    ).toBeGreaterThan(0);
    await tell(socket, 'transfer.unwatch', { watchId: owner.result.watchId });
    await ask(url, `/api/transfers/${transfer.id}?token=${transfer.uploadToken}`, { method: 'DELETE' });
    await waitFor('the reader saw the end', 5_000, () =>
      states.some(({ watchId, state }) => state === 'ended' && watchId === reader.result.watchId),
    );
    expect(states.some(({ watchId, state }) => state === 'ended' && watchId === owner.result.watchId)).toBe(false);
  });

  it('tell the sender who comes to look how many are reading', async () => {
    const transfer = await openTransfer(3 * MIB);
    const socket = await connected();
    const reading = new AbortController();
    const reader = fetch(`${url}/d/${transfer.shareId}/0`, { signal: reading.signal }).catch(() => null);
    const watch = { transferId: transfer.id, uploadToken: transfer.uploadToken };
    await waitFor('the reader counts', 5_000, async () => {
      const answer = await tell<{ recipients: number }>(socket, 'transfer.watch', watch);
      return answer.ok && answer.result.recipients === 1;
    });
    const byLink = await tell(socket, 'transfer.watch', { shareId: transfer.shareId });
    expect(byLink).toMatchObject({ ok: true, result: { recipients: null } });
    reading.abort();
    await reader;
  });

  it('follow nothing without the right to it', async () => {
    const transfer = await openTransfer(10, { password: 'geheim' });
    const socket = await connected();
    expect(typeOf(await tell(socket, 'transfer.watch', { transferId: transfer.id, uploadToken: 'wrong' }))).toBe(
      'not_found',
    );
    expect(typeOf(await tell(socket, 'transfer.watch', { shareId: transfer.shareId }))).toBe('password_required');
    expect(typeOf(await tell(socket, 'transfer.watch', { shareId: 'nothing1' }))).toBe('not_found');
    expect(typeOf(await tell(socket, 'transfer.status', { transferId: transfer.id, uploadToken: 'wrong' }))).toBe(
      'not_found',
    );
  });

  it('follow a bounded number of transfers on one socket', async () => {
    const transfer = await openTransfer(10);
    const socket = await connected();
    const watch = () => tell(socket, 'transfer.watch', { transferId: transfer.id, uploadToken: transfer.uploadToken });
    for (let count = 0; count < MAX_WATCHED_TRANSFERS_PER_SOCKET; count += 1) expect(typeOf(await watch())).toBe('ok');
    expect(typeOf(await watch())).toBe('rate_limited');
  });

  it('end with the session', async () => {
    const Cookie = await newSession();
    const [control, chunks] = [
      await connected({ headers: { Cookie } }),
      await connected({ headers: { Cookie }, path: CHUNK_PATH }),
    ];
    await ask(url, '/api/session', { method: 'DELETE', headers: { Cookie, Origin: url } });
    await waitFor('both sockets are closed', 10_000, () => !control.connected && !chunks.connected);
  });

  it('end a connection that sends more than a request may have', async () => {
    const socket = await connected();
    socket.emit('transfer.open', { files: 'x'.repeat(9 * MIB) });
    await waitFor('it is closed', 5_000, () => !socket.connected);
  });
});

describe('chunk events', () => {
  const chunk = (socket: Socket, head: object, bytes: unknown) => tell<ChunkStored>(socket, 'chunk', head, bytes);

  it('store a file, each chunk acknowledged, in any order', async () => {
    const bytes = randomBytes(5 * MIB + 77);
    const transfer = await openTransfer(bytes.length);
    const socket = await connected({ path: CHUNK_PATH });
    const heads = [3, 0, 5, 1, 4, 2].map((chunkIndex) => ({
      transferId: transfer.id,
      uploadToken: transfer.uploadToken,
      fileIndex: 0,
      chunkIndex,
    }));
    const answers = await Promise.all(
      heads.map((head) => chunk(socket, head, bytes.subarray(head.chunkIndex * MIB, (head.chunkIndex + 1) * MIB))),
    );
    expect(answers.map(typeOf)).toEqual(Array(6).fill('ok'));
    const digests = answers.flatMap((answer) =>
      answer.ok && answer.result.digest !== null ? [answer.result.digest] : [],
    );
    expect(digests[0]).toMatch(/^[0-9a-f]{64}$/);
    const { uploadToken: _token, ...rest } = heads[0] ?? { uploadToken: '' };
    expect(typeOf(await chunk(socket, rest, bytes.subarray(0, MIB)))).toBe('bad_request');
  });

  it('refuse what is too large, not binary, or not the chunk it says', async () => {
    const transfer = await openTransfer(3 * MIB);
    const socket = await connected({ path: CHUNK_PATH });
    const head = { transferId: transfer.id, uploadToken: transfer.uploadToken, fileIndex: 0, chunkIndex: 0 };
    expect(typeOf(await chunk(socket, head, Buffer.alloc(MAX_SOCKET_CHUNK_BYTES + 1)))).toBe('use_http');
    expect(typeOf(await chunk(socket, head, 'text'))).toBe('bad_request');
    expect(typeOf(await chunk(socket, head, Buffer.alloc(10)))).toBe('bad_run');
    expect(typeOf(await chunk(socket, { ...head, chunkIndex: 3 }, Buffer.alloc(MIB)))).toBe('bad_offset');
    expect(typeOf(await chunk(socket, { ...head, chunkIndex: -1 }, Buffer.alloc(MIB)))).toBe('bad_request');
    expect(typeOf(await chunk(socket, { ...head, chunkIndex: 1.5 }, Buffer.alloc(MIB)))).toBe('bad_request');
    expect(typeOf(await chunk(socket, { ...head, uploadToken: 'wrong' }, Buffer.alloc(MIB)))).toBe('not_found');
    expect(typeOf(await chunk(socket, { ...head, chunkValue: '0'.repeat(64) }, Buffer.alloc(MIB)))).toBe(
      'digest_mismatch',
    );
    expect(typeOf(await tell(socket, 'ping', {}))).toBe('not_found');
    expect(typeOf(await chunk(socket, head, Buffer.alloc(MIB, 1)))).toBe('ok');
    expect(typeOf(await chunk(socket, head, Buffer.alloc(MIB, 2)))).toBe('chunk_conflict');
  });

  it('end a connection whose event has more than one part', async () => {
    const socket = await connected({ path: CHUNK_PATH });
    socket.emit('chunk', {}, Buffer.from('x'), Buffer.from('y'));
    await waitFor('it is closed', 5_000, () => !socket.connected);
  });

  it('end a connection whose message is far over the limit', async () => {
    const socket = await connected({ path: CHUNK_PATH });
    socket.emit('chunk', {}, Buffer.alloc(4 * MIB));
    await waitFor('it is closed', 5_000, () => !socket.connected);
  });

  it('hold no more chunks in flight than the window', async () => {
    const transfer = await openTransfer(200 * MIB);
    const socket = await connected({ path: CHUNK_PATH });
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, chunkIndex) =>
        chunk(
          socket,
          { transferId: transfer.id, uploadToken: transfer.uploadToken, fileIndex: 0, chunkIndex },
          Buffer.alloc(MIB),
        ),
      ),
    );
    expect(answers.every((answer) => ['ok', 'busy'].includes(typeOf(answer) ?? ''))).toBe(true);
    expect(
      typeOf(
        await chunk(
          socket,
          { transferId: transfer.id, uploadToken: transfer.uploadToken, fileIndex: 0, chunkIndex: 60 },
          Buffer.alloc(MIB),
        ),
      ),
    ).toBe('ok');
  });
});

describe('the rate of messages', () => {
  it('is bounded for a client, and the refusal says for how long', async () => {
    const socket = await connected();
    const answers = await Promise.all(Array.from({ length: 450 }, () => tell(socket, 'ping', {})));
    const refused = answers.filter((answer) => !answer.ok);
    expect(refused.length).toBeGreaterThan(40);
    expect(
      refused.every(
        (answer) => typeOf(answer) === 'rate_limited' && !answer.ok && (answer.problem.retryAfterSeconds ?? 0) > 0,
      ),
    ).toBe(true);
  });
});
