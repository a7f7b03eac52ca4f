import type { Events } from '../contracts/actions.ts';
import type { OperatorEvent, OperatorEventKind, OperatorFact } from '../contracts/operator.ts';
import { sha256 } from '../kernel/ids.ts';

const ID_CHARS = 22;

/** Made of what makes an event the same one, so that every node that hears of it makes the same. */
function idOf(...parts: readonly (string | number | null)[]): string {
  return sha256(JSON.stringify(parts)).toString('base64url').slice(0, ID_CHARS);
}

function eventOf(
  id: string,
  at: string,
  kind: OperatorEventKind,
  nodeId: string,
  more: Partial<Pick<OperatorEvent, 'otherNodeId' | 'transferId' | 'facts'>> = {},
): OperatorEvent {
  return { id, at, kind, nodeId, otherNodeId: null, transferId: null, facts: [], ...more };
}

/** null: nothing an operator is told. */
export function eventOfState(change: Events['node.state.changed']): OperatorEvent | null {
  const { nodeId, state, before, reasons, at } = change;
  if (state === 'joining') return null;
  const kind: OperatorEventKind =
    before === 'joining' || before === null ? 'joined' : state === 'left' ? 'drained' : 'state_changed';
  const facts: readonly OperatorFact[] = kind === 'drained' ? [] : [{ what: 'state', state }, ...reasons];
  return eventOf(idOf('state', nodeId, state, at), at, kind, nodeId, { facts });
}

/** By the time since when it is: one event, however often that is confirmed, and another one when it was back meanwhile. */
export function eventOfGivingUp({ nodeId, at }: Events['node.given.up']): OperatorEvent {
  return eventOf(idOf('given_up', nodeId, at), at, 'given_up', nodeId);
}

/** @param at when this node heard of it; each node sees a new leader by itself */
export function eventOfLeader({ nodeId, epoch }: Events['cluster.leader.changed'], at: string): OperatorEvent {
  return eventOf(idOf('elected', nodeId, epoch), at, 'elected', nodeId, { facts: [{ what: 'epoch', epoch }] });
}

export function eventOfOwnership(change: Events['transfer.ownership.changed']): OperatorEvent {
  const { nodeId, event, transferId, otherNodeId, at } = change;
  const id = idOf(event, nodeId, transferId, otherNodeId, at);
  return eventOf(id, at, event, nodeId, { otherNodeId, transferId });
}

export function eventOfMending(change: Events['transfer.mended']): OperatorEvent {
  const { nodeId, event, transferId, fileIndex, chunkIndex, at } = change;
  const id = idOf(event, nodeId, transferId, fileIndex, chunkIndex, at);
  return eventOf(id, at, event, nodeId, { transferId, facts: [{ what: 'chunk', fileIndex, chunkIndex }] });
}

export interface NodeSeen {
  readonly nodeId: string;
  /** Of its process: a restarted one has another. */
  readonly instanceId: string;
}

type Known = (id: string) => boolean;

/** A process may be missed several times; each time it has to come back before it can be missed anew. */
function timesMissed({ nodeId, instanceId }: NodeSeen, isKnown: Known): number {
  let times = 0;
  while (isKnown(idOf('gone', nodeId, instanceId, times)) && isKnown(idOf('back', nodeId, instanceId, times)))
    times += 1;
  return times;
}

/** This node does not hear of that one any more. Nodes notice it within seconds of each other. */
export function eventOfGone(node: NodeSeen, isUnexpected: boolean, at: string, isKnown: Known): OperatorEvent {
  const id = idOf('gone', node.nodeId, node.instanceId, timesMissed(node, isKnown));
  return eventOf(id, at, 'gone', node.nodeId, { facts: [{ what: isUnexpected ? 'silent' : 'stopped' }] });
}

/** A process that was missed is heard again; null: nobody missed it. */
export function eventOfBack(node: NodeSeen, at: string, isKnown: Known): OperatorEvent | null {
  const times = timesMissed(node, isKnown);
  if (!isKnown(idOf('gone', node.nodeId, node.instanceId, times))) return null;
  const id = idOf('back', node.nodeId, node.instanceId, times);
  return eventOf(id, at, 'joined', node.nodeId, { facts: [{ what: 'back' }] });
}
