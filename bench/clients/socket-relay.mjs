// A sender at one Socket.IO node and a reader at another, with a window of chunks that the reader does not have yet.
import { randomFillSync } from 'node:crypto';
import { io } from 'socket.io-client';

const { sendPort, readPort, sizeBytes, chunkBytes, windowChunks } = JSON.parse(process.argv[2]);
const room = `room-${process.pid}`;
const join = async (port) => {
  const socket = io(`http://127.0.0.1:${port}`, { transports: ['websocket'], perMessageDeflate: false });
  await new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  });
  return socket;
};
const [sender, reader] = await Promise.all([join(sendPort), join(readPort)]);
await reader.emitWithAck('read', room);
// The other node must have heard of the room.
await new Promise((resolve) => setTimeout(resolve, 300));

const chunk = randomFillSync(Buffer.allocUnsafeSlow(chunkBytes));
const count = sizeBytes / chunkBytes;
let sent = 0;
let received = 0;
const startedMs = performance.now();
await new Promise((resolve) => {
  const more = () => {
    while (sent < count && sent - received < windowChunks) {
      sent += 1;
      sender.emit('send', room, chunk);
    }
  };
  reader.on('chunk', (bytes) => {
    if (bytes.length !== chunkBytes) throw new Error(`a chunk of ${bytes.length} bytes`);
    received += 1;
    if (received === count) resolve();
    else more();
  });
  more();
});
const seconds = (performance.now() - startedMs) / 1000;
sender.disconnect();
reader.disconnect();
console.log(JSON.stringify({ seconds, bytes: sizeBytes }));
process.exit(0);
