// Sends a file chunk by chunk while a reader waits for it, both in this process so that they share a clock: from the
// answer to a chunk's PUT to the reader's last byte of that chunk, in ms.
import { connect } from 'node:net';

const task = JSON.parse(process.argv[2]);
const { port, readPort = port, path, readPath, headers, chunkBytes, chunkCount } = task;
const chunk = Buffer.alloc(chunkBytes, 7);
const head = (method, url, more) =>
  `${method} ${url} HTTP/1.1\r\n${Object.entries({ host: `127.0.0.1:${port}`, ...more })
    .map(([name, value]) => `${name}: ${value}`)
    .join('\r\n')}\r\n\r\n`;

const deliveredMs = [];
let bodyBytes = -1;
let begun = null;
const isBegun = new Promise((resolve) => (begun = resolve));
let allDelivered = null;
const isDelivered = new Promise((resolve) => (allDelivered = resolve));
let headText = '';
const reading = connect({
  host: '127.0.0.1',
  port: readPort,
  noDelay: true,
  onread: {
    buffer: Buffer.allocUnsafeSlow(chunkBytes),
    callback: (length, buffer) => {
      let came = length;
      if (bodyBytes < 0) {
        headText += buffer.toString('latin1', 0, length);
        const end = headText.indexOf('\r\n\r\n');
        if (end < 0) return true;
        if (!headText.startsWith('HTTP/1.1 200')) throw new Error(headText);
        came = headText.length - end - 4;
        bodyBytes = 0;
        begun();
      }
      bodyBytes += came;
      while (deliveredMs.length < Math.floor(bodyBytes / chunkBytes)) deliveredMs.push(performance.now());
      if (deliveredMs.length === chunkCount) allDelivered();
      return true;
    },
  },
});
reading.write(head('GET', readPath, {}));
await isBegun;

const writing = connect({ host: '127.0.0.1', port, noDelay: true });
let answered = null;
let text = '';
writing.setEncoding('latin1').on('data', (part) => {
  text += part;
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return;
  if (!text.startsWith('HTTP/1.1 200')) throw new Error(text);
  const length = Number(/content-length: *(\d+)/i.exec(text)?.[1] ?? 0);
  if (text.length < end + 4 + length) return;
  text = '';
  answered();
});
const acknowledgedMs = [];
for (let index = 0; index < chunkCount; index += 1) {
  const answer = new Promise((resolve) => (answered = resolve));
  writing.write(head('PUT', `${path}?offset=${index * chunkBytes}`, { ...headers, 'content-length': chunkBytes }));
  writing.write(chunk);
  await answer;
  acknowledgedMs.push(performance.now());
}
await isDelivered;
const delaysMs = acknowledgedMs.map((acknowledged, index) => Math.max(0, deliveredMs[index] - acknowledged));
console.log(JSON.stringify({ delaysMs }));
process.exit(0);
