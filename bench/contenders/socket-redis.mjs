// A Socket.IO node with the Redis adapter: what a sender emits at one node, a reader in its room gets at another.
// Arguments: folder (unused), port and password of Redis.
import { createServer } from 'node:http';
import { createAdapter } from '@socket.io/redis-adapter';
import Redis from 'ioredis';
import { Server } from 'socket.io';

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const [, , , port, password] = process.argv;
const connection = () => new Redis({ host: '127.0.0.1', port: Number(port), password, maxRetriesPerRequest: null });
const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  maxHttpBufferSize: MAX_MESSAGE_BYTES,
  adapter: createAdapter(connection(), connection()),
});
io.on('connection', (socket) => {
  socket.on('read', (room, done) => {
    void socket.join(room);
    done();
  });
  socket.on('send', (room, bytes) => socket.to(room).emit('chunk', bytes));
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
