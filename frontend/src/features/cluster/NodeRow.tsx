import type { TrafficHistory } from '../../../../services/contracts/http.ts';
import type { OperatorNode } from '../../../../services/contracts/operator.ts';
import { useLanguage } from '../../messages/language.tsx';
import { NodeName, NodeState } from './NodeName.tsx';
import { figuresOf } from './node-figures.ts';
import { standingOf } from './node-standing.ts';
import { Spark } from './Spark.tsx';

const FIGURE = 'pe-4 text-end whitespace-nowrap last:pe-0';

export function NodeRow({
  node,
  history,
  hasAddress,
  onOpen,
}: {
  readonly node: OperatorNode;
  readonly history: TrafficHistory | null;
  /** Some node has one: there is a column. */
  readonly hasAddress: boolean;
  readonly onOpen: (nodeId: string) => void;
}) {
  const { messages, format } = useLanguage();
  const figures = figuresOf(node, messages, format);
  const isGone = standingOf(node) === 'left';
  return (
    <tr className={`border-b border-hairline ${isGone ? 'text-ink-soft' : ''}`}>
      <th scope="row" className="pe-4 text-start font-normal">
        <NodeName node={node} onOpen={onOpen} />
      </th>
      <td className="w-full max-w-0 min-w-40 truncate pe-4 text-start">
        <NodeState node={node} />
      </td>
      {hasAddress && (
        <td className="hidden max-w-64 truncate pe-4 text-start 2xl:table-cell">
          <span dir="ltr">{node.publicUrl ?? ''}</span>
        </td>
      )}
      <td className={FIGURE}>{figures.load}</td>
      <td className={FIGURE}>{figures.delay}</td>
      <td className={`${FIGURE} ${figures.isDiskLow ? 'text-amber-ink' : ''}`}>
        <span className="2xl:hidden">{figures.diskFree}</span>
        <span className="hidden 2xl:inline">{figures.disk}</span>
      </td>
      <td className={FIGURE}>{figures.connections}</td>
      <td className={FIGURE}>{figures.homes}</td>
      <td className={FIGURE}>{figures.inward}</td>
      <td className={FIGURE}>{figures.outward}</td>
      <td className="hidden ps-8 pe-4 xl:table-cell">
        <Spark history={history} nodeId={node.health.nodeId} />
      </td>
      <td className={`${FIGURE} hidden xl:table-cell`}>{figures.uptime}</td>
      <td className={`${FIGURE} hidden xl:table-cell`}>{figures.version}</td>
    </tr>
  );
}
