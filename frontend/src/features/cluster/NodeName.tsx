import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { reasonsOf } from './node-figures.ts';
import { shortId, standingOf, TONE_TEXT, toneOf } from './node-standing.ts';

/** A node's name as a button that opens its details, and whether it leads. */
export function NodeName({ node, onOpen }: { readonly node: OperatorNode; readonly onOpen: (nodeId: string) => void }) {
  const { messages } = useLanguage();
  const words = messages.cluster.nodes;
  const { nodeId } = node.health;
  return (
    <span className="inline-flex items-center gap-2 whitespace-nowrap">
      <button
        type="button"
        aria-label={words.details(shortId(nodeId))}
        onClick={() => onOpen(nodeId)}
        className="inline-flex min-h-11 items-center font-mono underline decoration-hairline underline-offset-4 hover:decoration-ink"
      >
        <span dir="ltr">{shortId(nodeId)}</span>
      </button>
      {node.isLeader && (
        <span className="rounded-sm bg-ink px-1.5 text-xs leading-5 font-medium text-paper">{words.leader}</span>
      )}
    </span>
  );
}

/** Its state and why, in a line. */
export function NodeState({ node }: { readonly node: OperatorNode }) {
  const { messages, format } = useLanguage();
  const standing = standingOf(node);
  const reasons = reasonsOf(node, messages, format);
  return (
    <span className={TONE_TEXT[toneOf(node)]}>
      <span className={standing === 'healthy' ? '' : 'font-medium'}>{messages.cluster.state[standing]}</span>
      {reasons !== '' && <span>: {reasons}</span>}
    </span>
  );
}
