// Reads a body at so many bytes a second for so many seconds; prints how many came. The body must last that long.
import { connect } from 'node:net';

const { port, path, bytesPerSecond, seconds } = JSON.parse(process.argv[2]);
const TURN_MS = 100;
let allowedBytes = 0;
let bytes = 0;
const socket = connect({
  host: '127.0.0.1',
  port,
  onread: {
    buffer: Buffer.allocUnsafeSlow(64 * 1024),
    callback: (length, buffer) => {
      if (bytes === 0 && !buffer.toString('latin1', 0, length).startsWith('HTTP/1.1 200'))
        throw new Error(buffer.toString('latin1', 0, Math.min(length, 500)));
      bytes += length;
      allowedBytes -= length;
      return allowedBytes > 0;
    },
  },
});
socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n\r\n`);
const onClose = () => {
  throw new Error(`the body ended after ${bytes} bytes`);
};
socket.once('close', onClose);
const timer = setInterval(() => {
  allowedBytes += (bytesPerSecond * TURN_MS) / 1000;
  if (allowedBytes > 0) socket.resume();
}, TURN_MS);
setTimeout(() => {
  clearInterval(timer);
  socket.off('close', onClose).destroy();
  console.log(JSON.stringify({ bytes }));
}, seconds * 1000);
