// The bound that Node itself sets: the shortest programs that take a body to a file and give a file to a socket, at
// their best settings, with no hash, no rights, no resume.
import { closeSync, constants, existsSync, open, openSync, read, rmSync, statSync, writev } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';

const MIB = 1024 * 1024;
const BATCH_BYTES = MIB;
const MAX_BATCHES_IN_FLIGHT = 4;
const READ_BUFFERS = 3;

const directory = process.argv[2];
const relays = new Map();
const idleBuffers = [];

/** Collects what comes into batches of 1 MiB and writes each with one positioned writev. */
function receive(req, fd, start, onBytes) {
  return new Promise((resolve, reject) => {
    let batch = [];
    let batchBytes = 0;
    let position = start;
    let inFlight = 0;
    let hasEnded = false;
    const finish = () => {
      if (hasEnded && inFlight === 0) resolve();
    };
    const flush = () => {
      inFlight += 1;
      writev(fd, batch, position, (fault) => {
        inFlight -= 1;
        if (fault !== null) reject(fault);
        if (inFlight < MAX_BATCHES_IN_FLIGHT) req.resume();
        finish();
      });
      position += batchBytes;
      batch = [];
      batchBytes = 0;
    };
    req.on('data', (bytes) => {
      batch.push(bytes);
      batchBytes += bytes.length;
      onBytes?.(bytes);
      if (batchBytes < BATCH_BYTES) return;
      flush();
      if (inFlight >= MAX_BATCHES_IN_FLIGHT) req.pause();
    });
    req.once('end', () => {
      hasEnded = true;
      if (batchBytes > 0) flush();
      finish();
    });
    req.once('error', reject);
  });
}

/** Positioned reads into three reused buffers, each written while the next is read. */
async function send(res, fd, sizeBytes) {
  const buffers = Array.from({ length: READ_BUFFERS }, () => idleBuffers.pop() ?? Buffer.allocUnsafeSlow(MIB));
  const free = [...buffers];
  let wake = null;
  const taken = (buffer) => {
    free.push(buffer);
    wake?.();
  };
  for (let position = 0; position < sizeBytes; ) {
    while (free.length === 0) await new Promise((resolve) => (wake = resolve));
    const buffer = free.pop();
    const length = await new Promise((resolve, reject) =>
      read(fd, buffer, 0, MIB, position, (fault, count) => (fault === null ? resolve(count) : reject(fault))),
    );
    if (length === 0) break;
    position += length;
    res.write(length === MIB ? buffer : buffer.subarray(0, length), () => taken(buffer));
  }
  while (free.length < READ_BUFFERS) await new Promise((resolve) => (wake = resolve));
  idleBuffers.push(...buffers);
}

/** PUT gives each buffer to the waiting reader and writes it to a file too. */
async function relayPut(req, res, name) {
  const fd = openSync(join(directory, name), 'w');
  const reader = relays.get(name);
  await receive(req, fd, 0, (bytes) => {
    if (reader.write(bytes)) return;
    req.pause();
    reader.once('drain', () => req.resume());
  });
  reader.end();
  relays.delete(name);
  closeSync(fd);
  res.end();
}

const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://localhost');
  const name = url.pathname.slice(url.pathname.lastIndexOf('/') + 1);
  const path = join(directory, name);
  if (req.method === 'DELETE') {
    rmSync(path, { force: true });
    res.end();
  } else if (url.pathname.startsWith('/relay/')) {
    if (req.method === 'PUT') await relayPut(req, res, name);
    else {
      res.writeHead(200, { 'content-length': url.searchParams.get('size') });
      res.flushHeaders();
      relays.set(name, res);
    }
  } else if (req.method === 'PUT') {
    const fd = await new Promise((resolve, reject) =>
      open(path, constants.O_RDWR | constants.O_CREAT, (fault, opened) =>
        fault === null ? resolve(opened) : reject(fault),
      ),
    );
    await receive(req, fd, Number(url.searchParams.get('offset') ?? 0));
    closeSync(fd);
    res.end();
  } else if (name === '') {
    res.writeHead(200, { 'content-type': 'text/html' });
    res.end('<!doctype html><title>bare</title>');
  } else if (!existsSync(path)) {
    res.writeHead(404).end();
  } else {
    const fd = openSync(path, 'r');
    const { size } = statSync(path);
    res.writeHead(200, { 'content-length': size });
    await send(res, fd, size);
    closeSync(fd);
    res.end();
  }
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
