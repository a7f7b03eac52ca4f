// npm run peerlink -- drain <node> --wait, or give-up <node> --confirm: commands for the nodes of a running cluster, by way of one on this machine.
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join, resolve } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { main, ROOT, SetupError, say } from './setup/process.mjs';

const USAGE = 'usage: npm run peerlink -- drain <node> [--wait], or give-up <node> [--confirm]';
const ASK_AGAIN_MS = 1_000;
/** Nodes probe the one that is given up. */
const ANSWER_DEADLINE_MS = 14_000;
/** A database or bus that is away for a moment is no reason to give up a drain that takes minutes. */
const MAX_FAILURES = 30;
/** So long no other node is there: one that is restarted, or a bus that is away for a moment, is back by then. */
const ALONE_MS = 10_000;

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
  let fault = new SetupError(
    `no PeerLink is running on ${directory}: run this where a node runs, as its user and with its DATA_DIR`,
  );
  for (const path of operatorSockets(directory)) {
    try {
      return await ask(path, question);
    } catch (cause) {
      if (['ECONNREFUSED', 'ENOENT'].includes(cause.code)) continue;
      fault = new SetupError(`the process at ${path} gave no answer: ${cause.message}`);
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
  let aloneSince = null;
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
      aloneSince = said.status.isAlone ? (aloneSince ?? performance.now()) : null;
      if (aloneSince !== null && said.status.onlyCopyCount > 0 && performance.now() - aloneSince > ALONE_MS)
        throw new SetupError(stranded(said.status));
    }
    await delay(ASK_AGAIN_MS);
  }
}

function stranded({ nodeId, onlyCopyCount }) {
  const [what, them] =
    onlyCopyCount === 1
      ? ['1 transfer has its only copy', 'it']
      : [`${onlyCopyCount} transfers have their only copies`, 'them'];
  return (
    `${what} on ${nodeId}, and no other node can take ${them}. Start another node of the cluster and give this command again; or stop ` +
    `this one as it is: its data directory keeps ${them}, and started on that again it serves ${them}`
  );
}

const counted = (count, one, many) => (count === 1 ? `1 ${one}` : `${count} ${many}`);

function costOf({ nodeId, homeCount, openLostCount, sealedLostCount, copyCount }) {
  const goneOn = homeCount - openLostCount - sealedLostCount;
  return [
    `giving up on ${nodeId}, at home there: ${counted(homeCount, 'transfer', 'transfers')}`,
    `  ${counted(Math.max(0, goneOn), 'goes on at its second copy', 'go on at their second copies')}`,
    `  ${counted(openLostCount, 'that is still being sent ends', 'that are still being sent end')}`,
    `  ${counted(sealedLostCount, 'that is complete ends', 'that are complete end')}, unless another node turns out to hold all of it`,
    `  ${counted(copyCount, 'transfer of another node loses its second copy, which is', 'transfers of other nodes lose their second copies, which are')} made anew`,
    'bytes that only this node has are lost for good, also when it comes back later',
  ];
}

/** First what it costs, then, confirmed, the act. */
async function giveUp(node, isConfirmed) {
  const asked = await askAny({ command: 'give-up', node, isConfirmed: false });
  if (!asked.ok) throw new SetupError(asked.message);
  for (const line of costOf(asked.losses)) say(line);
  const { nodeId } = asked.losses;
  if (!isConfirmed) {
    say(`nothing was done; to do it: npm run peerlink -- give-up ${nodeId} --confirm`);
    return 0;
  }
  const done = await askAny({ command: 'give-up', node: nodeId, isConfirmed: true });
  if (!done.ok) throw new SetupError(done.message);
  const { sealedLostCount } = done.losses;
  const rest = `${counted(sealedLostCount, 'complete transfer is', 'complete transfers are')} still looked for at the other nodes`;
  say(`${nodeId} is given up${sealedLostCount === 0 ? '' : `; ${rest}`}`);
  return 0;
}

await main(async () => {
  const [command, ...rest] = process.argv.slice(2);
  const flag = command === 'give-up' ? '--confirm' : '--wait';
  const [node = '', ...more] = rest.filter((word) => word !== flag);
  if (!['drain', 'give-up'].includes(command) || more.length > 0 || node.startsWith('-')) throw new SetupError(USAGE);
  return command === 'drain' ? await drain(node, rest.includes(flag)) : await giveUp(node, rest.includes(flag));
});
