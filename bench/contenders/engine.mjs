// PeerLink's engine, store and data plane out of dist/, on a plain http.Server, with or without hashing. It exists for
// one comparison, what hashing costs, so both sides of that are this program.
import { read as readCallback, writeSync, writev as writevCallback } from 'node:fs';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';

const [directory, dist, hashing] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const from = (path) => require(join(dist, path));
const { loadNetIo } = from('native/index.js');
const { openDatabase } = from('services/database/open-database.js');
const { createPrismaTransferRepository } = from('services/transfer/adapters/prisma-transfer-repository.js');
const { createPrismaLeaseRepository } = from('services/transfer/adapters/prisma-lease-repository.js');
const { FsChunkStore } = from('services/transfer/adapters/fs-chunk-store.js');
const { TransferEngine } = from('services/transfer/transfer-engine.js');
const { TransferControl } = from('services/transfer/transfer-control.js');
const { createDataPlane } = from('services/transfer/data-plane/create-data-plane.js');

/** A net_io that moves the bytes with one pool job a chunk, as the real one does, and hashes nothing. */
function withoutHashing(netIo) {
  const writev = promisify(writevCallback);
  const read = promisify(readCallback);
  const value = Buffer.alloc(32, 1);
  return {
    ...netIo,
    async writeAndHash(fd, buffers, offset) {
      const wanted = buffers.reduce((sum, bytes) => sum + bytes.length, 0);
      const { bytesWritten } = await writev(fd, buffers, offset);
      if (bytesWritten !== wanted) throw new Error('a short write');
      return value;
    },
    // 32 bytes into the page cache take less than the trip to the pool that the real one saves here.
    async writeHashAndRecord(fd, buffers, offset, _leafCounter, valuesFd, valueOffset) {
      await this.writeAndHash(fd, buffers, offset);
      writeSync(valuesFd, value, 0, value.length, valueOffset);
      return value;
    },
    async readAndVerify(fd, buffer, offset, length) {
      const { bytesRead } = await read(fd, buffer, 0, length, offset);
      if (bytesRead !== length) throw new Error('a short read');
      return value;
    },
    chunkValue: async () => value,
  };
}

const log = { info() {}, debug() {}, warn: console.error, error: console.error };
const loaded = loadNetIo({ useNative: true });
const netIo = hashing === 'off' ? withoutHashing(loaded) : loaded;
const database = await openDatabase({ url: null, directory, log });
const repository = createPrismaTransferRepository(database);
const engine = new TransferEngine({
  nodeId: 'bench',
  repository,
  store: new FsChunkStore(directory, netIo),
  nowMs: Date.now,
  isDiskTrusted: true,
  durability: 'process',
  publishProgress() {},
  publishState() {},
  onFault: console.error,
});
// Only shares are measured here.
const direct = { planOpening: async () => null, assertAccepted() {}, assertShown: async () => {} };
const control = new TransferControl({
  direct,
  engine,
  repository,
  secret: Buffer.alloc(32, 1),
  limits: { maxFileBytes: null, smallestChunkBytes: 16384, defaultTtlSeconds: 86400, maxOpenTransfers: 1000 },
  publicUrlOf: async () => null,
  onEndSet() {},
});
const plane = createDataPlane({
  direct,
  engine,
  control,
  leases: createPrismaLeaseRepository(database),
  traffic: { add() {} },
  maxConcurrentUploads: 100,
  maxConcurrentDownloads: 100,
  maxFileBytes: null,
  edge: {
    answerFault(_req, res, _context, fault) {
      console.error(fault);
      if (res.headersSent) res.destroy();
      else res.writeHead(fault.status ?? 500).end(String(fault));
    },
    answerPage: (_req, res) => res.end(),
    async consumeRate() {},
  },
});
const server = createServer((req, res) => {
  const context = {
    requestId: 'bench',
    address: '127.0.0.1',
    addressKey: '127.0.0.1',
    publicOrigin: `http://${req.headers.host}`,
    isSecure: false,
    sessionId: async () => null,
    log,
  };
  if (plane.handle(req, res, context)) return;
  controlRoutes(req, res).catch((fault) => {
    console.error(fault);
    res.writeHead(500).end(String(fault));
  });
});

/** Open, status and end, as the gateway has them. */
async function controlRoutes(req, res) {
  const [, , , id] = req.url.split('/');
  const uploadToken = req.headers.authorization?.slice('Bearer '.length) ?? null;
  const caller = { sessionId: null, uploadToken, addressKey: '127.0.0.1', publicOrigin: `http://${req.headers.host}` };
  let answer = null;
  if (req.method === 'POST') {
    let text = '';
    for await (const part of req) text += part;
    answer = await control.open(caller, JSON.parse(text));
  } else if (req.method === 'GET') answer = await control.status(caller, id);
  else await control.end(caller, id, 'deleted');
  res.writeHead(req.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
  res.end(JSON.stringify(answer));
}

setInterval(() => void engine.maintain(), 1000).unref();
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
