/** Events of the cluster in words, and which of them a person is told without asking. */
import type { OperatorEvent, OperatorEventKind } from '../../../../services/contracts/operator.ts';
import type { Messages } from '../../messages/en.ts';
import { shortId, type Tone } from './node-standing.ts';

export function sentenceOf(event: OperatorEvent, messages: Messages): string {
  const words = messages.cluster.events;
  const other = event.otherNodeId === null ? words.anotherNode : shortId(event.otherNodeId);
  return words.kind[event.kind](shortId(event.nodeId), other);
}

const TONES: Partial<Record<OperatorEventKind, Tone>> = {
  gone: 'waiting',
  detached: 'waiting',
  fenced: 'waiting',
  damaged: 'loss',
};

export function toneOfEvent({ kind }: OperatorEvent): Tone {
  return TONES[kind] ?? 'calm';
}

/** Copies come and go with every transfer: they stand in the list, and nobody has to hear of each. */
const READ_OUT: ReadonlySet<OperatorEventKind> = new Set([
  'joined',
  'gone',
  'state_changed',
  'drained',
  'elected',
  'promoted',
  'repaired',
  'damaged',
]);

export function isReadOut({ kind }: OperatorEvent): boolean {
  return READ_OUT.has(kind);
}
