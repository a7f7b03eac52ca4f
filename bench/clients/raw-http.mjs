// The one HTTP client for all servers: bare sockets, one block sent again and again, received bytes counted and
// dropped. Prints {seconds, bytes}. Tasks:
//   {kind: 'get', port, path, sizeBytes, count}             count streams at once, each of so many bytes
//   {kind: 'put', port, path, headers, sizeBytes}           one body
//   {kind: 'runs', port, path, headers, sizeBytes, runBytes, count}   count connections, runs at ?offset=
//   {kind: 'relay', port, getPort?, getPath, putPath, headers, sizeBytes}   the reader waits before the sender begins
import { randomFillSync } from 'node:crypto';
import { connect } from 'node:net';

const BLOCK_BYTES = 1024 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const task = JSON.parse(process.argv[2]);
const block = randomFillSync(Buffer.allocUnsafeSlow(BLOCK_BYTES));

function requestHead(method, path, headers) {
  const lines = Object.entries({ host: `127.0.0.1:${task.port}`, ...headers }).map(
    ([name, value]) => `${name}: ${value}`,
  );
  return `${method} ${path} HTTP/1.1\r\n${lines.join('\r\n')}\r\n\r\n`;
}

/** One connection; `read` gets what came as (buffer, length), valid until it returns. */
function open(read, port) {
  const socket = connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: { buffer: Buffer.allocUnsafeSlow(BLOCK_BYTES), callback: (length, buffer) => read(length, buffer) },
  });
  return new Promise((resolve, reject) => {
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** Reads answers: resolves `answer()` with the number of body bytes once a whole answer came. */
function makeReader() {
  let head = Buffer.alloc(0);
  let isBody = false;
  let restBytes = 0;
  let bodyBytes = 0;
  let settle = null;
  let onHead = null;
  const finish = () => {
    isBody = false;
    const done = settle;
    settle = null;
    done.resolve(bodyBytes);
  };
  const read = (length, buffer) => {
    if (isBody) {
      restBytes -= length;
      if (restBytes <= 0) finish();
      return true;
    }
    head = Buffer.concat([head, buffer.subarray(0, length)]);
    const end = head.indexOf(HEAD_END);
    if (end === -1) return true;
    const text = head.toString('latin1', 0, end);
    const rest = head.length - end - HEAD_END.length;
    head = Buffer.alloc(0);
    const status = Number(text.slice(9, 12));
    if (status >= 300) {
      settle.reject(new Error(text));
      return true;
    }
    const said = /\r\ncontent-length: *(\d+)/i.exec(text);
    bodyBytes = said === null ? 0 : Number(said[1]);
    // Chunked answers here are short: they end with the packet they came in.
    restBytes = /\r\ntransfer-encoding/i.test(text) ? 0 : bodyBytes - rest;
    isBody = true;
    onHead?.();
    if (restBytes <= 0) finish();
    return true;
  };
  return {
    read,
    head: () => new Promise((resolve) => (onHead = resolve)),
    answer: () => new Promise((resolve, reject) => (settle = { resolve, reject })),
  };
}

/** Sends `sizeBytes` bytes of the block with backpressure. */
function sendBody(socket, sizeBytes) {
  return new Promise((resolve, reject) => {
    let sentBytes = 0;
    const more = () => {
      while (sentBytes < sizeBytes) {
        const length = Math.min(BLOCK_BYTES, sizeBytes - sentBytes);
        sentBytes += length;
        if (!socket.write(length === BLOCK_BYTES ? block : block.subarray(0, length))) {
          if (sentBytes < sizeBytes) socket.once('drain', more);
          else finish();
          return;
        }
      }
      finish();
    };
    const finish = () => {
      socket.off('error', reject);
      resolve();
    };
    socket.once('error', reject);
    more();
  });
}

/** A contender that serves less is no faster for it. */
function assertSize(found, wanted) {
  if (found !== wanted) throw new Error(`a body of ${found} bytes, wanted ${wanted}`);
}

async function connection(port = task.port) {
  const reader = makeReader();
  const socket = await open(reader.read, port);
  return { reader, socket };
}

async function get({ path, sizeBytes, count }) {
  const all = await Promise.all(Array.from({ length: count }, () => connection()));
  const startedMs = performance.now();
  const sizes = await Promise.all(
    all.map(({ reader, socket }) => {
      const answer = reader.answer();
      socket.write(requestHead('GET', path, {}));
      return answer;
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  for (const { socket } of all) socket.destroy();
  for (const size of sizes) assertSize(size, sizeBytes);
  return { seconds, bytes: count * sizeBytes };
}

async function put({ path, headers, sizeBytes }) {
  const { reader, socket } = await connection();
  const startedMs = performance.now();
  const answer = reader.answer();
  socket.write(requestHead('PUT', path, { ...headers, 'content-length': sizeBytes }));
  await Promise.all([sendBody(socket, sizeBytes), answer]);
  const seconds = (performance.now() - startedMs) / 1000;
  socket.destroy();
  return { seconds, bytes: sizeBytes };
}

async function runs({ path, headers, sizeBytes, runBytes, count }) {
  const all = await Promise.all(Array.from({ length: count }, () => connection()));
  let next = 0;
  const startedMs = performance.now();
  await Promise.all(
    all.map(async ({ reader, socket }) => {
      while (next < sizeBytes) {
        const offset = next;
        const length = Math.min(runBytes, sizeBytes - offset);
        next += length;
        const answer = reader.answer();
        socket.write(requestHead('PUT', `${path}?offset=${offset}`, { ...headers, 'content-length': length }));
        await Promise.all([sendBody(socket, length), answer]);
      }
    }),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  for (const { socket } of all) socket.destroy();
  return { seconds, bytes: sizeBytes };
}

async function relay({ getPort, getPath, putPath, headers, sizeBytes }) {
  const [reading, writing] = await Promise.all([connection(getPort), connection()]);
  const isBegun = reading.reader.head();
  const received = reading.reader.answer();
  reading.socket.write(requestHead('GET', getPath, {}));
  await isBegun;
  const startedMs = performance.now();
  const answer = writing.reader.answer();
  writing.socket.write(requestHead('PUT', putPath, { ...headers, 'content-length': sizeBytes }));
  const [bytes] = await Promise.all([received, sendBody(writing.socket, sizeBytes), answer]);
  const seconds = (performance.now() - startedMs) / 1000;
  for (const { socket } of [reading, writing]) socket.destroy();
  assertSize(bytes, sizeBytes);
  return { seconds, bytes };
}

const result = await { get, put, runs, relay }[task.kind](task);
console.log(JSON.stringify(result));
process.exit(0);
