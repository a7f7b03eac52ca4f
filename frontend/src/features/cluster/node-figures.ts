/** A node's figures as they are shown, each in the person's locale. */
import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import type { Formatter } from '../../lib/format.ts';
import type { Messages } from '../../messages/en.ts';
import { factText } from './event-words.ts';
import { standingOf } from './node-standing.ts';

/** A disk with less than this free is worth a look. */
const LITTLE_DISK = 0.1;

export interface NodeFigures {
  readonly load: string;
  readonly delay: string;
  readonly disk: string;
  readonly diskFree: string;
  readonly isDiskLow: boolean;
  readonly connections: string;
  readonly homes: string;
  readonly inward: string;
  readonly outward: string;
  readonly uptime: string;
  readonly version: string;
}

export function figuresOf(node: OperatorNode, messages: Messages, format: Formatter): NodeFigures {
  const words = messages.cluster.nodes;
  const { health, traffic } = node;
  const isGone = standingOf(node) === 'left';
  // Of a node that never said anything there is nothing to show.
  const isKnown = health.diskTotalBytes > 0;
  const unless = (isUnknown: boolean, text: () => string) => (isUnknown ? words.unknown : text());
  return {
    load: unless(!node.isAnswering, () => format.percent(node.load)),
    delay: unless(!isKnown, () => words.milliseconds(format.count(Math.round(health.eventLoopDelayP99Ms)))),
    disk: unless(!isKnown, () => words.diskOf(format.size(health.diskFreeBytes), format.size(health.diskTotalBytes))),
    diskFree: unless(!isKnown, () => format.size(health.diskFreeBytes)),
    isDiskLow: isKnown && !isGone && health.diskFreeBytes < LITTLE_DISK * health.diskTotalBytes,
    connections: unless(traffic === null, () => format.count(traffic?.sockets ?? 0)),
    homes: format.count(node.homeCount),
    inward: unless(traffic === null, () => format.rate(traffic?.bytesInPerSecond ?? 0)),
    outward: unless(traffic === null, () => format.rate(traffic?.bytesOutPerSecond ?? 0)),
    uptime: unless(!isKnown, () => format.duration(health.uptimeSeconds * 1000)),
    version: node.version === '' ? words.unknown : node.version,
  };
}

/** Why it is not healthy; empty for one that is, and for one that left. */
export function reasonsOf(node: OperatorNode, messages: Messages, format: Formatter): string {
  if (standingOf(node) === 'left') return '';
  return format.list(node.health.reasons.map((reason) => factText(reason, messages, format)));
}
