// A bare Socket.IO server that writes each chunk at its place and acknowledges it: WebSocket only, no deflate,
// bufferutil for unmasking, as fast as Socket.IO goes.
import { closeSync, openSync, rmSync, write } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { Server } from 'socket.io';

const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;
const directory = process.argv[2];
const server = createServer();
const io = new Server(server, {
  transports: ['websocket'],
  perMessageDeflate: false,
  httpCompression: false,
  serveClient: false,
  maxHttpBufferSize: MAX_MESSAGE_BYTES,
});
io.on('connection', (socket) => {
  let path = null;
  let fd = null;
  socket.on('open', (name, done) => {
    path = join(directory, name);
    fd = openSync(path, 'w');
    done();
  });
  socket.on('chunk', (head, bytes, done) => {
    write(fd, bytes, 0, bytes.length, head.offset, (fault) => done(fault === null));
  });
  socket.on('disconnect', () => {
    if (fd === null) return;
    closeSync(fd);
    rmSync(path, { force: true });
  });
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
