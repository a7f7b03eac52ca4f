/** Events of the cluster in words, and which of them a person is told without asking. */
import type { OperatorEvent, OperatorEventKind, OperatorFact } from '../../../../services/contracts/operator.ts';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';
import { shortId, type Tone } from './node-standing.ts';

export function sentenceOf(event: OperatorEvent, messages: Messages): string {
  const words = messages.cluster.events;
  const other = event.otherNodeId === null ? words.anotherNode : shortId(event.otherNodeId);
  return words.kind[event.kind](shortId(event.nodeId), other);
}

export function factText(fact: OperatorFact, messages: Messages, format: Formatter): string {
  const words = messages.cluster.facts;
  switch (fact.what) {
    case 'state':
      return messages.cluster.state[fact.state];
    case 'slow_loop':
      return words.slow_loop(format.count(fact.delayMs));
    case 'low_disk':
      return words.low_disk(format.size(fact.freeBytes));
    case 'epoch':
      return words.epoch(format.count(fact.epoch));
    case 'chunk':
      return words.chunk(format.count(fact.fileIndex), format.count(fact.chunkIndex));
    default:
      return words[fact.what];
  }
}

const TONES: Partial<Record<OperatorEventKind, Tone>> = {
  gone: 'waiting',
  given_up: 'waiting',
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
  'given_up',
  'elected',
  'promoted',
  'repaired',
  'damaged',
]);

export function isReadOut({ kind }: OperatorEvent): boolean {
  return READ_OUT.has(kind);
}
