// Sends chunks over Socket.IO with a window of unacknowledged ones. `door` is 'bare' or 'peerlink'.
import { randomFillSync } from 'node:crypto';
import { io } from 'socket.io-client';

const task = JSON.parse(process.argv[2]);
const { chunkBytes, sizeBytes, windowChunks } = task;
const chunk = randomFillSync(Buffer.allocUnsafeSlow(chunkBytes));
const socket = io(`http://127.0.0.1:${task.port}`, {
  path: task.door === 'peerlink' ? '/chunks.io' : '/socket.io',
  transports: ['websocket'],
  perMessageDeflate: false,
  ...(task.cookie === undefined ? {} : { extraHeaders: { cookie: task.cookie } }),
});
await new Promise((resolve, reject) => {
  socket.once('connect', resolve);
  socket.once('connect_error', reject);
});
if (task.door === 'bare') await socket.emitWithAck('open', task.name);

const count = sizeBytes / chunkBytes;
let next = 0;
const headOf = (index) =>
  task.door === 'bare'
    ? { offset: index * chunkBytes }
    : { transferId: task.transferId, uploadToken: task.uploadToken, fileIndex: 0, chunkIndex: index };
const startedMs = performance.now();
await Promise.all(
  Array.from({ length: windowChunks }, async () => {
    while (next < count) {
      const index = next;
      next += 1;
      const answer = await socket.emitWithAck('chunk', headOf(index), chunk);
      if (answer !== true && answer?.ok !== true) throw new Error(JSON.stringify(answer));
    }
  }),
);
const seconds = (performance.now() - startedMs) / 1000;
socket.disconnect();
console.log(JSON.stringify({ seconds, bytes: sizeBytes }));
process.exit(0);
