import { setTimeout as delay } from 'node:timers/promises';
import type { NodeReason } from '../contracts/http.ts';
import type { GiveUpResponse, OperatorNode, OperatorOverview, ScrubStatus } from '../contracts/operator.ts';
import type { Call } from '../define-service.ts';
import { findNode } from './find-node.ts';

export const PEERLINK_COMMANDS = ['nodes', 'transfers', 'leader', 'drain', 'give-up', 'scrub'] as const;
export const PEERLINK_USAGE =
  'peerlink nodes | peerlink transfers | peerlink leader | peerlink drain <node> | peerlink give-up <node> [--confirm] | peerlink scrub [node]';

const CALL_MS = 5_000;
/** Each node probes the one that is given up, for at most 1.5 s. */
const GIVE_UP_MS = 8_000;
const CONFIRM = '--confirm';
/** A check of much data goes on by itself: nobody waits longer for it, and other consoles wait meanwhile. */
const SCRUB_WATCHED_MS = 10_000;
const SCRUB_LOOK_MS = 500;

/** One of our commands, as lines to be printed. @throws when no node answers */
export async function runPeerlink(call: Call, words: readonly string[]): Promise<readonly string[]> {
  const isConfirmed = words[0] === 'give-up' && words.includes(CONFIRM);
  const [command, node = '', ...more] = isConfirmed ? words.filter((word) => word !== CONFIRM) : words;
  const takesNode = command === 'drain' || command === 'give-up' || command === 'scrub';
  if (command === undefined || more.length > 0 || (node !== '' && !takesNode)) return [`usage: ${PEERLINK_USAGE}`];
  const overview = await call('operator.overview', {}, { timeoutMs: CALL_MS });
  switch (command) {
    case 'nodes':
      return nodesText(overview);
    case 'transfers':
      return transfersText(overview);
    case 'leader':
      return [leaderText(overview)];
    case 'drain':
      return drain(call, overview, node);
    case 'give-up':
      return giveUp(call, overview, node, isConfirmed);
    case 'scrub':
      return scrub(call, overview, node);
    default:
      return [`there is no command peerlink ${command}; usage: ${PEERLINK_USAGE}`];
  }
}

const answering = ({ nodes }: OperatorOverview): readonly string[] =>
  nodes.filter(({ isAnswering }) => isAnswering).map(({ health }) => health.nodeId);

function nodesText({ nodes }: OperatorOverview): readonly string[] {
  const rows = nodes.map((node) => {
    const { health, traffic } = node;
    return [
      health.nodeId,
      stateText(node),
      node.isLeader ? 'leads' : '',
      `${Math.round(node.load * 100)} %`,
      `${health.eventLoopDelayP99Ms.toFixed(1)} ms`,
      sizeText(health.diskFreeBytes),
      traffic === null ? '-' : `${sizeText(traffic.bytesInPerSecond)}/s`,
      traffic === null ? '-' : `${sizeText(traffic.bytesOutPerSecond)}/s`,
      String(node.homeCount),
      health.reasons.map(reasonText).join('; '),
    ];
  });
  const head = ['node', 'state', 'leader', 'load', 'loop p99', 'disk free', 'in', 'out', 'homes', 'reasons'];
  return [...table(head, rows), countText(nodes.length, 'node')];
}

function reasonText(reason: NodeReason): string {
  switch (reason.what) {
    case 'slow_loop':
      return `the event loop is late by ${reason.delayMs} ms`;
    case 'low_disk':
      return `only ${sizeText(reason.freeBytes)} of disk are free`;
    case 'no_database':
      return 'the database does not answer';
    case 'no_bus':
      return 'the bus is not connected';
    case 'no_redis':
      return 'Redis does not answer';
    case 'other_secret':
      return 'it has another CLUSTER_SECRET than the rest';
  }
}

function stateText({ health, isAnswering }: OperatorNode): string {
  return isAnswering || health.state === 'left' ? health.state : `${health.state}, does not answer`;
}

function transfersText({ transfers, transferCount, singleCopyCount }: OperatorOverview): readonly string[] {
  const rows = transfers.map((transfer) => [
    transfer.id,
    transfer.kind,
    transfer.state,
    transfer.homeNodeId,
    transfer.replicaNodeId === null ? '-' : `${transfer.replicaNodeId}${transfer.isReplicaInSync ? '' : ' (syncing)'}`,
    `${transfer.committedBytes === null ? '?' : sizeText(transfer.committedBytes)} of ${transfer.totalBytes === null ? '?' : sizeText(transfer.totalBytes)}`,
    String(transfer.readerCount),
  ]);
  const count = `${countText(transferCount, 'transfer')}, ${singleCopyCount} without a second copy`;
  const shown = transfers.length < transferCount ? `${count}; the first ${transfers.length} are shown` : count;
  return [...table(['transfer', 'kind', 'state', 'home', 'replica', 'stored', 'readers'], rows), shown];
}

function leaderText({ leader }: OperatorOverview): string {
  return leader === null ? 'nobody leads right now' : `${leader.nodeId} leads, epoch ${leader.epoch}`;
}

async function drain(call: Call, overview: OperatorOverview, asked: string): Promise<readonly string[]> {
  const found = findNode(answering(overview), asked);
  if (!found.ok) return [found.message];
  const { nodeId } = found;
  const { homeCount, onlyCopyCount } = await call('node.drain', {}, { nodeId, timeoutMs: CALL_MS });
  const left =
    homeCount === null
      ? 'the database does not say what is left'
      : `${countText(homeCount, 'transfer')} at home there, ${onlyCopyCount ?? 'not yet known how many'} without another copy`;
  return [`${nodeId} is draining: ${left}. "peerlink nodes" shows it as left when nothing is.`];
}

/** First what it costs; then, confirmed, the act. A node that is gone is named by its row. */
async function giveUp(call: Call, { nodes }: OperatorOverview, asked: string, isConfirmed: boolean) {
  const known = nodes.map(({ health }) => health.nodeId);
  const found = findNode(known, asked, 'node');
  if (!found.ok) return [found.message];
  const { nodeId } = found;
  const ask = (isDone: boolean) => call('operator.giveUp', { nodeId, isConfirmed: isDone }, { timeoutMs: GIVE_UP_MS });
  const costs = costText(await ask(false));
  if (!isConfirmed) return [...costs, `nothing was done; to do it: peerlink give-up ${nodeId} ${CONFIRM}`];
  const { sealedLostCount } = await ask(true);
  const rest = `${countText(sealedLostCount, 'complete transfer')} still looked for at the other nodes`;
  return [...costs, `${nodeId} is given up${sealedLostCount === 0 ? '' : `; ${rest}`}`];
}

function costText(costs: GiveUpResponse): readonly string[] {
  const { nodeId, homeCount, openLostCount, sealedLostCount, copyCount } = costs;
  const goneOn = Math.max(0, homeCount - openLostCount - sealedLostCount);
  return [
    `giving up on ${nodeId}, with ${countText(homeCount, 'transfer')} at home there:`,
    `  ${goneOn} with a second copy: nothing of them is lost`,
    `  ${openLostCount} still being sent: they end`,
    `  ${sealedLostCount} complete: they end, unless another node turns out to hold all of them`,
    `  and ${copyCount} at home elsewhere with their second copy there: it is made anew`,
    'bytes that only this node has are lost for good, also when it comes back later',
  ];
}

async function scrub(call: Call, overview: OperatorOverview, asked: string): Promise<readonly string[]> {
  const found = asked === '' ? null : findNode(answering(overview), asked);
  if (found?.ok === false) return [found.message];
  const nodeIds = found === null ? answering(overview) : [found.nodeId];
  const ask = (nodeId: string, isAsked: boolean) =>
    call('operator.scrub', { isAsked }, { nodeId, timeoutMs: CALL_MS }).catch(() => null);
  let said = await Promise.all(nodeIds.map((nodeId) => ask(nodeId, true)));
  const untilMs = performance.now() + SCRUB_WATCHED_MS;
  while (said.some((status) => status?.isRunning === true) && performance.now() < untilMs) {
    await delay(SCRUB_LOOK_MS);
    said = await Promise.all(nodeIds.map((nodeId) => ask(nodeId, false)));
  }
  return nodeIds.map((nodeId, index) => scrubText(nodeId, said[index] ?? null));
}

function scrubText(nodeId: string, status: ScrubStatus | null): string {
  if (status === null) return `${nodeId} does not answer`;
  const { isRunning, checkedChunks, repairedChunks, damagedChunks } = status;
  const found = `${countText(checkedChunks, 'chunk')} checked, ${repairedChunks} repaired, ${damagedChunks} damaged`;
  return `${nodeId}: ${found}${isRunning ? ' so far; it goes on' : ''}`;
}

const countText = (count: number, name: string): string => `${count} ${name}${count === 1 ? '' : 's'}`;

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];

function sizeText(bytes: number): string {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${UNITS[unit]}`;
}

/** Columns as wide as their widest cell; the last one is not filled up. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const widths = head.map((name, column) => Math.max(name.length, ...rows.map((row) => row[column]?.length ?? 0)));
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
