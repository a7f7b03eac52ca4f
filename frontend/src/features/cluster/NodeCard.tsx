import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { NodeName, NodeState } from './NodeName.tsx';
import { figuresOf } from './node-figures.ts';
import { Spark } from './Spark.tsx';

/** A node on a phone. */
export function NodeCard({
  node,
  history,
  onOpen,
}: {
  readonly node: OperatorNode;
  readonly history: TrafficHistory | null;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages, format } = useLanguage();
  const words = messages.cluster.nodes;
  const figures = figuresOf(node, messages, format);
  const shown = [
    [words.load, figures.load],
    [words.delay, figures.delay],
    [words.in, figures.inward],
    [words.out, figures.outward],
    [words.connections, figures.connections],
    [words.transfers, figures.homes],
    [words.disk, figures.diskFree],
    [words.uptime, figures.uptime],
  ] as const;
  return (
    <li className="flex flex-col gap-2 border-t border-hairline py-3">
      <div className="flex flex-wrap items-center justify-between gap-x-4">
        <NodeName node={node} onOpen={onOpen} />
        <Spark history={history} nodeId={node.health.nodeId} />
      </div>
      <p className="text-sm">
        <NodeState node={node} />
      </p>
      <dl className="tabular grid grid-cols-2 gap-x-6 text-sm sm:grid-cols-4 sm:gap-y-2">
        {shown.map(([name, value]) => (
          <div key={name} className="flex flex-wrap justify-between gap-x-2 sm:flex-col">
            <dt className="text-ink-soft">{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
    </li>
  );
}
