// Uploads without end, one transfer after another on each of `count` connections' worth of files, until SIGTERM.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const task = JSON.parse(process.argv[2]);
const origin = `http://127.0.0.1:${task.port}`;
const program = fileURLToPath(new URL('./raw-http.mjs', import.meta.url));
let child = null;
process.once('SIGTERM', () => {
  child?.kill('SIGTERM');
  process.exit(0);
});
for (;;) {
  const answer = await fetch(`${origin}/api/transfers`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ files: [{ path: 'load.bin', sizeBytes: task.sizeBytes }] }),
  });
  const { transfer, uploadToken } = await answer.json();
  const headers = { authorization: `Bearer ${uploadToken}` };
  const path = `/api/transfers/${transfer.id}/files/0`;
  child = spawn(process.execPath, [
    program,
    JSON.stringify({ kind: 'put', port: task.port, path, headers, sizeBytes: task.sizeBytes }),
  ]);
  await new Promise((resolve) => child.once('exit', resolve));
  await fetch(`${origin}/api/transfers/${transfer.id}`, { method: 'DELETE', headers });
}
