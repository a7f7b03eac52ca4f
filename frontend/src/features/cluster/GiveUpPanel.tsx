import { useEffect, useRef, useState } from 'react';
import type { GiveUpResponse, OperatorNode } from '../../../../services/contracts/operator.ts';
import { Button } from '../../components/ui/Button.tsx';
import { Notice } from '../../components/ui/Notice.tsx';
import { explainFault } from '../../messages/explain-fault.ts';
import { useLanguage } from '../../messages/language.tsx';
import type { Fault } from '../../transfer-engine/fault.ts';
import { shortId } from './node-standing.ts';
import { operatorApi } from './operator-api.ts';

/** For a node that does not answer: what is lost when it never comes back, and the word that it does not. */
export function GiveUpPanel({ node }: { readonly node: OperatorNode }) {
  const { messages } = useLanguage();
  const words = messages.cluster.giveUp;
  const { nodeId } = node.health;
  const [costs, setCosts] = useState<GiveUpResponse | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [isAsking, setIsAsking] = useState(false);
  const ask = async (isConfirmed: boolean) => {
    setIsAsking(true);
    const answer = await (isConfirmed ? operatorApi.giveUp(nodeId) : operatorApi.costsOfGivingUp(nodeId));
    setIsAsking(false);
    setFault(answer.ok ? null : answer.fault);
    setCosts(answer.ok ? answer.value : null);
  };
  if (node.isGivenUp || costs?.isGivenUp) return <GivenUp costs={costs} />;
  return (
    <>
      {fault && <Refusal fault={fault} />}
      {costs ? (
        <Question costs={costs} isBusy={isAsking} onConfirm={() => ask(true)} onKeep={() => setCosts(null)} />
      ) : (
        <div className="flex flex-col items-start gap-2">
          <p className="text-sm text-ink-soft">{words.offer}</p>
          <Button aria-label={words.beginOf(shortId(nodeId))} isBusy={isAsking} onClick={() => void ask(false)}>
            {words.begin}
          </Button>
        </div>
      )}
    </>
  );
}

function Refusal({ fault }: { readonly fault: Fault }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.giveUp;
  if (fault.kind === 'problem' && fault.type === 'node_alive') {
    return (
      <Notice tone="waiting" title={words.alive}>
        {fault.retryAfterMs === null ? words.aliveText : words.aliveFor(format.duration(fault.retryAfterMs))}
      </Notice>
    );
  }
  const explanation = explainFault(fault, messages, format);
  return (
    <Notice tone="loss" title={words.failed}>
      {explanation.title}. {explanation.advice}
    </Notice>
  );
}

function Question({
  costs,
  isBusy,
  onConfirm,
  onKeep,
}: {
  readonly costs: GiveUpResponse;
  readonly isBusy: boolean;
  readonly onConfirm: () => Promise<void>;
  readonly onKeep: () => void;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.giveUp;
  const keep = useRef<HTMLButtonElement>(null);
  // The button that was pressed is gone: the harmless one of the two that follow takes the focus.
  useEffect(() => keep.current?.focus(), []);
  const { nodeId, homeCount, openLostCount, sealedLostCount, copyCount } = costs;
  const goneOn = Math.max(0, homeCount - openLostCount - sealedLostCount);
  const facts: readonly (readonly [count: number, name: string])[] = [
    [openLostCount, words.open],
    [sealedLostCount, words.sealed],
    [goneOn, words.goneOn],
    [copyCount, words.copies],
  ];
  return (
    <fieldset className="flex flex-col gap-3 rounded-md bg-red-wash px-4 py-3 text-red-ink">
      <legend className="sr-only">{words.title(shortId(nodeId))}</legend>
      <p className="font-medium">{words.title(shortId(nodeId))}</p>
      <p className="text-sm">{words.explain}</p>
      <dl className="tabular flex flex-col gap-1.5 text-sm">
        {facts.map(([count, name]) => (
          <div key={name} className="flex justify-between gap-6">
            <dt>{name}</dt>
            <dd className="font-medium">{format.count(count)}</dd>
          </div>
        ))}
      </dl>
      <div className="flex flex-wrap gap-3">
        <Button variant="danger" isBusy={isBusy} onClick={() => void onConfirm()}>
          {words.confirm}
        </Button>
        <Button ref={keep} isBusy={isBusy} onClick={onKeep}>
          {words.keep}
        </Button>
      </div>
    </fieldset>
  );
}

function GivenUp({ costs }: { readonly costs: GiveUpResponse | null }) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.giveUp;
  const lookedFor = costs?.sealedLostCount ?? 0;
  return (
    <div role="status" className="flex flex-col gap-1 rounded-md bg-cell px-4 py-3">
      <p className="font-medium">{words.done}</p>
      <p className="text-sm text-ink-soft">
        {lookedFor > 0 ? words.lookedFor(lookedFor, format.count(lookedFor)) : words.doneText}
      </p>
    </div>
  );
}
