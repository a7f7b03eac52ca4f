// A bare node in front of another one: takes requests by node:http, reads its peer through 1 MiB `onread` buffers,
// sends what comes in in large writes. No hash, no XOR, no rights. Arguments: folder (unused), port of the peer.
import { createServer } from 'node:http';
import { connect } from 'node:net';

const MIB = 1024 * 1024;
const MAX_BUFFERS = 3;
const BATCH_BYTES = 512 * 1024;
const HEAD_END = Buffer.from('\r\n\r\n');
const peerPort = Number(process.argv[3]);
const idleBuffers = [];

/** Sends a body on, gathered in large writes. */
function sendOn(req, socket) {
  let batch = [];
  let batchBytes = 0;
  let soon = null;
  const flush = () => {
    if (soon !== null) clearImmediate(soon);
    soon = null;
    if (batchBytes === 0) return;
    socket.cork();
    let hasRoom = true;
    for (const bytes of batch) hasRoom = socket.write(bytes);
    socket.uncork();
    batch = [];
    batchBytes = 0;
    if (hasRoom || socket.writableLength < 2 * MIB) return;
    req.pause();
    socket.once('drain', () => req.resume());
  };
  req.on('data', (bytes) => {
    batch.push(bytes);
    batchBytes += bytes.length;
    if (batchBytes >= BATCH_BYTES) flush();
    else soon ??= setImmediate(flush);
  });
  req.once('end', flush);
}

/** Reads the peer's one answer, and hands its body on with backpressure. */
function answerFrom(res, onEnd) {
  let head = Buffer.alloc(0);
  let restBytes = -1;
  let written = 0;
  let socket = null;
  const pass = (bytes, buffer) => {
    restBytes -= bytes.length;
    written += 1;
    res.write(bytes, () => {
      written -= 1;
      idleBuffers.push(buffer);
      if (written < MAX_BUFFERS && restBytes > 0) socket.resume();
      if (restBytes === 0 && written === 0) onEnd();
    });
  };
  const read = (length, buffer) => {
    let bytes = buffer.subarray(0, length);
    if (restBytes < 0) {
      head = Buffer.concat([head, bytes]);
      const end = head.indexOf(HEAD_END);
      if (end < 0) return true;
      const text = head.toString('latin1', 0, end);
      bytes = head.subarray(end + HEAD_END.length);
      const said = /\r\ncontent-length: *(\d+)/i.exec(text);
      restBytes = said === null ? 0 : Number(said[1]);
      res.writeHead(Number(text.slice(9, 12)), { 'content-length': restBytes });
      res.flushHeaders();
      if (restBytes === 0) {
        res.end();
        socket.destroy();
        return false;
      }
      if (bytes.length === 0) return true;
    }
    pass(bytes, buffer);
    return written < MAX_BUFFERS;
  };
  return {
    buffer: () => idleBuffers.pop() ?? Buffer.allocUnsafeSlow(MIB),
    callback: read,
    use: (used) => {
      socket = used;
    },
  };
}

const server = createServer((req, res) => {
  const { buffer, callback, use } = answerFrom(res, () => {
    res.end();
    socket.destroy();
  });
  const socket = connect({ host: '127.0.0.1', port: peerPort, noDelay: true, onread: { buffer, callback } });
  use(socket);
  socket.on('error', () => res.destroy());
  res.once('close', () => socket.destroy());
  const length = req.headers['content-length'];
  const lines = [
    `${req.method} ${req.url} HTTP/1.1`,
    'host: peer',
    ...(length === undefined ? [] : [`content-length: ${length}`]),
  ];
  socket.write(`${lines.join('\r\n')}\r\n\r\n`);
  if (length !== undefined) sendOn(req, socket);
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
