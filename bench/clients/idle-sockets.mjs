// Opens many Socket.IO connections and keeps them; says when all are there, ends on SIGTERM.
import { io } from 'socket.io-client';

const task = JSON.parse(process.argv[2]);
const AT_ONCE = 50;
for (let opened = 0; opened < task.count; opened += AT_ONCE) {
  await Promise.all(
    Array.from({ length: Math.min(AT_ONCE, task.count - opened) }, () => {
      const socket = io(`http://127.0.0.1:${task.port}`, {
        transports: ['websocket'],
        forceNew: true,
        extraHeaders: { cookie: task.cookie },
      });
      return new Promise((resolve, reject) => {
        socket.once('connect', resolve);
        // One that is cut costs the server nothing any more.
        socket.once('disconnect', (reason) => {
          throw new Error(`a socket was cut: ${reason}`);
        });
        socket.once('connect_error', reject);
      });
    }),
  );
}
console.log(JSON.stringify({ opened: task.count }));
