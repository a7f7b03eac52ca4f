import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { atEnd } from '../../../test/support/cleanup.ts';
import { MemoryTransferRepository } from '../../../test/support/memory-transfers.ts';
import { insertTransfer } from '../../../test/support/transfer-rows.ts';
import type { ReplicaTransfer } from '../replication/ports.ts';
import { ReplicaSide } from '../replication/replica-side.ts';
import { ByteQueue } from './byte-queue.ts';
import { PeerAuth } from './peer-auth.ts';
import { takeFrames } from './replica-session.ts';
import { encodeFrameHeader, encodeWait, OpeningReader } from './replica-wire.ts';

const LATE = new Promise<never>(() => {});

describe('a replica that is asked for a session', () => {
  it('says each second that it goes on looking at what it holds, and only while it does', async () => {
    const repository = new MemoryTransferRepository(() => 0);
    const { transfer: row } = await insertTransfer(repository, {
      homeNodeId: 'home',
      files: [],
      ownership: { replicaNodeId: 'replica', replicaState: 'syncing' },
    });
    const looks: (() => void)[] = [];
    const transfer: ReplicaTransfer = {
      row,
      fileCount: 3,
      values: () => new Promise((resolve) => looks.push(() => resolve(new Uint8Array(32).fill(7)))),
      sync: async () => {},
      writesSettled: async () => {},
      useFile: () => LATE,
      hold: () => () => {},
      obey: async () => {},
    };
    const replica = new ReplicaSide({
      nodeId: 'replica',
      repository,
      load: async () => transfer,
      nowMs: () => 0,
      delay: () => LATE,
      isDiskTrusted: true,
      isPowerSafe: false,
    });
    const auth = new PeerAuth({ secret: Buffer.from('secret'), nodeId: 'replica', nowMs: Date.now });
    const asked = { method: 'POST', path: '/', timeMs: 0, chunkValue: '', nonce: '00' };
    const head = { ...asked, nodeId: 'home', epoch: row.epoch, isObfuscated: false, lengthBytes: null };
    const netIo = loadNetIo({ useNative: true });
    const server = createServer((req, res) => {
      void takeFrames({ auth, replica, netIo, onForged: () => {} }, head, row.id, req, res);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(async () => void server.close());
    const { port } = server.address() as AddressInfo;
    const asking = request({ port, host: '127.0.0.1', method: 'POST' });
    asking.flushHeaders();
    const answered = once(asking, 'response');
    const look = async () => {
      while (looks.length === 0) await new Promise(setImmediate);
      looks.shift()?.();
    };
    await look();
    const [answer] = (await answered) as [IncomingMessage];
    expect(answer.statusCode).toBe(200);
    const [first] = (await once(answer, 'data')) as [Buffer];
    expect(first).toEqual(encodeWait());
    const rest = new ByteQueue();
    const reader = new OpeningReader(rest);
    await look();
    await look();
    let opening = null;
    for await (const bytes of answer) {
      rest.push(bytes as Buffer);
      opening = reader.read();
      if (opening !== null) break;
    }
    expect([...(opening?.values ?? [])].map(([index, values]) => [index, values.count])).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
    ]);
    asking.destroy();
    await replica.close();
  });

  it('says nothing of a chunk that is written after the session ended', async () => {
    let written: () => void = () => {};
    const storing = new Promise<void>((resolve) => (written = resolve));
    const ended = new AbortController();
    let hasBegun = false;
    const replica = {
      open: async () => ({ session: 's-1', transfer: {} as ReplicaTransfer, held: [], signal: ended.signal }),
      store: async () => {
        hasBegun = true;
        await storing;
        return { kind: 'stored' } as const;
      },
      // Another session has begun.
      endSessionIf: async () => {},
    } as unknown as ReplicaSide;
    const auth = new PeerAuth({ secret: Buffer.from('secret'), nodeId: 'replica', nowMs: Date.now });
    const head = { method: 'POST', path: '/', timeMs: 0, chunkValue: '', nonce: '00', nodeId: 'home' };
    const faults: unknown[] = [];
    const answers: ServerResponse[] = [];
    const server = createServer((req, res) => {
      answers.push(res);
      res.on('error', (fault) => faults.push(fault));
      const asked = { ...head, epoch: 1, isObfuscated: false, lengthBytes: null };
      const deps = { auth, replica, netIo: loadNetIo({ useNative: true }), onForged: () => {} };
      void takeFrames(deps, asked, 'transfer', req, res);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    atEnd(async () => void server.close());
    const { port } = server.address() as AddressInfo;
    const asking = request({ port, host: '127.0.0.1', method: 'POST' }).on('error', () => {});
    asking.flushHeaders();
    const [answer] = (await once(asking, 'response')) as [IncomingMessage];
    answer.on('error', () => {}).resume();
    const value = Buffer.alloc(32, 1);
    const frame = { fileIndex: 0, chunkIndex: 0, lengthBytes: 4, number: 1, epoch: 1, value };
    asking.write(Buffer.concat([encodeFrameHeader(frame, auth.frameKey('s-1')), Buffer.from('abcd')]));
    while (!hasBegun) await new Promise(setImmediate);
    ended.abort();
    // The answer is ended, its socket not closed yet.
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    expect(answers[0]).toMatchObject({ writableEnded: true, destroyed: false });
    written();
    await new Promise((resolve) => answers[0]?.once('close', resolve));
    expect(faults).toEqual([]);
  });
});
