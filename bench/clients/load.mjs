// Uploads without end, one transfer after another, until SIGTERM. It ends with a fault when one fails: a load that is not
// there must not pass for one.
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
  if (answer.status !== 201) throw new Error(`opening answered ${answer.status}: ${await answer.text()}`);
  const { transfer, uploadToken } = await answer.json();
  const headers = { authorization: `Bearer ${uploadToken}` };
  const path = `/api/transfers/${transfer.id}/files/0`;
  child = spawn(process.execPath, [
    program,
    JSON.stringify({ kind: 'put', port: task.port, path, headers, sizeBytes: task.sizeBytes }),
  ]);
  const code = await new Promise((resolve) => child.once('exit', resolve));
  if (code !== 0) throw new Error(`an upload ended with ${code}`);
  await fetch(`${origin}/api/transfers/${transfer.id}`, { method: 'DELETE', headers });
}
