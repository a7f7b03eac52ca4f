// npm run peerlink -- drain <node> --wait: commands for the nodes of a running cluster, by way of one on this machine.
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { main, ROOT, SetupError, say } from './setup/process.mjs';

const USAGE = 'usage: npm run peerlink -- drain <node> [--wait]';
const ASK_AGAIN_MS = 1_000;
const ANSWER_DEADLINE_MS = 10_000;
/** A database or bus that is away for a moment is no reason to give up a drain that takes minutes. */
const MAX_FAILURES = 30;

function dataDirectory() {
  if (process.env.DATA_DIR === undefined && existsSync(join(ROOT, '.env'))) process.loadEnvFile(join(ROOT, '.env'));
  return resolve(ROOT, process.env.DATA_DIR || 'data');
}

/** Sockets of the slots; one without a process refuses. */
function operatorSockets(directory) {
  if (!existsSync(directory)) return [];
  return readdirSync(directory)
    .filter((name) => /^node-\d+$/.test(name))
    .map((name) => join(directory, name, 'operator.sock'))
    .filter((path) => existsSync(path));
}

async function ask(path, question) {
  const socket = connect(path);
  try {
    const late = AbortSignal.timeout(ANSWER_DEADLINE_MS);
    await once(socket, 'connect', { signal: late });
    socket.setEncoding('utf8').write(`${JSON.stringify(question)}\n`);
    let text = '';
    socket.on('data', (piece) => {
      text += piece;
    });
    await once(socket, 'close', { signal: late });
    return JSON.parse(text);
  } finally {
    socket.destroy();
  }
}

/** The answer of the first process that gives one; the node that is drained may be among them and end. */
async function askAny(question) {
  const directory = dataDirectory();
  let fault = new SetupError(`no PeerLink is running on ${directory}: run this where a node runs, with its DATA_DIR`);
  for (const path of operatorSockets(directory)) {
    try {
      return await ask(path, question);
    } catch (cause) {
      if (!['ECONNREFUSED', 'ENOENT'].includes(cause.code)) fault = cause;
    }
  }
  throw fault;
}

function told({ nodeId, homeCount, onlyCopyCount }) {
  if (homeCount === null) return `${nodeId} is draining; the database does not say what is left`;
  return `${nodeId} is draining: ${homeCount} transfers at home there, ${onlyCopyCount ?? 'not yet known how many'} without another copy`;
}

async function drain(node, isWaiting) {
  let failures = 0;
  let last = '';
  for (;;) {
    const said = await askAny({ command: 'drain', node }).catch((fault) => {
      if (!isWaiting || failures >= MAX_FAILURES || last === '') throw fault;
      return { ok: false, message: String(fault.message) };
    });
    if (!said.ok && last === '') throw new SetupError(said.message);
    failures = said.ok ? 0 : failures + 1;
    if (!said.ok && failures > MAX_FAILURES) throw new SetupError(said.message);
    if (said.ok) {
      const text = told(said.status);
      if (text !== last) say(text);
      last = text;
      if (!isWaiting) return 0;
      if (said.status.onlyCopyCount === 0) {
        say(`no only copy is left on ${said.status.nodeId}: it can be stopped`);
        return 0;
      }
    }
    await delay(ASK_AGAIN_MS);
  }
}

await main(async () => {
  const [command, ...rest] = process.argv.slice(2);
  const [node = '', ...more] = rest.filter((word) => word !== '--wait');
  if (command !== 'drain' || more.length > 0 || node.startsWith('-')) throw new SetupError(USAGE);
  return await drain(node, rest.includes('--wait'));
});
