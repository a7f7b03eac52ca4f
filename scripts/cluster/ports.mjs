import { once } from 'node:events';
import { connect, createServer } from 'node:net';

/** A port of 127.0.0.1 that nothing listened on a moment ago. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

/** What a server on loopback answers to one line; the empty text when it does not within a second. */
export function ask(port, line) {
  return new Promise((done) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`));
    const finish = (answer) => {
      socket.destroy();
      done(answer);
    };
    socket.setEncoding('utf8').setTimeout(1_000, () => finish(''));
    socket.once('data', finish).once('error', () => finish(''));
  });
}
