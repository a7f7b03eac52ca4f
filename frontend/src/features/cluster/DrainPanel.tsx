import { useEffect, useRef, useState } from 'react';
import type { DrainResponse, OperatorNode, OperatorOverview } from '../../../../services/contracts/operator.ts';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import { mayBeGivenUp, shortId, standingOf } from './node-standing.ts';
import { useDrain } from './use-drain.ts';

/** The way to empty a node: what it means, a second question, then what is left until it has left. */
export function DrainPanel({ node, overview }: { readonly node: OperatorNode; readonly overview: OperatorOverview }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.drain;
  const { nodeId } = node.health;
  const standing = standingOf(node);
  const [isSure, setIsSure] = useState(false);
  // The answer is there before the node's next word of itself.
  const { left, fault, isAsking, begin } = useDrain(nodeId, standing === 'draining');
  const isBegun = isSure && fault === null && (standing === 'healthy' || standing === 'degraded');
  const isAlone = !overview.nodes.some(
    (other) => other.health.nodeId !== nodeId && ['healthy', 'degraded'].includes(standingOf(other)),
  );

  // One that was merely missed for long has not left by itself, and something may still wait for it.
  if (standing === 'left' && mayBeGivenUp(node, overview)) return null;
  if (standing === 'left') return <p className="rounded-md bg-cell px-4 py-3 font-medium">{words.done}</p>;
  if (standing === 'draining' || isBegun) return <Progress node={node} left={left} isAsking={isAsking} />;
  if (standing === 'silent' || standing === 'joining') return null;
  const confirm = async () => {
    setIsSure(true);
    await begin();
  };
  const explanation = fault ? explainFault(fault, messages, format) : null;
  return (
    <>
      {explanation && (
        <Notice tone="loss" title={words.failed}>
          {explanation.title}. {explanation.advice}
        </Notice>
      )}
      {isAlone ? (
        <p className="text-sm text-ink-soft">{words.alone}</p>
      ) : (
        <Question nodeId={nodeId} isBusy={isAsking} onConfirm={confirm} />
      )}
    </>
  );
}

function Question({
  nodeId,
  isBusy,
  onConfirm,
}: {
  readonly nodeId: string;
  readonly isBusy: boolean;
  readonly onConfirm: () => Promise<void>;
}) {
  const { messages } = useLanguage();
  const words = messages.cluster.drain;
  const [isAsked, setIsAsked] = useState(false);
  const keep = useRef<HTMLButtonElement>(null);
  // The button that was pressed is gone: the harmless one of the two that follow takes the focus.
  useEffect(() => {
    if (isAsked) keep.current?.focus();
  }, [isAsked]);
  if (!isAsked) {
    return (
      <Button className="self-start" aria-label={words.beginOf(shortId(nodeId))} onClick={() => setIsAsked(true)}>
        {words.begin}
      </Button>
    );
  }
  return (
    <fieldset className="flex flex-col gap-3 rounded-md bg-amber-wash px-4 py-3">
      <legend className="sr-only">{words.title(shortId(nodeId))}</legend>
      <p className="font-medium text-amber-ink">{words.title(shortId(nodeId))}</p>
      <p className="text-sm text-amber-ink">{words.explain}</p>
      <div className="flex flex-wrap gap-3">
        <Button variant="danger" isBusy={isBusy} onClick={() => void onConfirm()}>
          {words.confirm}
        </Button>
        <Button ref={keep} isBusy={isBusy} onClick={() => setIsAsked(false)}>
          {words.keep}
        </Button>
      </div>
    </fieldset>
  );
}

function Progress({
  node,
  left,
  isAsking,
}: {
  readonly node: OperatorNode;
  readonly left: DrainResponse | null;
  readonly isAsking: boolean;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.drain;
  // The overview counts homes once a second; only copies are counted when the drain itself is asked.
  const homes = left?.homeCount ?? (left === null ? node.homeCount : null);
  const copies = left?.onlyCopyCount ?? null;
  const isEmpty = homes === 0 && copies === 0;
  const show = (count: number | null) => (count === null ? messages.cluster.nodes.unknown : format.count(count));
  return (
    <div className="flex flex-col gap-3 rounded-md bg-amber-wash px-4 py-3 text-amber-ink">
      <p role="status" className="font-medium">
        {isEmpty ? words.empty : words.draining}
      </p>
      {!isAsking && left !== null && left.homeCount === null && <p className="text-sm">{words.leftUnknown}</p>}
      <dl className="tabular flex gap-8">
        <div>
          <dt className="text-sm">{words.homes}</dt>
          <dd className="text-xl font-medium">{show(homes)}</dd>
        </div>
        <div>
          <dt className="text-sm">{words.copies}</dt>
          <dd className="text-xl font-medium">{show(copies)}</dd>
        </div>
      </dl>
    </div>
  );
}
