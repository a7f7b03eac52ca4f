// tus-js-client at its best against a local server: one PATCH for the whole file, read in large blocks.
import { createReadStream, statSync } from 'node:fs';
import tus from 'tus-js-client';

const task = JSON.parse(process.argv[2]);
const uploadSize = statSync(task.sourcePath).size;
const startedMs = performance.now();
const url = await new Promise((resolve, reject) => {
  const upload = new tus.Upload(createReadStream(task.sourcePath, { highWaterMark: 1024 * 1024 }), {
    endpoint: `http://127.0.0.1:${task.port}/files`,
    uploadSize,
    chunkSize: Number.POSITIVE_INFINITY,
    retryDelays: null,
    onError: reject,
    onSuccess: () => resolve(upload.url),
  });
  upload.start();
});
console.log(JSON.stringify({ seconds: (performance.now() - startedMs) / 1000, bytes: uploadSize, url }));
process.exit(0);
