import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, it } from '@jest/globals';
import { loadNetIo } from '../../../native/index.ts';
import { PeerAuth } from './peer-auth.ts';
import { PeerClient } from './peer-client.ts';

const REQUEST_ID = 'a-request-of-a-client';
const PLACE = { nodeId: 'home', transferId: 't1', fileIndex: 0, epoch: 1, requestId: REQUEST_ID };
const STAYING = { hasLeft: () => false, isGone: async () => false };

it('says to the other node whose request it asks for, so that both logs have the same id', async () => {
  const asked: Pick<IncomingHttpHeaders, string>[] = [];
  const server = createServer((req, res) => {
    asked.push(req.headers);
    req.resume();
    req.once('end', () => res.writeHead(500).end('{}'));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = new PeerClient({
    auth: new PeerAuth({ secret: Buffer.from('a secret of one test'), nodeId: 'asker', nowMs: Date.now }),
    netIo: loadNetIo({ useNative: true }),
    isObfuscated: false,
    urlOf: async () => `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    countBytes: () => {},
  });
  try {
    const run = { ...PLACE, offset: 0, lengthBytes: 4, chunkValue: null };
    await expect(client.forwardRun(run, { bytes: Buffer.from('four') }, STAYING)).rejects.toThrow();
    await expect(
      client.read({ ...PLACE, from: 0, to: null, told: null }, new AbortController().signal),
    ).rejects.toThrow();
    expect(asked.map((headers) => headers['x-request-id'])).toEqual([REQUEST_ID, REQUEST_ID]);
  } finally {
    client.close();
    server.close();
  }
});
