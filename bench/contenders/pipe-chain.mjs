// What everybody writes first: a relay over two servers by `pipe`. Arguments: folder (unused), port of the next one, or
// nothing for the last one, where the reader waits.
import { createServer, request } from 'node:http';

const nextPort = process.argv[3];
const readers = new Map();

const server = createServer((req, res) => {
  if (req.method === 'GET') {
    res.writeHead(200, { 'content-length': new URL(req.url, 'http://localhost').searchParams.get('size') });
    res.flushHeaders();
    readers.set(new URL(req.url, 'http://localhost').pathname, res);
  } else if (nextPort !== undefined) {
    const { 'content-length': length } = req.headers;
    const options = {
      host: '127.0.0.1',
      port: nextPort,
      method: 'PUT',
      path: req.url,
      headers: { 'content-length': length },
    };
    req.pipe(
      request(options, (answer) => {
        answer.resume();
        answer.once('end', () => res.end());
      }),
    );
  } else {
    const reader = readers.get(req.url);
    readers.delete(req.url);
    req.pipe(reader);
    req.once('end', () => res.end());
  }
});
server.listen(0, '127.0.0.1', () => console.log(`listening ${server.address().port}`));
